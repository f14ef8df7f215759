import type { Clock } from '@lateen/core';
import type { ConnectionEvents } from './connection.ts';
import { pushedKinds, type PushedKind } from './resource-set.ts';

/** Upper bounds of the convergence histogram, in seconds. */
export const convergenceBounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 3, 5, 10, 20, 30];

interface PerKind {
  pushes: number;
  resources: number;
  bytes: number;
  accepted: number;
  rejected: number;
}

/** Counts what is sent to proxies, for the control plane's own metrics. */
export class PushStatistics implements ConnectionEvents {
  readonly startedMs: number;
  readonly kinds: Readonly<Record<PushedKind, PerKind>>;
  /** Answers by time since sending; one more for those above all bounds. */
  readonly convergence: number[] = new Array<number>(convergenceBounds.length + 1).fill(0);
  convergenceSumMs = 0;
  connected = 0;
  states = 0;
  failures = 0;

  constructor(clock: Clock) {
    this.startedMs = clock.now();
    const zero = (): PerKind => ({ pushes: 0, resources: 0, bytes: 0, accepted: 0, rejected: 0 });
    this.kinds = Object.fromEntries(pushedKinds.map((kind) => [kind, zero()])) as Record<PushedKind, PerKind>;
  }

  onSent(kind: PushedKind, resources: number, bytes: number): void {
    const counts = this.kinds[kind];
    counts.pushes++;
    counts.resources += resources;
    counts.bytes += bytes;
  }

  onAccepted(kind: PushedKind, convergedMs: number): void {
    this.kinds[kind].accepted++;
    const seconds = convergedMs / 1000;
    const index = convergenceBounds.findIndex((bound) => seconds <= bound);
    const bucket = index === -1 ? convergenceBounds.length : index;
    this.convergence[bucket] = (this.convergence[bucket] ?? 0) + 1;
    this.convergenceSumMs += convergedMs;
  }

  onRejected(kind: PushedKind): void {
    this.kinds[kind].rejected++;
  }

  onConnections(connected: number): void {
    this.connected = connected;
  }

  onState(): void {
    this.states++;
  }

  onFailure(): void {
    this.failures++;
  }
}
