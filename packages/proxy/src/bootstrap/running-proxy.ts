import type { Clock, Logger } from '@lateen/core';
import type { Metadata } from '@lateen/protocol/grpc';
import type { GrpcCaller } from '../call/index.ts';
import { secretDecoder } from '../decode/resource.ts';
import type { DataPlane } from '../data-plane.ts';
import type { ReferredKind, Secret } from '../model/index.ts';
import { ResourceStore, type KeptIn } from '../xds/resource-store.ts';
import type { KeptResources, StateFolder, StateFolderOptions } from '../xds/state-folder.ts';
import type { RefusedResource, ResourceSink, ResourceUpdate } from '../xds/subscription.ts';
import { resourceSink } from '../xds/resource-sink.ts';
import type { RuntimeValues } from '../runtime/runtime-entry.ts';
import { FirstRuntime } from '../xds/first-runtime.ts';
import { FirstUpdates } from '../xds/first-updates.ts';
import { managerStats } from '../xds/manager-stats.ts';
import { onDemandFeed, type OnDemandFeed } from '../xds/on-demand-feed.ts';
import { runtimeFeed } from '../xds/runtime-feed.ts';
import { subscriptionStatistics } from '../xds/subscription-statistics.ts';
import type { ResourceType } from '../xds/resource-type.ts';
import { createSubscriptions, type Subscriptions, type SubscriptionsOptions } from '../xds/subscriptions.ts';
import { Warming } from '../xds/warming.ts';
import type { ProxyBootstrap } from './bootstrap.ts';
import { isExpiredSecret } from './expired-secret.ts';
import { RefusedBootstrap, staticProblems } from './refused-statics.ts';

export interface RunningProxyOptions {
  readonly bootstrap: ProxyBootstrap;
  readonly dataPlane: DataPlane;
  readonly clock: Clock;
  readonly log: Logger;
  /** Added to the metadata of the calls to the control plane; asked at each call. */
  readonly xdsMetadata?: () => Metadata;
  /** Names of secrets that come by `setSecrets` and not from a control plane. */
  readonly isLocalSecret?: (name: string) => boolean;
  /** Told the names of such secrets that something refers to, whenever what is referred to changes. */
  readonly onLocalSecretWanted?: (names: readonly string[]) => void;
  /** Folder in which accepted resources are kept for the next start; undefined: none are. */
  readonly statePath?: string | undefined;
  /** Folder for those that hold keys: in memory, and this user's alone; undefined: they are not kept. */
  readonly keyPath?: string | undefined;
  readonly onReady?: () => void;
  /** Told where a static resource is refused that had to wait for others; those that need not wait are refused by throwing. */
  readonly onRefused?: (error: RefusedBootstrap) => void;
  /** What subscribes to what is wanted; default: {@link createSubscriptions}. */
  readonly subscribe?: (options: SubscriptionsOptions) => Subscriptions;
  /** Told of each response of a control plane when it is taken, and of what of it was refused. */
  readonly onTaken?: (update: ResourceUpdate, refused: readonly RefusedResource[]) => void;
  /** Told of secrets that were made in this process. */
  readonly onSecrets?: (secrets: readonly Secret[]) => void;
}

/** A data plane with everything that feeds it. */
export interface RunningProxy {
  readonly bootstrap: ProxyBootstrap;
  readonly dataPlane: DataPlane;
  readonly warming: Warming;
  readonly firstUpdates: Pick<FirstUpdates, 'missing'>;
  readonly store: ResourceStore;
  /** Calls other services of the control plane; undefined where there is no ADS. */
  readonly controlPlane: GrpcCaller | undefined;
  readonly startedAtMs: number;
  /** Every secret that is in place: static, made here, and subscribed to. */
  secrets(): readonly Secret[];
  /** Secrets that were made in this process, as they stand, by name. */
  madeSecrets(): ReadonlyMap<string, MadeSecret>;
  /** Puts secrets in place that were made in this process. */
  setSecrets(secrets: readonly Secret[]): Promise<void>;
  /** Ends the subscriptions and closes everything. */
  close(): Promise<void>;
}

