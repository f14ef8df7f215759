import type { Clock, Timer } from '@lateen/core';
import type { ConfigSource } from '../model/config-source.ts';

/** How the wait for something ended. */
export type DemandOutcome = 'available' | 'missing' | 'timeout';

/** Asks for what somebody waits for. */
export interface DemandSeeker {
  cluster(name: string, source: ConfigSource): void;
  /** Nobody waits for a cluster any more, and it is not in force. */
  giveClusterUp(name: string): void;
  /** `host` is what the client asked for, in lower case. */
  virtualHost(table: string, host: string): void;
  /** Nobody waits for `TABLE/HOST` any more, and nothing has been heard of it. */
  giveHostUp(name: string): void;
}

interface Waiter {
  done: (outcome: DemandOutcome) => void;
  readonly timer: Timer;
}

/** Stops waiting; nothing is called any more. */
export type CancelDemand = () => void;

/** Requests and connections that wait for configuration which is fetched when somebody needs it. */
export class OnDemand {
  /** Undefined while nothing can be fetched: who asks is told that it is missing. */
  seeker: DemandSeeker | undefined;
  readonly #clock: Clock;
  readonly #clusters = new Map<string, Set<Waiter>>();
  readonly #hosts = new Map<string, Set<Waiter>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits for a cluster to be in force. */
  cluster(
    name: string,
    source: ConfigSource,
    timeoutMs: number,
    done: (outcome: DemandOutcome) => void,
  ): CancelDemand {
    return this.#wait(this.#clusters, name, timeoutMs, done, {
      ask: (seeker) => seeker.cluster(name, source),
      giveUp: (seeker) => seeker.giveClusterUp(name),
    });
  }

  /** Waits for the virtual host of a table that takes `host`. */
  virtualHost(
    table: string,
    host: string,
    timeoutMs: number,
    done: (outcome: DemandOutcome) => void,
  ): CancelDemand {
    const name = `${table}/${host}`;
    return this.#wait(this.#hosts, name, timeoutMs, done, {
      ask: (seeker) => seeker.virtualHost(table, host),
      giveUp: (seeker) => seeker.giveHostUp(name),
    });
  }

  /** Clusters have changed: those that are waited for may be in force now. */
  clustersChanged(isThere: (name: string) => boolean): void {
    for (const name of this.#clusters.keys()) if (isThere(name)) this.settleCluster(name, 'available');
  }

  settleCluster(name: string, outcome: DemandOutcome): void {
    settle(this.#clusters, name, outcome);
  }

  /** `name` is `TABLE/HOST`. */
  settleHost(name: string, outcome: DemandOutcome): void {
    settle(this.#hosts, name, outcome);
  }

  #wait(
    waiting: Map<string, Set<Waiter>>,
    name: string,
    timeoutMs: number,
    done: (outcome: DemandOutcome) => void,
    { ask, giveUp }: Readonly<Record<'ask' | 'giveUp', (seeker: DemandSeeker) => void>>,
  ): CancelDemand {
    const { seeker } = this;
    if (seeker === undefined) {
      done('missing');
      return () => {};
    }
    const waiters = waiting.get(name) ?? new Set();
    waiting.set(name, waiters);
    const waiter: Waiter = {
      done,
      timer: this.#clock.after(timeoutMs, () => {
        waiters.delete(waiter);
        if (waiters.size === 0 && waiting.get(name) === waiters) {
          waiting.delete(name);
          giveUp(seeker);
        }
        waiter.done('timeout');
      }),
    };
    waiters.add(waiter);
    ask(seeker);
    // Its time goes on: an answer that is late for this one is in time for the next.
    return () => {
      waiter.done = () => {};
    };
  }
}

function settle(waiting: Map<string, Set<Waiter>>, name: string, outcome: DemandOutcome): void {
  const waiters = waiting.get(name);
  if (waiters === undefined) return;
  waiting.delete(name);
  for (const waiter of waiters) {
    waiter.timer.cancel();
    waiter.done(outcome);
  }
}
