import type { PriorityHealth } from '../decide/priority-load.ts';
import type { AlpnOverride } from '../model/alpn-override.ts';
import type { Cluster } from '../model/cluster.ts';
import type { ClusterStatus } from '../model/status.ts';
import type { ClusterLoadAssignment, Endpoint, Locality } from '../model/endpoint.ts';
import { formatAddress } from '../model/address.ts';
import { ClusterStats } from '../telemetry/cluster-stats.ts';
import { chooseMember, type ServingCluster } from './aggregate.ts';
import type { BalancerContext } from './balancer/balancer.ts';
import type { PriorityBalancer } from './balancer/priority-balancer.ts';
import type { SubsetBalancer } from './balancer/subset-balancer.ts';
import { breakersFor, type Breakers, type ClusterBreakers } from './breakers.ts';
import { compileBalancers, type HostGroup } from './compile-balancers.ts';
import type { RedisSlots } from './redis-slots.ts';
import { outlierUnder, panicThresholdUnder, thresholdsUnder } from './runtime-limits.ts';
import { shareConnections } from './shared-connections.ts';
import { sharedHostsOf, type SharedHosts } from './shared-hosts.ts';
import { connectsAlike } from './connects-alike.ts';
import type { ClusterContext } from './cluster-context.ts';
import type { Connector, Downstream } from './connector.ts';
import { createChecker } from './health/create-checker.ts';
import type { HealthChecker } from './health/health-checker.ts';
import { OriginalDestinations } from './original-destinations.ts';
import { mayOverride } from './host-override.ts';
import { Host } from './host.ts';
import type { HostRequest } from './host-request.ts';
import { OutlierDetector } from './outlier/outlier-detector.ts';
import type { OutlierReason } from '../model/cluster.ts';
import { ClientPools } from './pool/client-pools.ts';
import type { HttpPool } from './pool/http-pool.ts';
import { createHttpPool } from './pool/create-pool.ts';
import type { PoolContext } from './pool/http1-pool.ts';
import { poolContextOf } from './pool/pool-context.ts';

const nowhere: Locality = { region: '', zone: '', subZone: '' };

/**
 * A cluster at work: its endpoints, who of them is next, its connections, limits and statistics.
 *
 * A new version has the statistics and limits in use of the one before. It may find out about its hosts before it serves:
 * from {@link serve} on, when it takes over those that it has too, where connections are made in the same way.
 */
export class UpstreamCluster {
  readonly model: Cluster;
  readonly stats: ClusterStats;
  readonly #context: ClusterContext;
  readonly #poolContext: PoolContext;
  /** TLS asks for the host of each request, or verifies it. */
  readonly #namesRequests: boolean;
  readonly #breakers: ClusterBreakers;
  #hosts = new Map<string, Host>();
  #groups: readonly HostGroup[] = [];
  #balancer: PriorityBalancer | undefined;
  #subsets: SubsetBalancer | undefined;
  readonly #balancing: BalancerContext;
  /** Undefined where endpoints are known before requests come. */
  readonly #destinations: OriginalDestinations | undefined;
  /** True where endpoints are told by the PROXY protocol who the client is. */
  readonly #tellsClients: boolean;
  /** There is TLS, and the version of HTTP does not depend on what it agrees on. */
  readonly #offersAlpn: boolean;
  readonly #members: readonly { readonly cluster: UpstreamCluster | undefined }[] | undefined;
  /** Undefined where nobody looks for outliers, and before the cluster serves. */
  outlier: OutlierDetector | undefined;
  #checker: HealthChecker | undefined;
  /** How the hosts are, where other threads serve them too. */
  readonly #shared: SharedHosts | undefined;
  #slots: RedisSlots | undefined;
  /** Called where a node of a Redis Cluster does not have a slot any more. */
  onRedirection: () => void = () => {};
  #overprovisioning = 140;
  #drops: ClusterLoadAssignment['dropFractions'] = [];
  /** True once endpoints have been set. */
  #knowsHosts = false;
  #serves = false;
  #closed = false;