/** A secret that was made in this process, and when. */
export interface MadeSecret {
  readonly secret: Secret;
  readonly updatedAtMs: number;
}

const typeOf: Readonly<Record<ReferredKind, ResourceType>> = {
  endpoints: 'endpoint',
  routes: 'route',
  secrets: 'secret',
  extensions: 'extensionConfig',
};

/** Puts the static resources in force and subscribes to the dynamic ones. Throws where a static one is refused. */
export async function startProxy(options: RunningProxyOptions): Promise<RunningProxy> {
  const { bootstrap, dataPlane, clock, log } = options;
  const { runtime, runtimeLayers } = bootstrap;
  const store = new ResourceStore();
  const staticSecrets = new Set(bootstrap.secrets.map((secret) => secret.name));
  const statics = {
    cluster: new Set(bootstrap.clusters.map(({ model }) => model.name)),
    listener: new Set(bootstrap.listeners.map(({ model }) => model.name)),
  };
  const isLocal = (name: string): boolean =>
    staticSecrets.has(name) || options.isLocalSecret?.(name) === true;
  const own = new Map<string, MadeSecret>();

  // Nobody hears of being ready where a static resource is refused.
  let staticsTaken = false;
  let readyBefore = false;
  let isRefused = false;
  const warming = new Warming({
    dataPlane,
    clock,
    log: log.scope('config'),
    isLocalSecret: isLocal,
    clustersExpected: bootstrap.cds !== undefined,
    listenersExpected: bootstrap.lds !== undefined,
    firstTimeoutMs: bootstrap.firstTimeoutMs,
    onFirstTimeout: (kind) => statistics.fetchTimedOut(kind === 'clusters' ? 'cluster' : 'listener'),
    onTurn: (kind) => subscriptions.askWhole(kind === 'clusters' ? 'cluster' : 'listener'),
    onReady() {
      if (isRefused) return;
      if (staticsTaken) options.onReady?.();
      else readyBefore = true;
    },
    onRefused(refused) {
      const late = staticsTaken
        ? refused.filter(({ kind, name }) => kind === 'listeners' && statics.listener.has(name))
        : [];
      if (late.length === 0) return;
      isRefused = true;
      options.onRefused?.(new RefusedBootstrap(staticProblems(bootstrap, late)));
    },
    onInForce: (kind, name) => store.settle(kind === 'clusters' ? 'cluster' : 'listener', name),
    onFetchTimeout: (kind, name) => statistics.fetchTimedOut(typeOf[kind], name),
    want(kind, names) {
      const wanted = kind === 'secrets' ? new Map([...names].filter(([name]) => !isLocal(name))) : names;
      if (kind === 'secrets') {
        const local = [...names.keys()].filter((name) => options.isLocalSecret?.(name));
        if (local.length > 0) options.onLocalSecretWanted?.(local);
      }
      store.keepOnly(typeOf[kind], wanted);
      subscriptions.want(typeOf[kind], wanted);
      if (kind === 'routes') demands.keepOnly(names);
    },
  });
  const statistics = subscriptionStatistics(dataPlane.stats, {
    routePrefix: (name) => warming.routeOwners().get(name) ?? '',
    endpointOwners: () => warming.endpointOwners(),
    filterLayer: (name) => warming.layerOf(name),
  });
  dataPlane.onRotationFailed = (name) => statistics.rotationFailed(name);
  dataPlane.stats.add(managerStats('cluster', () => warming.counts.clusters));
  dataPlane.stats.add(managerStats('listener', () => warming.counts.listeners));
  const firstRuntime = new FirstRuntime({
    timeoutsMs: new Map([...runtimeLayers.rtds].map(([name, { timeoutMs }]) => [name, timeoutMs])),
    clock,
    log: log.scope('config'),
    onTimeout: (name) => statistics.fetchTimedOut('runtime', name),
  });
  const feedRuntime = runtimeFeed(runtime, runtimeLayers.rtds);
  const taking = resourceSink({
    warming,
    store,
    statistics,
    others: {
      runtime(update) {
        const refused = feedRuntime(update);
        firstRuntime.answered([...update.changed.map(({ name }) => name), ...update.removed]);
        return refused;
      },
      virtualHost: (update) => demands.takeHosts(update),
    },
    isStatic: (type, name) => (type === 'cluster' || type === 'listener') && statics[type].has(name),
    routesInForce: (name) => dataPlane.routes(name),
    completeRoutes: (table, source) => demands.complete(table, source),
    onClustersCame: (names) => demands.clustersCame(names),
    onClustersMissing: (names) => demands.clustersMissing(names),
    runtime,
    clock,
    log: log.scope('xds'),
    problemOf(reference, source) {
      // What this process makes itself needs no source: Istio names a cluster that only its agent serves.
      const isOwn = reference.startsWith('secrets/') && isLocal(reference.slice('secrets/'.length));
      return isOwn ? undefined : subscriptions.problemOf(source);
    },
  });
  const firstUpdates = new FirstUpdates();
  const sink: ResourceSink = {
    async update(one) {
      firstUpdates.begin(warming.ready);
      const bad = await taking.update(one);
      firstUpdates.taken(one, bad);
      options.onTaken?.(one, bad);
      return bad;
    },
  };
  const subscribe = options.subscribe ?? createSubscriptions;
  const subscriptions: Subscriptions = subscribe({
    node: bootstrap.node,
    clusters: bootstrap.message.staticResources?.clusters ?? [],
    ads: bootstrap.ads,
    calls: dataPlane.calls,
    whole: {
      ...(bootstrap.cds === undefined ? {} : { cluster: bootstrap.cds }),
      ...(bootstrap.lds === undefined ? {} : { listener: bootstrap.lds }),
    },
    metadata: options.xdsMetadata,
    sink,
    statistics,
    kept: (type) => new Map([...store.kind(type).resources.values()].map((one) => [one.name, one.version])),
    clock,
    log: log.scope('xds'),
  });
  subscriptions.want('runtime', new Map([...runtimeLayers.rtds].map(([name, { source }]) => [name, source])));
  const demands: OnDemandFeed = onDemandFeed({
    onDemand: dataPlane.onDemand,
    subscriptions,
    putRoutes: (set) => warming.apply({ routes: { set } }),
    runtime,
  });
  const folders = await keptFolders(options, store);
  const kept = folders
    .flatMap((folder) => folder.read())
    .map((one) => (one.type === 'secret' ? withoutExpired(one, clock.now()) : one));
  const disk: { close(): void }[] = [];
  if (runtimeLayers.disk.length > 0) {
    const { watchDiskLayer } = await import('../runtime/disk-layer.ts');
    for (const layer of runtimeLayers.disk) {
      const take = (values: RuntimeValues): void => runtime.setLayer(layer.name, values);
      disk.push(watchDiskLayer(layer, take, () => runtime.noteError(), log.scope('runtime')));
    }
  }
  const refused = await warming.apply({
    isStatic: true,
    secrets: { set: bootstrap.secrets },
    clusters: { set: bootstrap.clusters },
    listeners: { set: bootstrap.listeners },
  });
  if (refused.length > 0) {
    throw new RefusedBootstrap(staticProblems(bootstrap, refused));
  }
  staticsTaken = true;
  if (readyBefore) options.onReady?.();
  if (kept.length > 0) {
    await restore(kept, sink, log.scope('xds'));
    // What nothing refers to is of no use.
    for (const kind of ['endpoints', 'routes', 'secrets', 'extensions'] as const) {
      const wanted = warming.wanted(kind);
      const remove = [...store.kind(typeOf[kind]).resources.keys()].filter((name) => !wanted.has(name));
      store.keepOnly(typeOf[kind], wanted);
      await warming.apply({ [kind]: { remove } });
    }
  }
  let closed = false;
  // By the static clusters, once it is known where they are; nothing else waits for that.
  void Promise.all([...bootstrap.controlPlanes].map((name) => dataPlane.whenServing(name))).then(async () => {
    if (closed) return;
    subscriptions.start();
    firstRuntime.begin();
    await firstRuntime.done;
    if (!closed) warming.begin();
  });
  if (folders.length > 0) store.onChange = (type) => folders.forEach((folder) => folder.note(type));

  return {
    bootstrap,
    dataPlane,
    warming,
    firstUpdates,
    store,
    controlPlane: subscriptions.caller,
    startedAtMs: clock.now(),
    secrets() {
      const subscribed = [...store.kind('secret').resources.values()].flatMap((stored) => {
        const decoded = secretDecoder.fromBytes(stored.bytes);
        return decoded.ok ? [decoded.value.model] : [];
      });
      return [...bootstrap.secrets, ...[...own.values()].map(({ secret }) => secret), ...subscribed];
    },
    madeSecrets: () => own,
    async setSecrets(secrets) {
      for (const secret of secrets) own.set(secret.name, { secret, updatedAtMs: clock.now() });
      options.onSecrets?.(secrets);
      await warming.apply({ isStatic: true, secrets: { set: secrets } });
    },
    async close() {
      closed = true;
      firstRuntime.close();
      for (const layer of disk) layer.close();
      subscriptions.close();
      await Promise.all(folders.map((folder) => folder.close()));
      warming.close();
      await dataPlane.close();
    },
  };
}

