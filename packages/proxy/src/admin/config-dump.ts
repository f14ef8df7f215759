import { decode, packAny, toJson, type Any, type MessageType } from '@lateen/protocol';
import * as admin from '@lateen/protocol/envoy/admin/v3';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { HttpConnectionManager } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import { Secret } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import type { RunningProxy } from '../bootstrap/running-proxy.ts';
import { knownTypes } from '../decode/known-types.ts';
import type { RefusedUpdate, StoredResource } from '../xds/resource-store.ts';
import { describeNode } from './self-description.ts';
import { resourceTypeFacts, type ResourceType } from '../xds/resource-type.ts';

/** The parts of a configuration dump, in Envoy's order, each with the JSON of its message. */
export interface DumpPart {
  /** Full name of the message, as `envoy.admin.v3.ClustersConfigDump`. */
  readonly typeName: string;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface DumpOptions {
  readonly includeEndpoints: boolean;
  /** Only resources whose name it matches, and not the bootstrap. */
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
  const parts: DumpPart[] = [];
  if (options.nameMatches === undefined) {
    const bootstrap = { ...message, node: describeNode(message.node ?? {}) };
    parts.push(part(admin.BootstrapConfigDump, { bootstrap, lastUpdated }));
  }
  parts.push(
    part(admin.ClustersConfigDump, {
      versionInfo: proxy.store.kind('cluster').version,
      staticClusters: named(statics?.clusters).map((c) => ({ cluster: packAny(Cluster, c), lastUpdated })),
      dynamicActiveClusters: clusters
        .filter((c) => c.warming === undefined || c.any !== undefined)
        .map((c) => ({ ...stateOf(c), cluster: c.any })),
      dynamicWarmingClusters: clusters.flatMap(({ warming }) =>
        warming === undefined ? [] : [{ ...stateOf(warming), cluster: warming.any }],
      ),
    }),
  );
  if (options.includeEndpoints) {
    parts.push(
      part(admin.EndpointsConfigDump, {
        staticEndpointConfigs: named(statics?.clusters).flatMap((c) =>
          c.loadAssignment === undefined
            ? []
            : [{ endpointConfig: packAny(ClusterLoadAssignment, c.loadAssignment), lastUpdated }],
        ),
        dynamicEndpointConfigs: stored('endpoint').map((e) => ({ ...stateOf(e), endpointConfig: e.any })),
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
      dynamicActiveSecrets: secrets,
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
  return { typeName: type.typeName, json: json as Readonly<Record<string, unknown>> };
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
        if (filter.typedConfig?.typeUrl !== HttpConnectionManager.typeUrl) return [];
        const manager = decode(HttpConnectionManager, filter.typedConfig.value);
        return manager.ok && manager.value.routeConfig !== undefined ? [manager.value.routeConfig] : [];
      }),
    ),
  );
}

/** Picks one list of all parts, as `?resource=dynamic_active_clusters` asks; undefined where no part has it. */
export function pickResource(
  parts: readonly DumpPart[],
  resource: string,
): readonly unknown[] | 'no_list' | undefined {
  for (const { typeName, json } of parts) {
    const value = json[resource];
    if (value === undefined) continue;
    const type = `type.googleapis.com/${typeName}.${itemNames[resource] ?? resource}`;
    return Array.isArray(value)
      ? value.map((item: unknown) => (isObject(item) ? { '@type': type, ...item } : item))
      : 'no_list';
  }
  return resource in itemNames ? [] : undefined;
}

/** Names of the messages in each list. */
const itemNames: Readonly<Record<string, string>> = {
  static_clusters: 'StaticCluster',
  dynamic_active_clusters: 'DynamicCluster',
  dynamic_warming_clusters: 'DynamicCluster',
  static_endpoint_configs: 'StaticEndpointConfig',
  dynamic_endpoint_configs: 'DynamicEndpointConfig',
  static_listeners: 'StaticListener',
  dynamic_listeners: 'DynamicListener',
  static_route_configs: 'StaticRouteConfig',
  dynamic_route_configs: 'DynamicRouteConfig',
  ecds_filters: 'EcdsFilterConfig',
  static_secrets: 'StaticSecret',
  dynamic_active_secrets: 'DynamicSecret',
  dynamic_warming_secrets: 'DynamicSecret',
};

/** Keeps only the named fields of each part or item, as `?mask=` asks: a list of paths with commas. */
export function applyMask(value: unknown, mask: string): unknown {
  const paths = mask.split(',').map((path) => path.trim().split('.'));
  return keep(value, paths);
}

function keep(value: unknown, paths: readonly (readonly string[])[]): unknown {
  if (Array.isArray(value)) return value.map((item) => keep(item, paths));
  if (!isObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === '@type') result[key] = inner;
    const below = paths.filter((path) => path[0] === key).map((path) => path.slice(1));
    if (below.length === 0) continue;
    result[key] = below.some((path) => path.length === 0) ? inner : keep(inner, below);
  }
  return result;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
