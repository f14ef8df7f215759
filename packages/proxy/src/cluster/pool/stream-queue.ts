import type { ClusterStats } from '../../telemetry/cluster-stats.ts';
import type { Breakers } from '../breakers.ts';
import type { Host } from '../host.ts';
import type { PoolFailure, StreamWaiter } from './http-pool.ts';

/** A request that waits for a connection. */
export interface QueuedStream {
  readonly waiter: StreamWaiter;
  readonly priority: 'default' | 'high';
}

interface Entry extends QueuedStream {
  readonly breakers: Breakers;
}

/** What a queue needs from its cluster. */
export interface StreamQueueContext {
  readonly stats: ClusterStats;
  readonly breakersOf: (priority: 'default' | 'high') => Breakers;
}

/** The requests that wait for a connection to one host, in their order; they count against the limits of their priorities. */
export class StreamQueue {
  readonly #context: StreamQueueContext;
  readonly #host: Host;
  #entries: Entry[] = [];

  constructor(context: StreamQueueContext, host: Host) {
    this.#context = context;
    this.#host = host;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** The limits of whoever waits longest. */
  get breakers(): Breakers | undefined {
    return this.#entries[0]?.breakers;
  }

  /** The limits that it counts against from now on; undefined where too many wait already, of which the waiter is told. */
  add(waiter: StreamWaiter, priority: 'default' | 'high'): Breakers | undefined {
    const { stats, breakersOf } = this.#context;
    const breakers = breakersOf(priority);
    if (!breakers.mayWait()) {
      stats.n.upstreamRqPendingOverflow++;
      waiter.onPoolFailure('pending_overflow', 'too many pending requests');
      return undefined;
    }
    breakers.countPending(1);
    stats.n.upstreamRqPendingTotal++;
    stats.n.upstreamRqPendingActive++;
    this.#host.waiting++;
    this.#entries.push({ waiter, priority, breakers });
    return breakers;
  }

  /** True where the limit of requests lets this one have a stream now; else it is told. */
  admits(waiter: StreamWaiter, priority: 'default' | 'high'): boolean {
    return this.#context.breakersOf(priority).mayRequest() || this.#refuse(waiter);
  }

  /** Whoever waits longest, and waits no more; those for whom there are too many requests are told. */
  take(): StreamWaiter | undefined {
    for (let entry = this.#entries.shift(); entry !== undefined; entry = this.#entries.shift()) {
      this.#uncount(entry);
      if (entry.breakers.mayRequest()) return entry.waiter;
      this.#refuse(entry.waiter);
    }
    return undefined;
  }

  #refuse(waiter: StreamWaiter): false {
    this.#context.stats.n.upstreamRqActiveOverflow++;
    waiter.onPoolFailure('overflow', 'too many requests');
    return false;
  }

  /** True where it waited. */
  cancel(waiter: StreamWaiter): boolean {
    const at = this.#entries.findIndex((one) => one.waiter === waiter);
    const [entry] = at < 0 ? [] : this.#entries.splice(at, 1);
    if (entry !== undefined) this.#uncount(entry);
    return entry !== undefined;
  }

  /** Tells all of them that there will be no connection. */
  fail(failure: PoolFailure, detail: string): void {
    for (const entry of this.#takeAll()) entry.waiter.onPoolFailure(failure, detail);
  }

  /** All of them, to wait elsewhere: they are counted as if they had never been here. */
  handOver(): readonly QueuedStream[] {
    const entries = this.#takeAll();
    this.#context.stats.n.upstreamRqPendingTotal -= entries.length;
    return entries;
  }

  #takeAll(): readonly Entry[] {
    const entries = this.#entries;
    this.#entries = [];
    for (const entry of entries) this.#uncount(entry);
    return entries;
  }

  #uncount({ breakers }: Entry): void {
    breakers.countPending(-1);
    this.#context.stats.n.upstreamRqPendingActive--;
    this.#host.waiting--;
  }
}
