import { silentLogger, sleep, systemClock } from '@lateen/core';
import { defaultDrainTimeMs, DrainSchedule } from './drain/drain-schedule.ts';
import { HeadPool } from './codec/head.ts';
import { isConsistent } from './cluster/balancer/balancer.ts';
import { LazyHashFunction } from './cluster/balancer/hash-function.ts';
import { ClusterSet, type ClusterRef } from './cluster/cluster-set.ts';
import { LocalCluster } from './cluster/local-cluster.ts';
import type { ClusterContext } from './cluster/cluster-context.ts';
import { LazyHttpFilters } from './filter/lazy-http-filters.ts';
import { introductionOf } from './filter/peer-metadata.ts';
import type { ListenerContext } from './listener/compiled-listener.ts';
import { RequestIds } from './filter/request-id.ts';
import { LazyFilters } from './listener/lazy-filters.ts';
import { ListenerSet } from './listener/listener-set.ts';
import { Upkeep } from './filter/upkeep.ts';
import { awaitsKeys } from './decide/awaited-keys.ts';
import type { ApplyResult, DataPlaneChange, RefusedResource, ResourceChange } from './model/change.ts';
import { asksForTracing, tellsServices } from './decide/told-services.ts';
import type { DataPlane, DataPlaneOptions } from './data-plane.ts';
import type { RemoteLogs } from './telemetry/remote-log/remote-logs.ts';
import type { TracingSystem } from './tracing/tracing-system.ts';
import { routeTableParts, type RouteTable } from './route/route-table.ts';
import { LogFiles } from './telemetry/log-files.ts';
import { CorsStats } from './telemetry/cors-stats.ts';
import { FaultStats } from './telemetry/fault-stats.ts';
import { CodecStats } from './telemetry/codec-stats.ts';
import { HttpStats } from './telemetry/http-stats.ts';
import { MeshMetrics } from './telemetry/mesh-metrics.ts';
import { RateLimitStats } from './telemetry/rate-limit-stats.ts';
import { RbacStats } from './telemetry/rbac-stats.ts';
import { compileHistogramBounds } from './telemetry/stat-names.ts';
import { shared, sharedGroups } from './telemetry/shared-groups.ts';
import { StatsRegistry } from './telemetry/stats-registry.ts';
import { InspectorStats } from './telemetry/inspector-stats.ts';
import { ProxyProtocolStats } from './telemetry/proxy-protocol-stats.ts';
import { ConnectionLimitStats } from './telemetry/connection-limit-stats.ts';
import { MongoStats } from './telemetry/mongo-stats.ts';
import { RedisStats } from './telemetry/redis-stats.ts';
import { VirtualClusterStats, virtualClusterPrefix } from './telemetry/virtual-cluster-stats.ts';
import { TcpStats } from './telemetry/tcp-stats.ts';
import { CertificateExpiry } from './tls/certificate-expiry.ts';
import { certificateGauges } from './tls/certificate-gauges.ts';
import {
  certificatesOfCluster,
  certificatesOfListener,
  certificatesOfSecret,
  type CertificateGroup,
} from './tls/certificates-in-use.ts';
import { LazyOpenssl } from './tls/openssl/openssl.ts';
import { DeclaredListeners } from './listener/declared-listeners.ts';
import { Extensions } from './listener/extensions.ts';
import { OnDemand } from './on-demand/on-demand.ts';
import { OverloadState } from './overload/overload-state.ts';
import { Runtime } from './runtime/runtime.ts';
import { clusterTlsProblems } from './tls/resource-problems.ts';
import { SecretStore } from './tls/secret-store.ts';
import { WatchedDirectories } from './tls/watched-directories.ts';
import { directoriesOfCluster, directoriesOfListener } from './tls/watched-paths.ts';
import { createTransportConnector } from './tls/transport-connector.ts';
import { inSlices } from './timer/in-slices.ts';
import { CoarseTimers } from './timer/coarse-timers.ts';
import { openSocketPoll } from './wire/sockets.ts';
import { LazyTransparentSockets } from './wire/transparent-socket.ts';
import { Turn } from './wire/turn.ts';
import { ConnectionIds } from './workers/connection-ids.ts';

