import { isDeepStrictEqual } from 'node:util';
import { Backoff, messageOf, type Clock, type Logger } from '@lateen/core';
import type { Cluster as ClusterMessage } from '@lateen/protocol/envoy/config/cluster/v3';
import type { Node } from '@lateen/protocol/envoy/config/core/v3';
import type { Metadata } from '@lateen/protocol/grpc';
import { ClusterGrpcCaller, type ClusterCalls, type GrpcCaller } from '../call/index.ts';
import type { ConfigSource, GrpcTarget, RequestRate } from '../model/index.ts';
import { ControlPlaneStats } from './control-plane-stats.ts';
import { RequestLimit } from './request-limit.ts';
import { controlPlaneProblem } from './control-plane-cluster.ts';
import type { Feed } from './feed.ts';
import { createGrpcClient } from './grpc-variant.ts';
import type { SubscriptionStatistics } from './subscription-statistics.ts';
import { resourceTypes, type ResourceType } from './resource-type.ts';
import type { ResourceSink } from './subscription.ts';
import type { ConnectionState, XdsClient } from './xds-client.ts';

/** The stream of all kinds. */
export interface AdsSource {
  readonly target: GrpcTarget;
  readonly variant: 'delta' | 'sotw';
  readonly rate?: RequestRate;
}