function withoutExpired(kept: KeptResources, nowMs: number): KeptResources {
  return { ...kept, resources: kept.resources.filter(({ bytes }) => !isExpiredSecret(bytes, nowMs)) };
}

/** The folders in which resources are kept: those that hold keys only in memory. */
async function keptFolders(
  { bootstrap, clock, log, statePath, keyPath }: RunningProxyOptions,
  store: ResourceStore,
): Promise<readonly StateFolder[]> {
  const isDynamic = bootstrap.cds !== undefined || bootstrap.lds !== undefined;
  if (!isDynamic || (statePath === undefined && keyPath === undefined)) return [];
  const { stateFolder } = await import('../xds/state-folder.ts');
  const folder = (path: string, suffix: StateFolderOptions['suffix'], place: KeptIn): StateFolder =>
    stateFolder({
      path,
      suffix,
      nodeId: bootstrap.identity.id,
      clock,
      log: log.scope('xds'),
      current: (type) => store.keptIn(place, type),
    });
  return [
    ...(statePath === undefined ? [] : [folder(statePath, 'state', 'disk')]),
    ...(keyPath === undefined ? [] : [folder(keyPath, 'keys', 'memory')]),
  ];
}

/** Puts in force what was kept: what others refer to first, so that nothing waits for what is here. */
async function restore(kept: readonly KeptResources[], sink: ResourceSink, log: Logger): Promise<void> {
  const order: readonly ResourceType[] = [
    'runtime',
    'secret',
    'extensionConfig',
    'endpoint',
    'route',
    'cluster',
    'listener',
  ];
  for (const type of order) {
    const ofType = kept.filter((one) => one.type === type);
    const [first] = ofType;
    if (first === undefined) continue;
    const changed = ofType.flatMap(({ resources }) => resources);
    await sink.update({ type, version: first.version, changed, removed: [], origin: 'kept' });
  }
  const count = kept.reduce((sum, { resources }) => sum + resources.length, 0);
  log.info('serving what was kept from the last run until the control plane answers', { resources: count });
}
