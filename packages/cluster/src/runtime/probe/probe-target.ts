import type { Clock } from '@lateen/core';

/** How one try of a probe went. */
export type ProbeOutcome = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** Where network probes go, and how commands are run. */
export interface ProbeTarget {
  readonly clock: Clock;
  readonly podIP: string;
  /** The number of a port, given by number or name; undefined where the container has none of that name. */
  readonly portNumber: (port: number | string) => number | undefined;
  /** Runs a command in the container. */
  readonly exec: (command: readonly string[], timeoutMs: number) => Promise<ProbeOutcome>;
}
