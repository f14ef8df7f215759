import type { Host } from '../cluster/host.ts';
import type { UpstreamCluster } from '../cluster/upstream-cluster.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import { greetingOf } from './greeting.ts';
import { RedisClient } from './redis-client.ts';

/** The connections of a filter to its endpoints: one to each, and those of transactions. */
export class RedisUpstreams {
  readonly #timers: CoarseTimers;
  readonly #opTimeoutMs: number;
  readonly #clients = new WeakMap<Host, RedisClient>();

  constructor(timers: CoarseTimers, opTimeoutMs: number) {
    this.#timers = timers;
    this.#opTimeoutMs = opTimeoutMs;
  }

  /** The shared connection to a host; undefined where the cluster may have no more. */
  client(cluster: UpstreamCluster, host: Host): RedisClient | undefined {
    const present = this.#clients.get(host);
    if (present?.over === false) return present;
    const client = this.open(cluster, host);
    if (client !== undefined) this.#clients.set(host, client);
    return client;
  }

  /** A connection of one's own. */
  open(cluster: UpstreamCluster, host: Host): RedisClient | undefined {
    if (!cluster.breakers('default').mayConnect()) {
      cluster.stats.n.upstreamCxOverflow++;
      return undefined;
    }
    return new RedisClient(cluster, host, {
      timers: this.#timers,
      opTimeoutMs: this.#opTimeoutMs,
      greeting: greetingOf(cluster.model),
    });
  }
}
