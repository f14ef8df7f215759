import type { CircuitBreakerThresholds, Cluster } from '../model/cluster.ts';
import type { SharedCells } from '../workers/shared-cells.ts';

/** What a cluster has in use, against its limits; one for each routing priority. */
export abstract class Breakers {
  thresholds: CircuitBreakerThresholds;
  abstract readonly connections: number;
  abstract readonly pending: number;
  abstract readonly requests: number;
  abstract readonly retries: number;

  constructor(thresholds: CircuitBreakerThresholds) {
    this.thresholds = thresholds;
  }

  /** True once there was a connection, where others than this thread may have made it. */
  get everConnected(): boolean {
    return false;
  }

  abstract countConnection(change: 1 | -1): void;
  abstract countPending(change: 1 | -1): void;
  abstract countRequest(change: 1 | -1): void;
  abstract countRetry(change: 1 | -1): void;

  mayConnect(): boolean {
    return this.connections < this.thresholds.maxConnections;
  }

  mayWait(): boolean {
    return this.pending < this.thresholds.maxPendingRequests;
  }

  /** To be asked when a stream is attached to a connection; requests that wait for one are {@link pending}. */
  mayRequest(): boolean {
    return this.requests < this.thresholds.maxRequests;
  }

  /** A budget counts against the requests under way, those that wait included; a plain limit by itself. */
  get retryLimit(): number {
    const budget = this.thresholds.retryBudget;
    if (budget === undefined) return this.thresholds.maxRetries;
    return Math.max(
      budget.minRetryConcurrency,
      Math.floor(((this.requests + this.pending) * budget.budgetPercent) / 100),
    );
  }

  mayRetry(): boolean {
    return this.retries < this.retryLimit;
  }
}

/** Of a process with one thread, or of connections that count for themselves. */
export class OwnBreakers extends Breakers {
  connections = 0;
  pending = 0;
  requests = 0;
  retries = 0;

  countConnection(change: 1 | -1): void {
    this.connections += change;
  }

  countPending(change: 1 | -1): void {
    this.pending += change;
  }

  countRequest(change: 1 | -1): void {
    this.requests += change;
  }

  countRetry(change: 1 | -1): void {
    this.retries += change;
  }
}

/** Cells of {@link SharedBreakers}. */
const breakerCells = 5;

/**
 * Of all threads of a process together, as Envoy's are. As there, a thread looks and then counts, so that threads that
 * do so at the same moment may be one each over the limit.
 */
export class SharedBreakers extends Breakers {
  readonly #cells: Int32Array;
  readonly #at: number;

  /** `at`: the first of {@link breakerCells} cells. */
  constructor(thresholds: CircuitBreakerThresholds, cells: Int32Array, at: number) {
    super(thresholds);
    this.#cells = cells;
    this.#at = at;
  }

  get connections(): number {
    return Atomics.load(this.#cells, this.#at);
  }

  get pending(): number {
    return Atomics.load(this.#cells, this.#at + 1);
  }

  get requests(): number {
    return Atomics.load(this.#cells, this.#at + 2);
  }

  get retries(): number {
    return Atomics.load(this.#cells, this.#at + 3);
  }

  override get everConnected(): boolean {
    return Atomics.load(this.#cells, this.#at + 4) === 1;
  }

  countConnection(change: 1 | -1): void {
    Atomics.add(this.#cells, this.#at, change);
    if (change === 1) Atomics.store(this.#cells, this.#at + 4, 1);
  }

  countPending(change: 1 | -1): void {
    Atomics.add(this.#cells, this.#at + 1, change);
  }

  countRequest(change: 1 | -1): void {
    Atomics.add(this.#cells, this.#at + 2, change);
  }

  countRetry(change: 1 | -1): void {
    Atomics.add(this.#cells, this.#at + 3, change);
  }
}

/** The limits of a cluster in use, for both routing priorities. */
export type ClusterBreakers = Readonly<Record<'default' | 'high', Breakers>>;

/** Those of a cluster that has not been there; `shared` where other threads have it too. */
export function breakersFor(model: Cluster, shared: SharedCells | undefined): ClusterBreakers {
  const { default: normal, high } = model.circuitBreakers;
  // Never let go: requests outlive their cluster, and there are not many names.
  const at = shared?.acquire(`breakers ${model.name}`);
  if (shared === undefined || at === undefined) {
    return { default: new OwnBreakers(normal), high: new OwnBreakers(high) };
  }
  return {
    default: new SharedBreakers(normal, shared.cells, at),
    high: new SharedBreakers(high, shared.cells, at + breakerCells),
  };
}