export interface SubscriptionsOptions {
  readonly node: Node;
  /** The static clusters, among which control planes are. */
  readonly clusters: readonly ClusterMessage[];
  readonly ads: AdsSource | undefined;
  /** What streams over gRPC are made with: they go through the static clusters of the data plane. */
  readonly calls: ClusterCalls;
  /** Where the kinds that are wanted whole come from. */
  readonly whole: Readonly<Partial<Record<ResourceType, ConfigSource>>>;
  /** Added to the metadata of calls to the cluster of ADS: credentials go nowhere else. */
  readonly metadata: (() => Metadata) | undefined;
  readonly sink: ResourceSink;
  /** Versions of resources that are in force from the last run, by kind and name. */
  readonly kept: (type: ResourceType) => ReadonlyMap<string, string>;
  readonly statistics: SubscriptionStatistics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Everything that is subscribed to, whatever way it comes. */
export interface Subscriptions {
  /** The stream of all kinds; undefined where there is none. */
  readonly ads: XdsClient | undefined;
  /** What it is opened with: other services of the control plane may be called by it. */
  readonly caller: GrpcCaller | undefined;
  /** Opens the stream of all kinds, and the others that something has been wanted from. */
  start(): void;
  /** Asks for all there are of a kind, at its source in {@link SubscriptionsOptions.whole}. */
  askWhole(type: ResourceType): void;
  /** Sets the names that are wanted of a kind, each from its source; undefined is ADS. */
  want(type: ResourceType, names: ReadonlyMap<string, ConfigSource | undefined>): void;
  /** Says what is wrong with a source; undefined: it can be subscribed to. */
  problemOf(source: ConfigSource): string | undefined;
  close(): void;
}

interface OpenFeed {
  readonly source: ConfigSource;
  /** True where all there are of the kind are wanted. */
  readonly whole: boolean;
  readonly names: { current: ReadonlySet<string> };
  /** Of its stream, where it has one. */
  readonly stats: ControlPlaneStats;
  /** Undefined while the code for its kind is loaded. */
  feed: Feed | undefined;
  closed: boolean;
}

/** Opens, feeds and closes the subscriptions of a proxy: one stream, poll or file watch for each kind and source. */
export function createSubscriptions(options: SubscriptionsOptions): Subscriptions {
  const { clock, log, node, sink, statistics } = options;
  const callers: { readonly target: GrpcTarget; readonly caller: ClusterGrpcCaller }[] = [];
  const open = new Map<ResourceType, OpenFeed[]>();
  /** What asks from the start on; undefined: that was. */
  let atStart: Set<{ start(): void }> | undefined = new Set();

  function clusterOf(name: string): ClusterMessage | undefined {
    return options.clusters.find((cluster) => cluster.name === name);
  }

  function callerOf(target: GrpcTarget): GrpcCaller {
    const known = callers.find((one) => isDeepStrictEqual(one.target, target));
    if (known !== undefined) return known.caller;
    const own = options.ads?.target.cluster === target.cluster ? options.metadata : undefined;
    const caller = new ClusterGrpcCaller(options.calls, {
      cluster: options.calls.clusterRef(target.cluster),
      metadata: () => ({ ...target.metadata, ...own?.() }),
      ...(target.authority === '' ? {} : { authority: target.authority }),
      ...(target.maxMessageBytes === undefined ? {} : { maxMessageBytes: target.maxMessageBytes }),
    });
    callers.push({ target, caller });
    return caller;
  }

  function problemOf(source: ConfigSource): string | undefined {
    if (source.kind === 'file') return undefined;
    if (source.kind === 'ads') return options.ads === undefined ? 'there is no ads_config' : undefined;
    const name = source.kind === 'rest' ? source.cluster : source.target.cluster;
    const cluster = clusterOf(name);
    // As Envoy: what discovery depends on must not be discovered.
    if (cluster === undefined) return `"${name}" is not among static_resources.clusters`;
    const used = options.calls.clusterRef(name).cluster?.model;
    return used === undefined ? undefined : controlPlaneProblem(used, source.kind);
  }

  function noteConnection(
    what: string,
    stats: ControlPlaneStats,
    onFailed: () => void,
  ): (state: ConnectionState) => void {
    return (state) => {
      if (state.kind === 'connected') log.info(`connected to ${what}`);
      if (state.kind === 'open' || state.kind === 'connected') stats.connected = true;
      if (state.kind !== 'waiting') return;
      stats.connected = false;
      onFailed();
    };
  }

  function* adsTypes(): Generator<ResourceType> {
    for (const [type, subscription] of ads?.subscriptions ?? []) if (subscription.active) yield type;
  }

  /** What was kept is what the server is told of, and what it may remove. */
  function resume(client: XdsClient, type: ResourceType): void {
    const subscription = client.subscriptions.get(type);
    for (const [name, version] of options.kept(type)) subscription?.versions.set(name, version);
  }

  function openGrpc(
    type: ResourceType,
    source: ConfigSource & { readonly kind: 'grpc' },
    { whole, names, stats }: Pick<OpenFeed, 'whole' | 'names' | 'stats'>,
  ): Feed {
    const client = createGrpcClient({
      caller: callerOf(source.target),
      node,
      variant: source.variant,
      ...backoffOf(source.target),
      service: 'separate',
      types: [type],
      named: whole ? [] : [type],
      sink,
      clock,
      log,
      ...limitOf(source.rate, stats),
      onConnection: noteConnection(`${type} by ${source.target.cluster}`, stats, () =>
        statistics.failed([type], whole ? undefined : names.current),
      ),
    });
    resume(client, type);
    if (atStart === undefined) client.start();
    else atStart.add(client);
    return {
      want: (names) => client.want(type, names),
      close() {
        atStart?.delete(client);
        client.close();
      },
    };
  }

  function limitOf(
    rate: RequestRate | undefined,
    stats: ControlPlaneStats,
  ): { readonly limit?: RequestLimit } {
    return rate === undefined ? {} : { limit: new RequestLimit(rate, clock, stats) };
  }

  /** Files and REST are loaded by who uses them only. */
  async function openLazily(type: ResourceType, source: ConfigSource): Promise<Feed> {
    if (source.kind === 'file') {
      const { watchFile } = await import('./file-subscription.ts');
      const { path, watchedDirectory } = source;
      const folder = watchedDirectory === undefined ? {} : { watchedDirectory };
      return watchFile({
        path,
        ...folder,
        type,
        sink,
        onUnused: (why, names) =>
          why === 'failed' ? statistics.failed([type], names) : statistics.refused(type, names),
        clock,
        log,
      });
    }
    if (source.kind !== 'rest') throw new Error(`${source.kind} is not opened here`);
    const { pollRest } = await import('./rest-subscription.ts');
    const { cluster, refreshDelayMs, requestTimeoutMs } = source;
    const kept = options.kept(type);
    const feed = pollRest({
      calls: options.calls,
      cluster: options.calls.clusterRef(cluster),
      type,
      node,
      refreshDelayMs,
      requestTimeoutMs,
      sink,
      kept,
      onAttempt: (ended, names) => {
        if (ended === 'failed') statistics.failed([type], names);
        else if (ended === 'refused') statistics.refused(type, names);
      },
      clock,
      log,
    });
    if (atStart === undefined) feed.start();
    else atStart.add(feed);
    return {
      want: (names) => feed.want(names),
      close() {
        atStart?.delete(feed);
        feed.close();
      },
    };
  }

  function subscribe(
    type: ResourceType,
    source: ConfigSource,
    names: ReadonlySet<string>,
    whole: boolean,
  ): Promise<void> {
    const entry: OpenFeed = {
      source,
      whole,
      names: { current: names },
      stats: new ControlPlaneStats(),
      feed: undefined,
      closed: false,
    };
    const list = open.get(type) ?? [];
    list.push(entry);
    open.set(type, list);
    const problem = problemOf(source);
    if (problem !== undefined) {
      log.warn('resources cannot be subscribed to', { type, reason: problem });
      return Promise.resolve();
    }
    if (source.kind === 'grpc') {
      tellServer(type, entry);
      entry.feed = openGrpc(type, source, entry);
      entry.feed.want(names);
      return Promise.resolve();
    }
    return openLazily(type, source).then(
      (feed) => {
        if (entry.closed) {
          feed.close();
          return;
        }
        entry.feed = feed;
        if (entry.names.current.size > 0) feed.want(entry.names.current);
      },
      (error: unknown) => log.warn('resources cannot be subscribed to', { type, reason: messageOf(error) }),
    );
  }

  function tellServer(type: ResourceType, { source, whole, names, stats }: OpenFeed): void {
    if (source.kind === 'grpc') statistics.servedBy(type, whole ? undefined : names.current, stats);
  }

  function unsubscribe(entry: OpenFeed): void {
    entry.closed = true;
    entry.feed?.close();
  }

  const ads: XdsClient | undefined =
    options.ads === undefined
      ? undefined
      : createGrpcClient({
          caller: callerOf(options.ads.target),
          node,
          variant: options.ads.variant,
          ...backoffOf(options.ads.target),
          types: resourceTypes.filter(
            (type) => type !== 'listener' || options.whole.listener?.kind === 'ads',
          ),
          // Without CDS by this stream, clusters come by it when somebody needs one.
          named: options.whole.cluster?.kind === 'ads' ? [] : ['cluster'],
          held: (['cluster', 'listener'] as const).filter((type) => options.whole[type]?.kind === 'ads'),
          sink,
          clock,
          log,
          ...limitOf(options.ads.rate, statistics.ads),
          onConnection: noteConnection('the control plane', statistics.ads, () =>
            statistics.failed(adsTypes()),
          ),
        });
  for (const type of Object.keys(options.whole) as ResourceType[]) statistics.subscribed(type);

  return {
    ads,
    caller: options.ads === undefined ? undefined : callerOf(options.ads.target),
    problemOf,
    start() {
      if (ads !== undefined) for (const type of ads.subscriptions.keys()) resume(ads, type);
      ads?.start();
      for (const client of atStart ?? []) client.start();
      atStart = undefined;
    },
    askWhole(type) {
      const source = options.whole[type];
      if (source === undefined) return;
      if (source.kind === 'ads') ads?.release(type);
      else void subscribe(type, source, new Set(), true);
    },
    want(type, names) {
      statistics.subscribed(type, names);
      const byAds = new Set<string>();
      const others: { readonly source: ConfigSource; readonly names: Set<string> }[] = [];
      for (const [name, source] of names) {
        if (source === undefined || source.kind === 'ads') {
          byAds.add(name);
          continue;
        }
        const same = others.find((one) => isDeepStrictEqual(one.source, source));
        if (same === undefined) others.push({ source, names: new Set([name]) });
        else same.names.add(name);
      }
      ads?.want(type, byAds);
      const before = open.get(type) ?? [];
      if (before.length === 0 && others.length === 0) return;
      const isWanted = (entry: OpenFeed): boolean =>
        entry.whole || others.some((one) => isDeepStrictEqual(one.source, entry.source));
      for (const entry of before) if (!isWanted(entry)) unsubscribe(entry);
      open.set(type, before.filter(isWanted));
      for (const other of others) {
        const entry = open
          .get(type)
          ?.find((one) => !one.whole && isDeepStrictEqual(one.source, other.source));
        if (entry === undefined) {
          void subscribe(type, other.source, other.names, false);
          continue;
        }
        entry.names.current = other.names;
        tellServer(type, entry);
        entry.feed?.want(other.names);
      }
    },
    close() {
      ads?.close();
      for (const list of open.values()) for (const entry of list) unsubscribe(entry);
      for (const { caller } of callers) caller.close();
    },
  };
}

/** As the service asks for it (`envoy_grpc.retry_policy`). */
function backoffOf({ reopening }: GrpcTarget): { readonly backoff?: Backoff } {
  return reopening === undefined ? {} : { backoff: new Backoff({ ...reopening, jitter: 1 }) };
}
