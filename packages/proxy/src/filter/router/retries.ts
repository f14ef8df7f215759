import type { Timer } from '@lateen/core';
import type { Breakers } from '../../cluster/breakers.ts';
import type { Host } from '../../cluster/host.ts';
import type { UpstreamCluster } from '../../cluster/upstream-cluster.ts';
import type { RetryPolicy } from '../../model/route.ts';

/** The further tries of one request: how many are left, where it has been, and what they count as. */
export class Retries {
  readonly #policy: RetryPolicy;
  left: number;
  /** Runs until the next try. */
  timer: Timer | undefined;
  readonly tried: Host[] = [];
  /** Priorities that have failed the request. */
  avoidPriorities: ReadonlySet<number> | undefined;
  /** Those that the retries of this request are counted in. */
  #countedIn: Breakers | undefined;

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
    this.left = policy.numRetries;
  }

  /** True where the cluster has room for one more retry; counts where it has not. */
  admits(cluster: UpstreamCluster, priority: 'default' | 'high'): boolean {
    if (cluster.breakers(priority).mayRetry()) return true;
    cluster.stats.n.upstreamRqRetryOverflow++;
    return false;
  }

  /** Notes that a try at `host` is followed by another. */
  begin(cluster: UpstreamCluster, priority: 'default' | 'high', host: Host): void {
    this.left--;
    cluster.stats.n.upstreamRqRetry++;
    if (this.#countedIn === undefined) {
      this.#countedIn = cluster.breakers(priority);
      this.#countedIn.retries++;
    }
    this.tried.push(host);
    const every = this.#policy.previousPrioritiesUpdateFrequency;
    if (every !== undefined && this.tried.length % every === 0) {
      this.avoidPriorities = new Set(this.tried.map((one) => one.priority));
    }
  }

  /** How long to wait before the try that has just begun; full jitter below a ceiling that doubles (Envoy). */
  backoffMs(random: number): number {
    const { backoffBaseMs, backoffMaxMs } = this.#policy;
    return random * Math.min(backoffMaxMs, backoffBaseMs * 2 ** (this.tried.length - 1));
  }

  /** No further try. */
  stop(): void {
    this.left = 0;
  }

  /** The request is over. */
  end(): void {
    this.timer?.cancel();
    if (this.#countedIn === undefined) return;
    this.#countedIn.retries--;
    this.#countedIn = undefined;
  }
}
