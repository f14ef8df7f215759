import { packAny, toJson, type Any, type AnyMessageType, type MessageType } from '@lateen/protocol';
import * as admin from '@lateen/protocol/envoy/admin/v3';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { HttpConnectionManager } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import { Secret } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import type { RunningProxy } from '../bootstrap/running-proxy.ts';
import { knownTypes } from '../decode/known-types.ts';
import { typeNameOf, unpackTyped } from '../decode/typed-any.ts';
import type { RefusedUpdate, StoredResource } from '../xds/resource-store.ts';
import type { ClusterStatus } from '../model/index.ts';
import { liveEndpoints } from './endpoints-dump.ts';
import { dumpMadeSecrets } from './made-secrets.ts';
import { describeNode } from './self-description.ts';
import { resourceTypeFacts, type ResourceType } from '../xds/resource-type.ts';

/** The parts of a configuration dump, in Envoy's order, each with the JSON of its message. */
export interface DumpPart {
  /** The message, as `envoy.admin.v3.ClustersConfigDump`. */
  readonly type: AnyMessageType;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface DumpOptions {
  /** The clusters as they stand, where their endpoints are asked for. */
  readonly endpointsOf: readonly ClusterStatus[] | undefined;
  /** Only resources whose name it matches. */
  readonly nameMatches?: (name: string) => boolean;
}

/** Everything that the proxy was told, in the shape of Envoy's `/config_dump`; private keys and their like are redacted. */
export function dumpConfig(proxy: RunningProxy, options: DumpOptions): readonly DumpPart[] {
  const matches = options.nameMatches ?? (() => true);
  const message = proxy.bootstrap.message;
  const statics = message.staticResources;
  const lastUpdated = proxy.startedAtMs;
  const stored = (type: ResourceType) => dynamicOf(proxy, type, matches);
  const named = <T extends { readonly name?: string | undefined }>(list: readonly T[] | undefined) =>
    (list ?? []).filter((item) => matches(item.name ?? ''));

  const clusters = stored('cluster');
  const secrets = stored('secret').map(({ name, versionInfo, any, lastUpdated: at, errorState }) => ({
    name,
    versionInfo,
    lastUpdated: at,
    secret: any,
    errorState,
  }));
  const bootstrap = { ...message, node: describeNode(message.node ?? {}) };
  const staticClusters = named(statics?.clusters).toSorted((a, b) => order(a.name ?? '', b.name ?? ''));
  const parts: DumpPart[] = [
    part(admin.BootstrapConfigDump, { bootstrap, lastUpdated }),
    part(admin.ClustersConfigDump, {
      versionInfo: proxy.store.kind('cluster').version,
      staticClusters: staticClusters.map((c) => ({ cluster: packAny(Cluster, c), lastUpdated })),
      dynamicActiveClusters: clusters
        .filter((c) => c.warming === undefined || c.any !== undefined)
        .map((c) => ({ ...stateOf(c), cluster: c.any })),
      dynamicWarmingClusters: clusters.flatMap(({ warming }) =>
        warming === undefined ? [] : [{ ...stateOf(warming), cluster: warming.any }],
      ),
    }),
  ];
  const { endpointsOf } = options;
  if (endpointsOf !== undefined) {
    const all = endpointsOf.toSorted((a, b) => order(a.cluster.name, b.cluster.name));
    const assignments = (dynamic: boolean) =>
      all
        .filter(({ cluster }) => proxy.store.kind('cluster').resources.has(cluster.name) === dynamic)
        .map(liveEndpoints)
        .filter(({ clusterName = '' }) => matches(clusterName));
    const states = new Map(stored('endpoint').map((one) => [one.name, one]));
    parts.push(
      part(admin.EndpointsConfigDump, {
        staticEndpointConfigs: assignments(false).map((one) => ({
          endpointConfig: packAny(ClusterLoadAssignment, one),
        })),
        dynamicEndpointConfigs: assignments(true).map((one) => {
          const state = states.get(one.clusterName ?? '');
          const endpointConfig = packAny(ClusterLoadAssignment, one);
          return { ...(state === undefined ? {} : stateOf(state)), endpointConfig };
        }),
      }),
    );
  }
  parts.push(
    part(admin.ListenersConfigDump, {
      versionInfo: proxy.store.kind('listener').version,
      staticListeners: named(statics?.listeners).map((l) => ({
        listener: packAny(Listener, l),
        lastUpdated,
      })),
      dynamicListeners: stored('listener').map((l) => {
        const state = (one: Version | undefined) =>
          one?.any === undefined
            ? undefined
            : { versionInfo: one.versionInfo, listener: one.any, lastUpdated: one.lastUpdated };
        return {
          name: l.name,
          activeState: state(l),
          warmingState: state(l.warming),
          errorState: l.errorState,
        };
      }),
    }),
    // Scopes are within the listeners: they are sent by no subscription of their own.
    part(admin.ScopedRoutesConfigDump, {}),
    part(admin.RoutesConfigDump, {
      staticRouteConfigs: inlineRoutes(statics?.listeners ?? [])
        .filter((route) => matches(route.name ?? ''))
        .map((route) => ({ routeConfig: packAny(RouteConfiguration, route), lastUpdated })),
      dynamicRouteConfigs: stored('route').map((r) => ({ ...stateOf(r), routeConfig: r.any })),
    }),
    part(admin.SecretsConfigDump, {
      staticSecrets: named(statics?.secrets).map((secret) => ({
        name: secret.name,
        lastUpdated,
        secret: packAny(Secret, secret),
      })),
      dynamicActiveSecrets: [...secrets, ...dumpMadeSecrets(proxy.madeSecrets(), matches)],
      dynamicWarmingSecrets: proxy.warming
        .unanswered('secrets')
        .filter(matches)
        .map((name) => ({ name, versionInfo: 'uninitialized' })),
    }),
  );
  const extensions = stored('extensionConfig');
  if (extensions.length > 0) {
    const ecdsFilters = extensions.map((one) => ({ ...stateOf(one), ecdsFilter: one.any }));
    parts.push(part(admin.EcdsConfigDump, { ecdsFilters }));
  }
  return parts;
}

function part<T>(type: MessageType<T>, value: T): DumpPart {
  const json = toJson(type, value, { registry: knownTypes, protoNames: true, redact: true });
  return { type, json: json as Readonly<Record<string, unknown>> };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Version {
  readonly versionInfo: string | undefined;
  readonly lastUpdated: number | undefined;
  readonly any: Any | undefined;
  readonly errorState?: admin.UpdateFailureState | undefined;
}

interface Dynamic extends Version {
  readonly name: string;
  /** The version that waits to come into force. */
  readonly warming: Version | undefined;
}

function stateOf(dynamic: Version): Pick<Dynamic, 'versionInfo' | 'lastUpdated' | 'errorState'> {
  const { versionInfo, lastUpdated, errorState } = dynamic;
  return { versionInfo, lastUpdated, errorState };
}

/** Resources of a kind that came by subscription: the good ones, and what was refused of each. */
function dynamicOf(
  proxy: RunningProxy,
  type: ResourceType,
  matches: (name: string) => boolean,
): readonly Dynamic[] {
  const { resources, refused } = proxy.store.kind(type);
  const { typeUrl } = resourceTypeFacts[type];
  const names = [...new Set([...resources.keys(), ...refused.keys()])].filter(matches).sort();
  return names.map((name) => {
    const last: StoredResource | undefined = resources.get(name);
    const good = last?.warming === true ? last.previous : last;
    const bad: RefusedUpdate | undefined = refused.get(name);
    const version = (one: StoredResource | undefined): Version => ({
      versionInfo: one?.version,
      lastUpdated: one?.updatedAtMs,
      any: one === undefined ? undefined : { typeUrl, value: one.bytes },
    });
    return {
      name,
      ...version(good),
      warming: last?.warming === true ? version(last) : undefined,
      errorState:
        bad === undefined
          ? undefined
          : {
              failedConfiguration: { typeUrl, value: bad.bytes },
              lastUpdateAttempt: bad.refusedAtMs,
              details: bad.reason,
              versionInfo: bad.version,
            },
    };
  });
}

/** Route tables inside the connection managers of static listeners. */
function inlineRoutes(listeners: readonly Listener[]): readonly RouteConfiguration[] {
  return listeners.flatMap((listener) =>
    [
      ...(listener.filterChains ?? []),
      ...(listener.defaultFilterChain === undefined ? [] : [listener.defaultFilterChain]),
    ].flatMap((chain) =>
      (chain.filters ?? []).flatMap((filter) => {
        const any = filter.typedConfig;
        if (any === undefined || typeNameOf(any) !== HttpConnectionManager.typeName) return [];
        const manager = unpackTyped(HttpConnectionManager, any);
        return manager.ok && manager.value.routeConfig !== undefined ? [manager.value.routeConfig] : [];
      }),
    ),
  );
}

/** One list of the parts, as `?resource=dynamic_active_clusters` asks; undefined where no part has such a field. */
export function pickResource(
  parts: readonly DumpPart[],
  resource: string,
): { readonly type: AnyMessageType; readonly items: readonly object[] } | 'no_list' | undefined {
  for (const { type, json } of parts) {
    const field = type.table.byName.get(resource);
    if (field === undefined) continue;
    if (field.shape !== 'repeated' || field.message === undefined) return 'no_list';
    return { type: field.message, items: (json[resource] ?? []) as readonly object[] };
  }
  return undefined;
}
