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

/** Who waits for one thing. */
interface Demand {
  readonly waiters: Set<Waiter>;
  /** Other threads of this process in which somebody waits. */
  readonly threads: Set<number>;
}

/** How to ask for one thing, and how to ask no longer. */
interface Seeking {
  readonly ask: (seeker: DemandSeeker) => void;
  readonly giveUp: (seeker: DemandSeeker) => void;
}

/** Stops waiting; nothing is called any more. */
export type CancelDemand = () => void;

/** Requests and connections that wait for configuration which is fetched when somebody needs it. */
export class OnDemand {
  /** Undefined while nothing can be fetched: who asks is told that it is missing. */
  seeker: DemandSeeker | undefined;
  readonly #clock: Clock;
  readonly #clusters = new Map<string, Demand>();
  readonly #hosts = new Map<string, Demand>();

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
    return this.#wait(this.#clusters, name, timeoutMs, done, seekingCluster(name, source));
  }

  /** Waits for the virtual host of a table that takes `host`. */
  virtualHost(
    table: string,
    host: string,
    timeoutMs: number,
    done: (outcome: DemandOutcome) => void,
  ): CancelDemand {
    const name = `${table}/${host}`;
    return this.#wait(this.#hosts, name, timeoutMs, done, seekingHost(table, host));
  }

  /** Asks for what somebody waits for in another thread; what one thread gives up is still asked for where others wait. */
  seekerFor(thread: number): DemandSeeker {
    return {
      cluster: (name, source) => this.#hold(this.#clusters, name, thread, seekingCluster(name, source)),
      giveClusterUp: (name) =>
        this.#letGo(this.#clusters, name, thread, (seeker) => seeker.giveClusterUp(name)),
      virtualHost: (table, host) =>
        this.#hold(this.#hosts, `${table}/${host}`, thread, seekingHost(table, host)),
      giveHostUp: (name) => this.#letGo(this.#hosts, name, thread, (seeker) => seeker.giveHostUp(name)),
    };
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
    demands: Map<string, Demand>,
    name: string,
    timeoutMs: number,
    done: (outcome: DemandOutcome) => void,
    { ask, giveUp }: Seeking,
  ): CancelDemand {
    const { seeker } = this;
    if (seeker === undefined) {
      done('missing');
      return () => {};
    }
    const demand = demandOf(demands, name);
    const waiter: Waiter = {
      done,
      timer: this.#clock.after(timeoutMs, () => {
        demand.waiters.delete(waiter);
        endIfOver(demands, name, demand, () => giveUp(seeker));
        waiter.done('timeout');
      }),
    };
    demand.waiters.add(waiter);
    ask(seeker);
    // Its time goes on: an answer that is late for this one is in time for the next.
    return () => {
      waiter.done = () => {};
    };
  }

  #hold(demands: Map<string, Demand>, name: string, thread: number, { ask }: Seeking): void {
    const { seeker } = this;
    if (seeker === undefined) return;
    demandOf(demands, name).threads.add(thread);
    ask(seeker);
  }

  #letGo(
    demands: Map<string, Demand>,
    name: string,
    thread: number,
    giveUp: (seeker: DemandSeeker) => void,
  ): void {
    const { seeker } = this;
    const demand = demands.get(name);
    if (seeker === undefined || demand?.threads.delete(thread) !== true) return;
    endIfOver(demands, name, demand, () => giveUp(seeker));
  }
}

function seekingCluster(name: string, source: ConfigSource): Seeking {
  return {
    ask: (seeker) => seeker.cluster(name, source),
    giveUp: (seeker) => seeker.giveClusterUp(name),
  };
}

function seekingHost(table: string, host: string): Seeking {
  return {
    ask: (seeker) => seeker.virtualHost(table, host),
    giveUp: (seeker) => seeker.giveHostUp(`${table}/${host}`),
  };
}

function demandOf(demands: Map<string, Demand>, name: string): Demand {
  const known = demands.get(name);
  if (known !== undefined) return known;
  const demand: Demand = { waiters: new Set(), threads: new Set() };
  demands.set(name, demand);
  return demand;
}

function endIfOver(demands: Map<string, Demand>, name: string, demand: Demand, giveUp: () => void): void {
  if (demand.waiters.size > 0 || demand.threads.size > 0 || demands.get(name) !== demand) return;
  demands.delete(name);
  giveUp();
}

function settle(demands: Map<string, Demand>, name: string, outcome: DemandOutcome): void {
  const demand = demands.get(name);
  if (demand === undefined) return;
  demands.delete(name);
  for (const waiter of demand.waiters) {
    waiter.timer.cancel();
    waiter.done(outcome);
  }
}
