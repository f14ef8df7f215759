import { formatProblem, LateenError, type Clock, type Logger } from '@lateen/core';
import type { Channel, Metadata } from '@lateen/protocol/grpc';
import { secretDecoder } from '../decode/resource.ts';
import type { DataPlane, Secret } from '../model/index.ts';
import { connectControlPlane } from '../xds/control-plane.ts';
import type { FileSubscription } from '../xds/file-subscription.ts';
import { createAdsClient } from '../xds/grpc-variant.ts';
import { ResourceStore } from '../xds/resource-store.ts';
import { resourceSink } from '../xds/resource-sink.ts';
import { resourceTypes, type ResourceType } from '../xds/resource-type.ts';
import { Warming, type ReferredKind } from '../xds/warming.ts';
import type { ConnectionState, XdsClient } from '../xds/xds-client.ts';
import type { ProxyBootstrap } from './bootstrap.ts';

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
  readonly onReady?: () => void;
}

/** A data plane with everything that feeds it. */
export interface RunningProxy {
  readonly bootstrap: ProxyBootstrap;
  readonly dataPlane: DataPlane;
  readonly warming: Warming;
  readonly store: ResourceStore;
  /** The connection to the control plane; undefined for a static proxy. */
  readonly xds: XdsClient | undefined;
  /** The channel that it uses; other services of the control plane may be called on it. */
  readonly controlPlane: Channel | undefined;
  readonly startedAtMs: number;
  /** Every secret that is in place: static, made here, and subscribed to. */
  secrets(): readonly Secret[];
  /** Puts secrets in place that were made in this process. */
  setSecrets(secrets: readonly Secret[]): Promise<void>;
  /** Ends the subscriptions and closes everything. */
  close(): Promise<void>;
}

const typeOf: Readonly<Record<ReferredKind, ResourceType>> = {
  endpoints: 'endpoint',
  routes: 'route',
  secrets: 'secret',
};

/** Puts the static resources in force and subscribes to the dynamic ones. Throws where a static one is refused. */
export async function startProxy(options: RunningProxyOptions): Promise<RunningProxy> {
  const { bootstrap, dataPlane, clock, log } = options;
  const store = new ResourceStore();
  const staticSecrets = new Set(bootstrap.secrets.map((secret) => secret.name));
  const isLocal = (name: string): boolean =>
    staticSecrets.has(name) || options.isLocalSecret?.(name) === true;
  let xds: XdsClient | undefined;
  let channel: Channel | undefined;
  const files: FileSubscription[] = [];
  const own = new Map<string, Secret>();

  const warming = new Warming({
    dataPlane,
    clock,
    log: log.scope('config'),
    isLocalSecret: isLocal,
    clustersExpected: bootstrap.cds !== undefined,
    listenersExpected: bootstrap.lds !== undefined,
    ...(options.onReady === undefined ? {} : { onReady: options.onReady }),
    want(kind, names) {
      const wanted = kind === 'secrets' ? new Set([...names].filter((name) => !isLocal(name))) : names;
      if (kind === 'secrets') {
        const local = [...names].filter((name) => options.isLocalSecret?.(name));
        if (local.length > 0) options.onLocalSecretWanted?.(local);
      }
      store.keepOnly(typeOf[kind], wanted);
      xds?.want(typeOf[kind], wanted);
    },
  });
  const sink = resourceSink({ warming, store, clock, log: log.scope('xds') });

  if (bootstrap.ads !== undefined) {
    const { ads } = bootstrap;
    channel = connectControlPlane({
      cluster: ads.cluster,
      clock,
      metadata: () => ({ ...ads.metadata, ...options.xdsMetadata?.() }),
    });
    xds = createAdsClient({
      channel,
      node: bootstrap.node,
      variant: ads.variant,
      types: resourceTypes.filter(
        (type) =>
          (type !== 'cluster' || bootstrap.cds?.kind === 'ads') &&
          (type !== 'listener' || bootstrap.lds?.kind === 'ads'),
      ),
      sink,
      clock,
      log: log.scope('xds'),
      onConnection: logConnection(log.scope('xds')),
    });
    // The control plane is asked while the static resources are put in place.
    xds.start();
  }
  const refused = await warming.apply({
    isStatic: true,
    secrets: { set: bootstrap.secrets },
    clusters: { set: bootstrap.clusters },
    listeners: { set: bootstrap.listeners },
  });
  if (refused.length > 0) {
    const list = refused.map((r) => `${r.kind} ${r.name}: ${r.problems.map(formatProblem).join('; ')}`);
    throw new LateenError('EBOOTSTRAP', `static resources are refused: ${list.join('; ')}`);
  }
  for (const [type, source] of [
    ['cluster', bootstrap.cds],
    ['listener', bootstrap.lds],
  ] as const) {
    if (source?.kind !== 'file') continue;
    // Only who reads files pays for the parser.
    const { watchFile } = await import('../xds/file-subscription.ts');
    files.push(watchFile({ path: source.path, type, sink, log: log.scope('xds') }));
  }

  return {
    bootstrap,
    dataPlane,
    warming,
    store,
    xds,
    controlPlane: channel,
    startedAtMs: clock.now(),
    secrets() {
      const subscribed = [...store.kind('secret').resources.values()].flatMap((stored) => {
        const decoded = secretDecoder.fromBytes(stored.bytes);
        return decoded.ok ? [decoded.value.model] : [];
      });
      return [...bootstrap.secrets, ...own.values(), ...subscribed];
    },
    async setSecrets(secrets) {
      for (const secret of secrets) own.set(secret.name, secret);
      await warming.apply({ isStatic: true, secrets: { set: secrets } });
    },
    async close() {
      for (const file of files) file.close();
      xds?.close();
      channel?.close();
      warming.close();
      await dataPlane.close();
    },
  };
}

function logConnection(log: Logger): (state: ConnectionState) => void {
  return (state) => {
    if (state.kind === 'connected') log.info('connected to the control plane');
  };
}
