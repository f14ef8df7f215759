import { endpointAt, Host } from '../cluster/host.ts';
import type { UpstreamCluster } from '../cluster/upstream-cluster.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { Cluster } from '../model/cluster.ts';
import { formatAddress, type SocketAddress } from '../model/address.ts';
import type { RedisProxy, RedisReadPolicy } from '../model/redis.ts';
import type { RedisClusterStats } from '../telemetry/redis-cluster-stats.ts';
import { greetingOf } from './greeting.ts';
import { encodeRequest } from './resp-writer.ts';
import { RedisClient } from './redis-client.ts';

/**
 * As long as Envoy keeps connections of HTTP and TCP that carry nothing: those of a filter that is gone end by it, since
 * nobody sends on them any more.
 */
const idleTimeoutMs = 3_600_000;
const nowhere = { region: '', zone: '', subZone: '' };
const readOnly = encodeRequest(['READONLY']);

/** The connections of a filter to its endpoints: one to each, and those of transactions. */
export class RedisUpstreams {
  readonly #timers: CoarseTimers;
  readonly #opTimeoutMs: number;
  readonly #readPolicy: RedisReadPolicy;
  readonly #maxUnknown: number;
  readonly #statsOf: (cluster: string) => RedisClusterStats;
  readonly #nowMs: () => number;
  readonly #countsCommands: boolean;
  readonly #clients = new WeakMap<Host, RedisClient>();
  /** Nodes that others have named and that the clusters do not know, by their addresses. */
  readonly #unknown = new WeakMap<UpstreamCluster, Map<string, Host>>();

  constructor(
    timers: CoarseTimers,
    nowMs: () => number,
    { opTimeoutMs, readPolicy, maxUnknownConnections, countsUpstreamCommands }: RedisProxy,
    statsOf: (cluster: string) => RedisClusterStats,
  ) {
    this.#nowMs = nowMs;
    this.#countsCommands = countsUpstreamCommands;
    this.#readPolicy = readPolicy;
    this.#timers = timers;
    this.#opTimeoutMs = opTimeoutMs;
    this.#maxUnknown = maxUnknownConnections;
    this.#statsOf = statsOf;
  }

  /** The shared connection to a host; undefined where the cluster may have no more. */
  client(cluster: UpstreamCluster, host: Host): RedisClient | undefined {
    const present = this.#clients.get(host);
    if (present?.over === false) return present;
    const client = this.#connect(cluster, host, idleTimeoutMs);
    if (client !== undefined) this.#clients.set(host, client);
    return client;
  }

  /**
   * The shared connection to a node that another one has named (`MOVED`, `ASK`) and that the cluster does not know;
   * undefined where there are as many of them as may be.
   */
  unknownClient(cluster: UpstreamCluster, address: SocketAddress): RedisClient | undefined {
    const hosts = this.#unknown.get(cluster) ?? new Map<string, Host>();
    this.#unknown.set(cluster, hosts);
    const key = formatAddress(address);
    const known = hosts.get(key);
    if (known !== undefined) return this.client(cluster, known);
    if (hosts.size >= this.#maxUnknown) {
      for (const [name, host] of hosts) if (this.#clients.get(host)?.over !== false) hosts.delete(name);
    }
    if (hosts.size >= this.#maxUnknown) {
      this.#statsOf(statNameOf(cluster)).n.unknownReached++;
      return undefined;
    }
    const host = new Host(endpointAt(address), nowhere, 0, 0);
    hosts.set(key, host);
    return this.client(cluster, host);
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
      counts: this.#countsCommands
        ? { stats: this.#statsOf(statNameOf(cluster)), nowMs: this.#nowMs }
        : undefined,
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

function statNameOf({ model }: UpstreamCluster): string {
  return model.statName ?? model.name;
}