  /** `previous`: the version that this one is to take the place of. */
  constructor(model: Cluster, context: ClusterContext, previous: UpstreamCluster | undefined) {
    this.model = model;
    this.#context = context;
    const statName = model.statName ?? model.name;
    const isSame = previous !== undefined && (previous.model.statName ?? previous.model.name) === statName;
    this.stats = isSame ? previous.stats : new ClusterStats(statName);
    this.#breakers = previous === undefined ? breakersFor(model, context.share?.cells) : previous.#breakers;
    this.stats.breakers = this.#breakers;
    this.#poolContext = poolContextOf(model, context, this.#breakers, this.stats, () =>
      this.nextConnectionId(),
    );
    const transports = [model.transport, ...model.transportMatches.map(({ transport }) => transport)];
    this.#tellsClients = transports.some(({ proxyProtocol }) => proxyProtocol !== undefined);
    this.#offersAlpn =
      model.http.protocol !== 'auto' && transports.some(({ kind }) => kind === 'upstream_tls');
    this.#namesRequests = transports.some(
      (one) => one.kind === 'upstream_tls' && (one.autoSni || one.autoSanValidation),
    );
    this.#balancing = { random: context.random, nowMs: () => context.turn.nowMs, hash: context.hash };
    const { discovery } = model;
    if (discovery.kind === 'original_dst') {
      this.#destinations = new OriginalDestinations(discovery, this.stats, (endpoint) => {
        const host = new Host(endpoint, nowhere, 0, context.turn.nowMs);
        shareConnections(host, model, context.share?.cells);
        return host;
      });
    }
    if (discovery.kind === 'aggregate') this.#members = discovery.clusters.map(context.clusterRef);
    this.#shared = sharedHostsOf(model, context.share);
  }

  /** Resolves when each host has been checked once; undefined where that is so already, or none is to be. */
  whenChecked(): Promise<void> | undefined {
    this.#checker ??= this.#checkHealth();
    return this.#checker?.whenChecked();
  }

  /** Takes the place of the version before. */
  serve(previous: UpstreamCluster | undefined): void {
    this.#serves = true;
    this.#limit();
    if (previous !== undefined) {
      previous.#stopWatching();
      if (connectsAlike(previous.model, this.model)) this.#takeHosts(previous);
    }
    this.outlier = this.#watchForOutliers();
    this.#checker ??= this.#checkHealth();
    this.#rebuild();
  }

  /** Hosts that this version has too stay what they are, with their connections; how they are is what it has found itself. */
  #takeHosts(previous: UpstreamCluster): void {
    const groups = this.#knowsHosts ? this.#groups : previous.#groups;
    const taken = new Map<Host, Host>();
    for (const [key, host] of previous.#hosts) {
      const own = this.#hosts.get(key);
      if (own === undefined && this.#knowsHosts) continue;
      if (own !== undefined) {
        host.succeed(own);
        this.#checker?.replace(own, host);
        this.#letGo(own);
        taken.set(own, host);
      }
      this.#hosts.set(key, host);
      previous.#hosts.delete(key);
      if (this.#shared === undefined) previous.#shared?.remove(host);
      else this.#shared.add(host);
      shareConnections(host, this.model, this.#context.share?.cells);
    }
    const successor = (host: Host): Host => taken.get(host) ?? host;
    this.#groups = groups.map((group) => ({ ...group, hosts: group.hosts.map(successor) }));
    this.#subsets = previous.#subsets;
    if (this.#knowsHosts) return;
    this.#slots = previous.#slots;
    this.#overprovisioning = previous.#overprovisioning;
    this.#drops = previous.#drops;
  }

  /** Takes what the runtime now says of limits, outliers and panic. */
  applyRuntime(): void {
    this.#limit();
    if (this.model.outlierDetection !== undefined) {
      this.outlier?.setRules(outlierUnder(this.#context.runtime, this.model.outlierDetection));
    }
    this.#rebuild();
  }

  #limit(): void {
    const { runtime } = this.#context;
    const { name, circuitBreakers } = this.model;
    this.#breakers.default.thresholds = thresholdsUnder(runtime, name, 'default', circuitBreakers.default);
    this.#breakers.high.thresholds = thresholdsUnder(runtime, name, 'high', circuitBreakers.high);
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
    const groups: HostGroup[] = [];
    const before = this.#hosts.size;
    let kept = 0;
    for (const { endpoints, locality, priority, weight } of assignment.localities) {
      const group: Host[] = [];
      for (const endpoint of endpoints) {
        const key = formatAddress(endpoint.address);
        // An address that is there twice counts once, where it comes first.
        if (hosts.has(key)) continue;
        let host = this.#hosts.get(key);
        if (host === undefined) {
          host = this.#addHost(endpoint, locality, priority);
        } else {
          kept++;
          host.update(endpoint, locality, priority);
        }
        hosts.set(key, host);
        group.push(host);
      }
      groups.push({ priority, weight: weight ?? 0, hosts: group });
    }
    for (const [key, host] of this.#hosts) if (!hosts.has(key)) this.#drop(host);
    this.#hosts = hosts;
    this.#groups = groups;
    this.#knowsHosts = true;
    this.#overprovisioning = assignment.overprovisioningFactor;
    this.#drops = assignment.dropFractions;
    if (kept !== before || kept !== hosts.size) this.stats.n.membershipChange++;
    this.#checker?.onHosts();
    this.#rebuild();
  }

  /** Puts in force who has which slots of a Redis Cluster. */
  setSlots(slots: RedisSlots, assignment: ClusterLoadAssignment): void {
    this.#slots = slots;
    this.setEndpoints(assignment);
  }

  /** The host at an address, as `10.0.0.1:6379`, or at the name that a Redis Cluster has for it. */
  hostAt(key: string): Host | undefined {
    return this.#hosts.get(this.#slots?.placeOf(key) ?? key);
  }

  /** To be called when the cluster that the proxy is part of has changed. */
  onLocalClusterChange(): void {
    if (this.model.zoneAware !== undefined) this.#rebuild();
  }

  nextConnectionId(): number {
    return this.#context.connectionIds.next();
  }

  /** To be called when the health of a host has changed. */
  onHealthChange(): void {
    this.#leaveFailed();
    this.#rebuild();
  }

  /** The thread that looks after the hosts has found that they are not as they were. */
  takeHealth(): void {
    if (this.#shared?.take(this.#hosts.values(), this.#context.clock.monotonicMs()) === true)
      this.onHealthChange();
  }

  /** Another thread has found that a host fails too often. */
  takeOutlier(key: string, reason: OutlierReason): void {
    const host = this.#shared?.find(this.#hosts, key);
    if (host !== undefined) this.outlier?.detect(host, reason);
  }

  /**
   * Another connection may do better than those to a host that fails, where it is asked again: as Envoy, they take no
   * further request. Where the cluster wants it, a failed check closes them at once.
   */
  #leaveFailed(): void {
    const closes = this.model.closeConnectionsOnHealthFailure === true;
    for (const host of this.#hosts.values()) {
      const fails = host.failedHealthCheck || host.ejected;
      if (closes && host.failedHealthCheck) this.#closeConnections(host);
      else if (fails && !host.hasFailed) host.renewConnections();
      host.hasFailed = fails;
    }
  }

  #closeConnections(host: Host): void {
    if (host.pool === undefined && host.others === undefined) return;
    host.leave('close');
    // What comes when it is well again begins anew.
    host.pool = undefined;
    host.clientPools = undefined;
    host.others = undefined;
  }

  /** The endpoint for a request; undefined where there is none. `priority`: one of exactly this priority. */
  chooseHost(request: HostRequest, priority?: number): Host | undefined {
    const { override } = request;
    if (override !== undefined) {
      const host = this.#hosts.get(override.address);
      if (host !== undefined && mayOverride(host, this.model.overrideHostStatuses)) return host;
      if (override.strict) return undefined;
    }
    if (this.#destinations !== undefined) return this.#destinations.hostOf(request, this.#hosts);
    if (request.redis !== undefined && this.#slots !== undefined) {
      const { slot, policy } = request.redis;
      return this.#slots.choose(slot, policy, this.#hosts, this.#context.random());
    }
    if (this.#subsets !== undefined) return this.#subsets.pick(request, priority);
    const balancer = this.#balancer;
    return priority === undefined ? balancer?.pick(request) : balancer?.pickAt(priority, request);
  }

  /** True for requests that are to be refused because the control plane sheds load. */
  shedsRequest(): boolean {
    return this.#drops.some((fraction) => this.#context.random() < fraction);
  }

  /** The turn's time. */
  get nowMs(): number {
    return this.#context.turn.nowMs;
  }

  /** True for a cluster that stands for others: {@link servingCluster} has to be asked first. */
  get isAggregate(): boolean {
    return this.#members !== undefined;
  }

  /** Who serves a request, at which priority; `draw` is a random number in [0, 1). Undefined: none of the members is there. */
  servingCluster(draw: number): ServingCluster<UpstreamCluster> | undefined {
    if (this.#members === undefined) return { cluster: this, priority: undefined };
    const { runtime } = this.#context;
    return chooseMember(this.#members, panicThresholdUnder(runtime, this.model.panicThresholdPercent), draw);
  }

  /** How healthy each priority is. */
  get health(): readonly PriorityHealth[] {
    return (this.#subsets?.all ?? this.#balancer)?.health ?? [];
  }

  /** The HTTP connections to a host; `downstream` where they are not to be shared between clients, `alpn` where TLS offers it. */
  poolOf(
    host: Host,
    downstream?: Downstream,
    alpn?: AlpnOverride,
    asked?: { readonly serverName: string | undefined },
  ): HttpPool {
    const { poolPerConnection = false } = this.model;
    const serverName = this.#namesRequests ? asked?.serverName : undefined;
    if (serverName !== undefined) {
      const rules = { told: this.#tellsClients, poolPerConnection };
      return this.#clientPools(host).of(downstream, rules, alpn, serverName);
    }
    if (this.#tellsClients || poolPerConnection || downstream?.source !== undefined)
      return this.#clientPools(host).of(downstream, { told: this.#tellsClients, poolPerConnection }, alpn);
    if (alpn !== undefined && this.#offersAlpn) return this.#clientPools(host).shared(alpn);
    return (host.pool ??= createHttpPool(host, this.model, this.#poolContext, this.#context.turn));
  }

  #clientPools(host: Host): ClientPools {
    if (host.clientPools !== undefined) return host.clientPools;
    const pools = new ClientPools((downstream, alpn, serverName) =>
      createHttpPool(host, this.model, this.#poolContext, this.#context.turn, {
        downstream,
        alpn,
        serverName,
      }),
    );
    host.clientPools = pools;
    (host.others ??= new Set()).add(pools);
    return pools;
  }

  status(): ClusterStatus {
    return {
      cluster: this.model,
      endpoints: [...this.#hosts.values()].map((host) => host.status()),
      overprovisioningFactor: this.#overprovisioning,
      retryLimits: { default: this.#breakers.default.retryLimit, high: this.#breakers.high.retryLimit },
      ...(this.outlier === undefined ? {} : { successRates: this.outlier.rates }),
    };
  }

  /** Lets connections finish what they carry and takes no new request. */
  drain(): void {
    this.#stopWatching();
    for (const host of this.#hosts.values()) this.#drop(host);
    this.#forgetHosts();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWatching();
    for (const host of this.#hosts.values()) {
      this.#letGo(host);
      host.leave('close');
    }
    this.#forgetHosts();
  }

  #forgetHosts(): void {
    this.#hosts.clear();
    this.#groups = [];
    this.#balancer = undefined;
    this.#subsets = undefined;
  }

  #addHost(endpoint: Endpoint, locality: Locality, priority: number): Host {
    const host = new Host(endpoint, locality, priority, this.#context.clock.monotonicMs());
    // With health checks a host has to pass one first.
    host.failedHealthCheck = this.model.healthChecks.length > 0;
    this.#shared?.add(host);
    shareConnections(host, this.model, this.#context.share?.cells);
    return host;
  }

  #watchForOutliers(): OutlierDetector | undefined {
    const { outlierDetection } = this.model;
    if (outlierDetection === undefined) {
      for (const host of this.#hosts.values()) host.ejected = false;
      return undefined;
    }
    const { clock, random, runtime, share } = this.#context;
    return new OutlierDetector(outlierUnder(runtime, outlierDetection), {
      clock,
      random,
      stats: this.stats.outlier,
      hosts: () => this.#hosts.values(),
      onChange: () => this.onHealthChange(),
      report:
        share === undefined || share.leads || this.#shared === undefined
          ? undefined
          : (host, reason) => share.outlierDetected(this.name, host.key, reason),
    });
  }

  #checkHealth(): HealthChecker | undefined {
    if (this.model.healthChecks.length === 0) {
      for (const host of this.#hosts.values()) host.forgetChecks();
      return undefined;
    }
    // Another thread does.
    if (this.#shared !== undefined && this.#context.share?.leads === false) return undefined;
    return createChecker(this.model, this.#context, this.#poolContext, {
      stats: this.stats,
      hosts: () => this.#hosts.values(),
      onChange: () => this.onHealthChange(),
      onSuccess: (host) => this.outlier?.onHealthCheckSuccess(host),
      hasTraffic: () =>
        this.stats.n.upstreamCxTotal > 0 ||
        this.#breakers.default.everConnected ||
        this.#breakers.high.everConnected,
    });
  }

  #stopWatching(): void {
    this.outlier?.close();
    this.#checker?.close();
  }

  /** What is known of the host together with other threads is theirs from now on. */
  #letGo(host: Host): void {
    this.#shared?.remove(host);
    host.shareConnections(undefined);
  }

  #drop(host: Host): void {
    this.#letGo(host);
    host.leave(this.model.closeConnectionsOnHostRemoval ? 'close' : 'drain');
  }

  #rebuild(): void {
    const { model, stats } = this;
    if (this.#serves) this.#shared?.publish(this.#hosts.values());
    stats.n.membershipTotal = this.#hosts.size;
    stats.n.membershipHealthy = 0;
    stats.n.membershipDegraded = 0;
    for (const { health } of this.#hosts.values()) {
      if (health === 'healthy') stats.n.membershipHealthy++;
      else if (health === 'degraded') stats.n.membershipDegraded++;
    }
    if (model.discovery.kind === 'original_dst') return;
    const { localCluster } = this.#context;
    const isLocal = localCluster?.name === model.name;
    const { all, subsets } = compileBalancers(model, this.#groups, {
      stats,
      runtime: this.#context.runtime,
      balancing: this.#balancing,
      local: isLocal ? undefined : localCluster,
      overprovisioningPercent: this.#overprovisioning,
      before: this.#subsets,
    });
    this.#balancer = all;
    this.#subsets = subsets;
    if (isLocal && this.#serves) localCluster.setHosts(this.#hosts.values());
  }
}
