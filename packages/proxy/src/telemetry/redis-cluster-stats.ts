import { Histogram } from './histogram.ts';
import { NumberGroup } from './number-group.ts';
import type { StatVisitor } from './stat-group.ts';

const names = {
  unknownReached: ['max_upstream_unknown_connections_reached', 'counter'],
} as const;

/** What became of one command that an endpoint was sent. */
export class UpstreamCommandStats {
  total = 0;
  success = 0;
  failure = 0;
  /** Microseconds. */
  readonly latency = new Histogram();
}

/** What Redis proxies did with a cluster, Envoy's `cluster.NAME.redis_cluster.…`; a command is there from its first use on. */
export class RedisClusterStats extends NumberGroup<typeof names> {
  readonly #commands = new Map<string, UpstreamCommandStats>();
  /** Of all commands, in microseconds. */
  readonly requestTime = new Histogram();

  constructor(cluster: string) {
    const prefix = `cluster.${cluster}.redis_cluster.`;
    super(prefix, 'envoy_cluster_redis_cluster_', { cluster_name: cluster }, names);
  }

  command(name: string): UpstreamCommandStats {
    let stats = this.#commands.get(name);
    if (stats === undefined) {
      stats = new UpstreamCommandStats();
      this.#commands.set(name, stats);
    }
    return stats;
  }

  override visit(visitor: StatVisitor): void {
    super.visit(visitor);
    if (this.#commands.size > 0) visitor.histogram('upstream_commands.upstream_rq_time', this.requestTime);
    for (const [name, { total, success, failure, latency }] of this.#commands) {
      const at = `upstream_commands.${name}`;
      visitor.number(`${at}.total`, 'counter', total);
      visitor.number(`${at}.success`, 'counter', success);
      visitor.number(`${at}.failure`, 'counter', failure);
      visitor.histogram(`${at}.latency`, latency);
    }
  }

  override resetCounters(): void {
    super.resetCounters();
    this.requestTime.reset();
    for (const stats of this.#commands.values()) {
      stats.total = stats.success = stats.failure = 0;
      stats.latency.reset();
    }
  }
}
