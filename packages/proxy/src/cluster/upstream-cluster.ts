import type { HeadPool } from '../codec/head.ts';
import { priorityLoads } from '../decide/priority-load.ts';
import type { Cluster } from '../model/cluster.ts';
import type { ClusterStatus } from '../model/data-plane.ts';
import type { ClusterLoadAssignment, Endpoint, Locality } from '../model/endpoint.ts';
import { formatAddress, type SocketAddress } from '../model/address.ts';
import { ClusterStats } from '../telemetry/cluster-stats.ts';
import { createBalancer, type Balancer, type BalancerRequest } from './balancer/balancer.ts';
import { Breakers } from './breakers.ts';
import type { Connector, ConnectorContext } from './connector.ts';
import { Host } from './host.ts';
import type { HttpPool } from './pool/http-pool.ts';
import { createHttpPool } from './pool/create-pool.ts';
import type { PoolContext } from './pool/http1-pool.ts';

/** What clusters share in a data plane. */
export interface ClusterContext extends ConnectorContext {
  readonly heads: HeadPool;
  readonly random: () => number;
  readonly createConnector: (cluster: Cluster, stats: ClusterStats) => Connector;
}

/** What a choice of endpoint depends on. */
export interface HostRequest extends BalancerRequest {
  /** Where the client wanted to go, for original-destination clusters. */
  readonly originalDestination: SocketAddress | undefined;
}

interface Priority {
  readonly upTo: number;
  readonly balancer: Balancer;
  readonly panic: boolean;
}

const nowhere: Locality = { region: '', zone: '', subZone: '' };
const maxOriginalDestinations = 4_096;

function originalDestinationEndpoint(address: SocketAddress): Endpoint {
  return { address, hostname: '', healthStatus: 'unknown', weight: 1, metadata: {} };
}

/**
 * A cluster at work: its endpoints, who of them is next, its connections, limits and statistics.
 *
 * A new version of a cluster takes over what it can of the one before: statistics, limits in use and, where
 * connections are made in the same way, the hosts with theirs.
 */
export class UpstreamCluster {
  readonly model: Cluster;
  readonly stats: ClusterStats;
  readonly #context: ClusterContext;
  readonly #poolContext: PoolContext;
  readonly #breakers: { readonly default: Breakers; readonly high: Breakers };
  #hosts: Map<string, Host>;
  #priorities: readonly Priority[] = [];
  #overprovisioning = 140;
  #closed = false;

