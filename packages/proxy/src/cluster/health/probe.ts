import type { HeadPool } from '../../codec/head.ts';
import type { Connector } from '../connector.ts';
import type { Host } from '../host.ts';
import type { HttpPool } from '../pool/http-pool.ts';

/** How a probe ended. */
export type ProbeResult =
  | 'success'
  /** It is well enough to be used where the others do not suffice. */
  | 'degraded'
  /** The host answered, and not well: it is unhealthy at once. */
  | 'refused'
  /** The host answered that it cannot just now: counts towards the threshold. */
  | 'retriable'
  /** No connection, or no answer that makes sense. */
  | 'network';

export interface ProbeContext {
  readonly connector: Connector;
  readonly heads: HeadPool;
  readonly clusterName: string;
  /** Connections are kept for the next check. */
  readonly reuseConnection: boolean;
  /** Connections for checks only: they count neither in the limits nor in the statistics of the cluster. */
  readonly createPool: (host: Host, protocol: 'http1' | 'http2') => HttpPool;
}

/** Asks one host, again and again. */
export interface Probe {
  /** Asks once; `done` is called once, later, unless {@link cancel} comes first. */
  run(done: (result: ProbeResult) => void): void;
  /** Gives up what is under way. */
  cancel(): void;
  /** Closes the connections that are kept. */
  close(): void;
}
