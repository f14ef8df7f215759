import type { Timer } from '@lateen/core';
import type { Breakers } from '../../cluster/breakers.ts';
import type { Host } from '../../cluster/host.ts';
import type { UpstreamCluster } from '../../cluster/upstream-cluster.ts';
import type { CompiledRetryPolicy } from '../../route/retry-policy.ts';
import type { VirtualClusterStats } from '../../telemetry/virtual-cluster-stats.ts';

/** The further tries of one request: how many are left, where it has been, and what they count as. */
export class Retries {
  readonly policy: CompiledRetryPolicy;
  left: number;
  /** Runs until the next try. */
  timer: Timer | undefined;
  readonly #tried: Host[] = [];
  /** Priorities that have failed the request. */
  avoidPriorities: ReadonlySet<number> | undefined;
  /** Those that the retries of this request are counted in. */
  #countedIn: Breakers | undefined;
  #stopped = false;

  /** Where they are counted besides the cluster's statistics. */
  readonly #virtual: VirtualClusterStats | undefined;

  constructor(policy: CompiledRetryPolicy, virtual?: VirtualClusterStats) {
    this.policy = policy;
    this.#virtual = virtual;
    this.left = policy.model.numRetries;
  }

  /** True where hosts are to be looked at before they are taken. */
  get passesOverHosts(): boolean {
    const { policy } = this;
    return this.#tried.length > 0 && (policy.model.avoidPreviousHosts || policy.omits !== undefined);
  }

  /** True for a host that the next try had better not go to. */
  passesOver(host: Host): boolean {
    const { policy } = this;
    if (policy.model.avoidPreviousHosts && this.#tried.includes(host)) return true;
    return policy.omits?.(host) === true;
  }

  /** True where the cluster has room for one more retry; counts where it has not. Whoever retries already has a place. */
  admits(cluster: UpstreamCluster, priority: 'default' | 'high'): boolean {
    if (this.#countedIn !== undefined || cluster.breakers(priority).mayRetry()) return true;
    cluster.stats.n.upstreamRqRetryOverflow++;
    if (this.#virtual !== undefined) this.#virtual.n.rqRetryOverflow++;
    return false;
  }

  /** Notes that a try at `host` is followed by another. */
  begin(cluster: UpstreamCluster, priority: 'default' | 'high', host: Host): void {
    this.left--;
    cluster.stats.n.upstreamRqRetry++;
    if (this.#virtual !== undefined) this.#virtual.n.rqRetry++;
    if (this.#countedIn === undefined) {
      this.#countedIn = cluster.breakers(priority);
      this.#countedIn.countRetry(1);
    }
    this.noteTried(host);
    const every = this.policy.model.previousPrioritiesUpdateFrequency;
    if (every !== undefined && this.#tried.length % every === 0) {
      this.avoidPriorities = new Set(this.#tried.map((one) => one.priority));
    }
  }

  noteTried(host: Host): void {
    this.#tried.push(host);
  }

  /**
   * How long to wait before the try that has just begun, and counts why: what the endpoint asked for (`resetMs`), or
   * full jitter below a ceiling that doubles (Envoy). `random` is below 1.
   */
  waitMs(cluster: UpstreamCluster, random: number, resetMs: number | undefined): number {
    if (resetMs !== undefined) {
      cluster.stats.n.upstreamRqRetryBackoffRatelimited++;
      // Never earlier than asked for, and not all at the same time.
      return resetMs * (1 + random / 2);
    }
    cluster.stats.n.upstreamRqRetryBackoffExponential++;
    const { backoffBaseMs, backoffMaxMs } = this.policy.model;
    return random * Math.min(backoffMaxMs, backoffBaseMs * 2 ** (this.#tried.length - 1));
  }

  /** No further try, whatever the policy allows. */
  stop(): void {
    this.left = 0;
    this.#stopped = true;
  }

  /** True, and counted, where one more try is wanted and the policy's number of them is why there is none. */
  isAtLimit(cluster: UpstreamCluster): boolean {
    if (this.left > 0 || this.#stopped) return false;
    cluster.stats.n.upstreamRqRetryLimitExceeded++;
    if (this.#virtual !== undefined) this.#virtual.n.rqRetryLimitExceeded++;
    return true;
  }

  /** The request is over. */
  end(): void {
    this.timer?.cancel();
    if (this.#countedIn === undefined) return;
    this.#countedIn.countRetry(-1);
    this.#countedIn = undefined;
  }
}
