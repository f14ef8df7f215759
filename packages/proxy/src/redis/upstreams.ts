import type { Host } from '../cluster/host.ts';
import type { UpstreamCluster } from '../cluster/upstream-cluster.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { Cluster } from '../model/cluster.ts';
import type { RedisReadPolicy } from '../model/redis.ts';
import { greetingOf } from './greeting.ts';
import { encodeRequest } from './resp-writer.ts';
import { RedisClient } from './redis-client.ts';

/**
 * As long as Envoy keeps connections of HTTP and TCP that carry nothing: those of a filter that is gone end by it, since
 * nobody sends on them any more.
 */
const idleTimeoutMs = 3_600_000;
const readOnly = encodeRequest(['READONLY']);

/** The connections of a filter to its endpoints: one to each, and those of transactions. */
export class RedisUpstreams {
  readonly #timers: CoarseTimers;
  readonly #opTimeoutMs: number;
  readonly #readPolicy: RedisReadPolicy;
  readonly #clients = new WeakMap<Host, RedisClient>();

  constructor(timers: CoarseTimers, opTimeoutMs: number, readPolicy: RedisReadPolicy) {
    this.#readPolicy = readPolicy;
    this.#timers = timers;
    this.#opTimeoutMs = opTimeoutMs;
  }

  /** The shared connection to a host; undefined where the cluster may have no more. */
  client(cluster: UpstreamCluster, host: Host): RedisClient | undefined {
    const present = this.#clients.get(host);
    if (present?.over === false) return present;
    const client = this.#connect(cluster, host, idleTimeoutMs);
    if (client !== undefined) this.#clients.set(host, client);
    return client;
  }

  /** A connection of one's own, which stays until it is closed: the endpoint watches keys for it. */
  open(cluster: UpstreamCluster, host: Host): RedisClient | undefined {
    return this.#connect(cluster, host, 0);
  }

  #connect(cluster: UpstreamCluster, host: Host, idleMs: number): RedisClient | undefined {
    if (!cluster.breakers('default').mayConnect()) {
      cluster.stats.n.upstreamCxOverflow++;
      return undefined;
    }
    return new RedisClient(cluster, host, {
      timers: this.#timers,
      opTimeoutMs: this.#opTimeoutMs,
      idleTimeoutMs: idleMs,
      greetings: this.#greetingsOf(cluster.model),
    });
  }

  /** A replica of a Redis Cluster answers for its slots only where it has been told that this is wanted. */
  #greetingsOf(model: Cluster): readonly Buffer[] {
    const login = greetingOf(model);
    const toRead = model.discovery.kind === 'redis' && this.#readPolicy !== 'primary';
    return [...(login.length === 0 ? [] : [login]), ...(toRead ? [readOnly] : [])];
  }
}