/** All plain sockets read into one buffer of this size. */
const readBufferBytes = 64 * 1024;
const betweenDrainLooksMs = 20;

/** The part of the proxy that carries traffic; it has no listener until it is told of one. */
export function createDataPlane(options: DataPlaneOptions = {}): DataPlane {
  const clock = options.clock ?? systemClock;
  const logger = options.logger ?? silentLogger;
  const random = options.random ?? Math.random;
  void openSocketPoll();
  const turn = new Turn(clock);
  turn.onBug = (error) =>
    logger.error('a connection ended by a bug', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  const timers = new CoarseTimers(turn, clock);
  const heads = new HeadPool();
  const stats = new StatsRegistry(options.stats);
  const codecStats = new CodecStats();
  stats.add(codecStats);
  const onDemand = new OnDemand(clock);
  const extensions = new Extensions();
  const declared = new DeclaredListeners(extensions);
  const runtime = options.runtime ?? new Runtime();
  stats.add(runtime);
  const logFiles = new LogFiles(clock);
  stats.add(logFiles);
  const tables = new Map<string, RouteTable>();
  const openssl = new LazyOpenssl();
  const secrets = new SecretStore(openssl, new WatchedDirectories(logger), options.share?.ticketSecret);
  const expiry = new CertificateExpiry(openssl);
  const meshMetrics = new MeshMetrics(options.node, compileHistogramBounds(options.stats));
  stats.addSource(meshMetrics);
  const hash = new LazyHashFunction();
  const httpRbacStats = shared((prefix) => new RbacStats('http', prefix), stats);
  const networkRbacStats = shared((prefix) => new RbacStats('network', prefix), stats);
  let tracing: TracingSystem | undefined;
  let remoteLogs: RemoteLogs | undefined;
  const draining = new DrainSchedule(clock, random);
  const drainTimeMs = options.drainTimeMs ?? defaultDrainTimeMs;
  const drainStrategy = options.drainStrategy ?? 'gradual';
  let healthCheckFailed = false;
  const overload = options.overload ?? new OverloadState();
  const maxConnections = runtime.cell('overload.global_downstream_max_connections');

  const transparent = new LazyTransparentSockets();
  const connectionIds = new ConnectionIds(options.share);
  const clusterContext: ClusterContext = {
    transparent,
    turn,
    timers,
    heads,
    random,
    clock,
    connectionIds,
    hash,
    runtime,
    localCluster: localClusterOf(options),
    share: options.share,
    writeLog: options.writeAccessLog ?? logFiles.write,
    clusterRef: (name) => clusters.ref(name),
    readBuffer: Buffer.allocUnsafeSlow(readBufferBytes),
    createConnector: (cluster, clusterStats) =>
      createTransportConnector(clusterContext, cluster, secrets, openssl, clusterStats),
  };
  const clusters = new ClusterSet(clusterContext, stats, logger, clock);
  const rbacLog = logger.scope('rbac');
  let inspectorStats: InspectorStats | undefined;
  /** The clusters of a change that is checked only. */
  let checked: ReadonlySet<string> | undefined;
  const virtualClusterGroup = sharedGroups(stats);
  const listenerContext: ListenerContext = {
    heads,
    turn,
    timers,
    clock,
    random,
    writeLog: options.writeAccessLog ?? logFiles.write,
    secrets,
    openssl,
    readBuffer: clusterContext.readBuffer,
    connectionIds,
    hash,
    clusterRef: (name) => clusters.ref(name),
    requestedCluster: (name) => clusters.requestedRef(name),
    hasCluster: (name) => checked?.has(name),
    routeTable: (name) => tables.get(name),
    virtualClusterStats: (host, name) =>
      virtualClusterGroup(virtualClusterPrefix(host, name), () => new VirtualClusterStats(host, name)),
    httpStats: shared((prefix) => new HttpStats(prefix, codecStats), stats),
    tcpStats: shared((prefix) => new TcpStats(prefix), stats),
    connectionLimitStats: shared((prefix) => new ConnectionLimitStats(prefix), stats),
    mongoStats: shared((prefix) => new MongoStats(prefix), stats),
    redisStats: shared((prefix) => new RedisStats(prefix), stats),
    lazyFilters: new LazyFilters(),
    transparent,
    proxyProtocolStats: shared((prefix) => new ProxyProtocolStats(prefix), stats),
    inspectorStats: () => (inspectorStats ??= new InspectorStats(stats)),
    overload,
    runtimeCell: (key) => runtime.cell(key),
    maxDownstreamConnections: () =>
      overload.maxDownstreamConnections ?? maxConnections.entry?.number ?? Number.POSITIVE_INFINITY,
    isDraining: (listener) =>
      (healthCheckFailed && listener?.outlivesFailedHealth !== true) ||
      draining.closes() ||
      (listener?.trafficDirection === 'inbound' && listeners.closesInbound()),
    requestIds: new RequestIds(),
    meshMetrics,
    get tracing() {
      return tracing;
    },
    get remoteLogs() {
      return remoteLogs;
    },
    filterServices: {
      clock,
      limits: options.share === undefined ? undefined : { cells: options.share.cells, owner: '' },
      fetches: options.share?.fetches,
      calls: clusterContext,
      clusterRef: (name) => clusters.ref(name),
      onDemand,
      nodeCluster: options.node?.cluster ?? '',
      nodeId: options.node?.id ?? '',
      nodeMetadata: options.node?.metadata ?? {},
      lazy: new LazyHttpFilters(transparent),
      statGroup: sharedGroups(stats),
      healthCheckFailed: () => healthCheckFailed,
      extensions,
      introduction: introductionOf(options.node),
      peers: meshMetrics.peers,
      upkeep: new Upkeep(),
      rbacReports: (layer, prefix) => ({
        stats: (layer === 'http' ? httpRbacStats : networkRbacStats)(prefix),
        log: rbacLog,
      }),
      rateLimitStats: shared((prefix) => new RateLimitStats(prefix), stats),
      faultStats: shared((prefix) => new FaultStats(prefix, options.share?.cells), stats),
      corsStats: shared((prefix) => new CorsStats(prefix), stats),
    },
  };
  const listeners = new ListenerSet(listenerContext, stats, logger, {
    takeSocket: options.takeSocket,
    share: options.share,
    drainTimeMs,
    drainStrategy,
  });

  const sinks =
    (options.stats?.sinks ?? []).length === 0
      ? undefined
      : import('./telemetry/sinks/stats-sinks.ts').then(({ StatsSinks }) => {
          const { sinks: list = [], flushIntervalMs, sinksHearValuesOnly } = options.stats ?? {};
          const clusterRef = (name: string): ClusterRef => clusters.ref(name);
          const { otherWorkers, node } = options;
          const sinkContext = { ...clusterContext, clusterRef, stats, otherWorkers, node };
          return new StatsSinks(
            list,
            sinksHearValuesOnly === true ? undefined : flushIntervalMs,
            sinkContext,
          );
        });

  /** Watches the folders of files that resources themselves name, and knows when their certificates end. */
  function noteTls<T extends { readonly name: string }>(
    kind: string,
    change: ResourceChange<T> | undefined,
    directoriesOf: (resource: T) => readonly string[],
    certificatesOf: (resource: T) => readonly CertificateGroup[],
  ): void {
    for (const one of change?.set ?? []) {
      secrets.watched.own(`${kind}/${one.name}`, directoriesOf(one));
      expiry.own(`${kind}/${one.name}`, certificatesOf(one));
    }
    for (const name of change?.remove ?? []) {
      secrets.watched.own(`${kind}/${name}`, []);
      expiry.own(`${kind}/${name}`, []);
    }
  }

  // Of several threads one tells, as the sums are of counts.
  if (options.share?.leads !== false) {
    const listenerModels = () => listeners.status().map(({ listener }) => listener);
    stats.addMade(() => certificateGauges(listenerModels(), clusters.models(), secrets, openssl));
  }

  /** Loads what listeners of the change are compiled with, where it is not there yet. */
  async function loadFor(change: DataPlaneChange): Promise<void> {
    if (tracing === undefined && change.listeners?.set?.some(asksForTracing) === true) {
      const { TracingSystem } = await import('./tracing/tracing-system.ts');
      const { node } = options;
      const clusterRef = (name: string): ClusterRef => clusters.ref(name);
      tracing = new TracingSystem({ ...clusterContext, clusterRef, node, stats });
    }
    if (remoteLogs === undefined && tellsServices(change)) {
      const { RemoteLogs } = await import('./telemetry/remote-log/remote-logs.ts');
      const { node } = options;
      const clusterRef = (name: string): ClusterRef => clusters.ref(name);
      remoteLogs = new RemoteLogs({ ...clusterContext, clusterRef, node, stats });
    }
  }

  async function check(
    change: Pick<DataPlaneChange, 'clusters' | 'listeners' | 'secrets'>,
  ): Promise<ApplyResult> {
    await loadFor(change);
    const store = new SecretStore(openssl);
    const secretProblems = store.update(change.secrets);
    store.watched.close();
    const clusterProblems = (change.clusters?.set ?? [])
      .map((model) => ({ name: model.name, problems: clusterTlsProblems(openssl, model) }))
      .filter(({ problems }) => problems.length > 0);
    // Clusters are not made for that: they would look up names, and check the health of their hosts.
    checked = new Set(change.clusters?.set?.map(({ name }) => name));
    const listenerProblems = await listeners.check(
      (change.listeners?.set ?? []).map((model) => extensions.resolve(model)),
    );
    return {
      refused: [
        ...secretProblems.map((one) => ({ kind: 'secrets' as const, ...one })),
        ...clusterProblems.map((one) => ({ kind: 'clusters' as const, ...one })),
        ...listenerProblems.map((one) => ({ kind: 'listeners' as const, ...one })),
      ],
    };
  }

  async function update(change: DataPlaneChange): Promise<ApplyResult> {
    const refused: RefusedResource[] = [];
    if (change.secrets !== undefined) {
      const bad = secrets.update(change.secrets);
      refused.push(...bad.map((one) => ({ kind: 'secrets' as const, ...one })));
      for (const one of change.secrets.set ?? [])
        if (!bad.some(({ name }) => name === one.name))
          expiry.own(`secrets/${one.name}`, certificatesOfSecret(one));
      for (const name of change.secrets.remove ?? []) expiry.own(`secrets/${name}`, []);
    }
    if (!hash.loaded && change.clusters?.set?.some((one) => isConsistent(one.loadBalancing)) === true)
      await hash.load();
    clusters.update(change.clusters, change.endpoints);
    noteTls('clusters', change.clusters, directoriesOfCluster, certificatesOfCluster);
    if (change.clusters?.set !== undefined) {
      onDemand.clustersChanged((name) => clusters.ref(name).cluster !== undefined);
    }
    for (const config of change.routes?.set ?? []) {
      const compiled = await inSlices(
        routeTableParts(config, listenerContext, tables.get(config.name)),
        clock,
      );
      if (compiled.ok) tables.set(config.name, compiled.value);
      else refused.push({ kind: 'routes', name: config.name, problems: compiled.problems });
    }
    await loadFor(change);
    const arrived = change.extensions?.set ?? [];
    if (arrived.length > 0) {
      const kinds = arrived.map((one) => (one.layer === 'http' ? one.config.kind : ''));
      await listenerContext.filterServices.lazy.loadKinds(new Set(kinds));
    }
    const listenerChange = declared.resolve(change);
    if (listenerChange !== undefined) {
      const bad = await listeners.update(listenerChange);
      refused.push(...bad.map((one) => ({ kind: 'listeners' as const, ...one })));
      const good = (listenerChange.set ?? []).filter(({ name }) => !bad.some((one) => one.name === name));
      noteTls('listeners', { ...listenerChange, set: good }, directoriesOfListener, certificatesOfListener);
    }
    for (const name of change.routes?.remove ?? []) tables.delete(name);
    return { refused };
  }

  async function drain(ms: number): Promise<{ readonly activeConnections: number }> {
    draining.start(0, 'immediate');
    await listeners.stopAccepting('all');
    listeners.drainConnections();
    const endMs = clock.monotonicMs() + ms;
    while (listeners.activeConnections > 0 && clock.monotonicMs() < endMs) await sleep(betweenDrainLooksMs);
    return { activeConnections: listeners.activeConnections };
  }

  return {
    calls: { turn, timers, heads, random, clock, clusterRef: (name) => clusters.ref(name) },
    onDemand,
    routes: (name) => tables.get(name)?.config,
    openssl,
    update,
    check,
    drain,
    startDraining(only = 'all') {
      if (only === 'all') draining.start(drainTimeMs, drainStrategy);
      else listeners.startDrainingInbound();
    },
    stopAccepting: (only = 'all') => listeners.stopAccepting(only),
    startAccepting: () => listeners.startAccepting(),
    drainConnections: () => listeners.drainConnections(),
    failHealthChecks(failed) {
      healthCheckFailed = failed;
    },
    prepareCluster(model) {
      if (hash.loaded || !isConsistent(model.loadBalancing)) return clusters.prepare(model);
      return hash.load().then(() => clusters.prepare(model));
    },
    prepareListener: (model) =>
      awaitsKeys(model) ? listeners.prepare(extensions.resolve(model)) : undefined,
    whenServing: (name) => clusters.whenServing(name),
    noteHandedOn() {
      for (const socket of listeners.sockets().values()) socket.noteHandedOn();
    },
    sockets() {
      const entries = [...listeners.sockets()].flatMap(([address, { fd }]) =>
        fd === undefined ? [] : [[address, fd] as const],
      );
      return new Map(entries);
    },
    async close() {
      listeners.close();
      secrets.watched.close();
      tracing?.close();
      await remoteLogs?.close();
      await (await sinks)?.close();
      clusters.close();
      timers.close();
      await logFiles.close();
    },
    takeConnection: (listener, fd) => listeners.takeConnection(listener, fd),
    takeHostHealth: (cluster) => clusters.find(cluster)?.takeHealth(),
    namesOf: (cluster) => clusters.namesOf(cluster),
    takeNames: (cluster, addresses) => clusters.takeNames(cluster, addresses),
    takeOutlier: (cluster, host, reason) => clusters.find(cluster)?.takeOutlier(host, reason),
    reopenLogs: () => logFiles.reopen(),
    flushStats: async () => (await sinks)?.flush(),
    set onRotationFailed(told: (secret: string) => void) {
      secrets.onRotationFailed = told;
    },
    get onRotationFailed() {
      return secrets.onRotationFailed;
    },
    firstCertificateExpiryMs: () => expiry.firstMs(),
    firstOcspExpiryMs: () => expiry.firstOcspMs(),
    listeners: () => listeners.status(),
    clusters: () => clusters.status(),
    get activeConnections() {
      return listeners.activeConnections;
    },
    get clientConnections() {
      return listeners.clientConnections;
    },
    stats,
  };
}

/** The cluster that the proxy is part of, where it knows its own place too. */
function localClusterOf({ localClusterName = '', node }: DataPlaneOptions): LocalCluster | undefined {
  if (localClusterName === '' || node?.locality === undefined) return undefined;
  return new LocalCluster(localClusterName, node.locality);
}