  constructor(model: Cluster, context: ClusterContext, previous: UpstreamCluster | undefined) {
    this.model = model;
    this.#context = context;
    this.stats = previous?.stats ?? new ClusterStats(model.statName ?? model.name);
    this.#breakers = {
      default:
        previous === undefined ? new Breakers(model.circuitBreakers.default) : previous.breakers('default'),
      high: previous === undefined ? new Breakers(model.circuitBreakers.high) : previous.breakers('high'),
    };
    this.#breakers.default.thresholds = model.circuitBreakers.default;
    this.#breakers.high.thresholds = model.circuitBreakers.high;
    this.#poolContext = {
      connector: context.createConnector(model, this.stats),
      stats: this.stats,
      breakersOf: (priority) => this.#breakers[priority],
      http1: {
        maxHeadBytes: 64 * 1024,
        maxHeaders: 100,
        preserveHeaderCase: model.http.preserveHeaderCase,
        enableTrailers: model.http.enableTrailers,
        idleTimeoutMs: model.http.idleTimeoutMs,
        maxRequests: model.http.maxRequestsPerConnection,
      },
      heads: context.heads,
      timers: context.timers,
    };
    this.#hosts = new Map();
    if (previous !== undefined && connectsAlike(previous.model, model)) {
      this.#hosts = previous.#hosts;
      previous.#hosts = new Map();
      this.#rebuild();
    }
  }

  get name(): string {
    return this.model.name;
  }

  get hosts(): Iterable<Host> {
    return this.#hosts.values();
  }

  breakers(priority: 'default' | 'high'): Breakers {
    return this.#breakers[priority];
  }

  get connector(): Connector {
    return this.#poolContext.connector;
  }

  /** Puts these endpoints in force; hosts that stay keep their connections. */
  setEndpoints(assignment: ClusterLoadAssignment): void {
    const hosts = new Map<string, Host>();
    for (const { endpoints, locality, priority } of assignment.localities) {
      for (const endpoint of endpoints) {
        const key = formatAddress(endpoint.address);
        let host = hosts.get(key) ?? this.#hosts.get(key);
        if (host === undefined) host = new Host(endpoint, locality, priority);
        host.endpoint = endpoint;
        host.locality = locality;
        host.priority = priority;
        host.weight = endpoint.weight;
        hosts.set(key, host);
      }
    }
    for (const [key, host] of this.#hosts) if (!hosts.has(key)) this.#drop(host);
    this.#hosts = hosts;
    this.#overprovisioning = assignment.overprovisioningFactor;
    this.stats.n.membershipChange++;
    this.#rebuild();
  }

  /** To be called when the health of a host has changed. */
  onHealthChange(): void {
    this.#rebuild();
  }

  /** The endpoint for a request; undefined where there is none. */
  chooseHost(request: HostRequest): Host | undefined {
    if (this.model.discovery.kind === 'original_dst') return this.#originalDestination(request);
    const priorities = this.#priorities;
    if (priorities.length === 0) return undefined;
    let priority = priorities[0] as Priority;
    if (priority.upTo < 100) {
      const wanted = this.#context.random() * 100;
      for (let i = 1; i < priorities.length && wanted >= priority.upTo; i++)
        priority = priorities[i] as Priority;
    }
    if (priority.panic) this.stats.n.lbHealthyPanic++;
    return priority.balancer.pick(request);
  }

  /** The HTTP connections to a host. */
  poolOf(host: Host): HttpPool {
    return (host.pool ??= createHttpPool(host, this.model, this.#poolContext, this.#context.turn));
  }

  status(): ClusterStatus {
    return { cluster: this.model, endpoints: [...this.#hosts.values()].map((host) => host.status()) };
  }

  /** Lets connections finish what they carry and takes no new request. */
  drain(): void {
    for (const host of this.#hosts.values()) this.#drop(host);
    this.#hosts.clear();
    this.#priorities = [];
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const host of this.#hosts.values()) host.pool?.close();
    this.#hosts.clear();
    this.#priorities = [];
  }

  #drop(host: Host): void {
    host.removed = true;
    if (this.model.closeConnectionsOnHostRemoval) host.pool?.close();
    else host.pool?.drain();
  }

  #rebuild(): void {
    const groups: Host[][] = [];
    let healthyTotal = 0;
    for (const host of this.#hosts.values()) {
      (groups[host.priority] ??= []).push(host);
      if (host.healthy) healthyTotal++;
    }
    const filled = Array.from(groups, (group) => group ?? []);
    const healthy = filled.map((group) => group.filter((host) => host.healthy));
    const loads = priorityLoads(
      filled.map((group, i) => ({ total: group.length, healthy: healthy[i]?.length ?? 0 })),
      this.#overprovisioning,
      this.model.panicThresholdPercent,
    );
    let upTo = 0;
    const priorities: Priority[] = [];
    loads.forEach(({ percent, panic }, i) => {
      if (percent === 0) return;
      upTo += percent;
      // In panic all hosts take part, except those that are known to be going away or marked by EDS.
      const members = panic ? (filled[i] ?? []) : (healthy[i] ?? []);
      const balancer = createBalancer(this.model.loadBalancing, members, this.#context.random);
      priorities.push({ upTo: upTo > 99.999 ? 100 : upTo, balancer, panic });
    });
    this.#priorities = priorities;
    this.stats.n.membershipTotal = this.#hosts.size;
    this.stats.n.membershipHealthy = healthyTotal;
  }

  #originalDestination(request: HostRequest): Host | undefined {
    const wanted = request.originalDestination;
    if (wanted === undefined) return undefined;
    const { discovery } = this.model;
    const port = discovery.kind === 'original_dst' ? (discovery.portOverride ?? wanted.port) : wanted.port;
    const address: SocketAddress = { kind: 'socket', address: wanted.address, port };
    const key = formatAddress(address);
    let host = this.#hosts.get(key);
    if (host === undefined) {
      if (this.#hosts.size >= maxOriginalDestinations) this.#forgetUnused();
      host = new Host(originalDestinationEndpoint(address), nowhere, 0);
      this.#hosts.set(key, host);
      this.stats.n.membershipTotal = this.#hosts.size;
      this.stats.n.membershipHealthy = this.#hosts.size;
    }
    return host;
  }

  #forgetUnused(): void {
    for (const [key, host] of this.#hosts) {
      if (host.active === 0 && host.cxActive === 0) this.#hosts.delete(key);
    }
  }
}

/** True where connections made for one version of a cluster serve the other as well. */
function connectsAlike(a: Cluster, b: Cluster): boolean {
  const picture = (c: Cluster): string =>
    JSON.stringify([
      c.discovery.kind,
      c.http,
      c.transport,
      c.transportMatches,
      c.sourceAddress,
      c.tcpKeepalive,
      c.proxyProtocol,
      c.connectTimeoutMs,
    ]);
  return picture(a) === picture(b);
}
