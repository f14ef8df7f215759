import type { Host } from '../cluster/host.ts';
import type { UpstreamCluster } from '../cluster/upstream-cluster.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import { readDataSource } from '../tls/data-source.ts';
import { RedisClient } from './redis-client.ts';
import { encodeRequest } from './resp-writer.ts';

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
      greeting: greetingOf(cluster),
    });
  }
}

/** `AUTH` as the cluster has it. */
function greetingOf({ model }: UpstreamCluster): Buffer {
  const { password, username } = model.redis ?? {};
  if (password === undefined) return Buffer.alloc(0);
  const parts = [username, password].flatMap((source) => {
    const bytes = source === undefined ? undefined : readDataSource(source, '');
    return bytes?.ok === true ? [bytes.value] : [];
  });
  return encodeRequest(['AUTH', ...parts]);
}
