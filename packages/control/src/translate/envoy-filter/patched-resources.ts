import { decode, type MessageType } from '@lateen/protocol';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { query, type Query, type View } from '../../engine/query.ts';
import type { EnvoyFilterPatch, FiltersInForce, PatchedKind } from '../../model/envoy-filter.ts';
import { boundServers, type EdgeProxies } from '../../model/gateway-servers.ts';
import { envoyFilterPatches } from '../../model/tables.ts';
import { encodeResource, sameResource, sameResources, type EncodedResource } from '../resource.ts';
import { patchCluster } from './patch-cluster.ts';
import { patchListener } from './patch-listener.ts';
import { inTurn } from './patch-order.ts';
import { patchRoutes, type RoutePlace } from './patch-routes.ts';

type Context = 'SIDECAR_INBOUND' | 'SIDECAR_OUTBOUND' | 'GATEWAY';

/** Resources as they are generated, and what is to change them. */
interface Patched<Value> {
  readonly inner: Query<unknown, Value>;
  readonly key: unknown;
  readonly filters: FiltersInForce;
  readonly proxy: 'sidecar' | 'router';
}

/** Listed resources; `adds` says whether these are the ones that further ones are added to. */
export interface PatchedList extends Patched<readonly EncodedResource[]> {
  readonly kind: 'cluster' | 'listener';
  readonly adds: boolean;
}

export interface PatchedRoute extends Patched<EncodedResource | undefined> {
  /** Where the routes are those of a gateway. */
  readonly edge: EdgeProxies | undefined;
}

function keyText({ inner, key, filters, proxy }: Patched<unknown>): string {
  return `${JSON.stringify(filters)} ${proxy} ${inner.name} ${inner.keyText(key)}`;
}

/** Clusters or listeners as EnvoyFilters change them. */
export const patchedList = query(
  'envoyFilter.list',
  (view, key: PatchedList): readonly EncodedResource[] => {
    const resources = view.get(key.inner, key.key);
    if (key.kind === 'cluster') {
      const patches = patchesFor(view, key, ['CLUSTER']);
      return patchEach(resources, Cluster, patches, key, patchCluster, clusterContext);
    }
    const kinds: readonly PatchedKind[] = [
      'LISTENER',
      'LISTENER_FILTER',
      'FILTER_CHAIN',
      'NETWORK_FILTER',
      'HTTP_FILTER',
    ];
    // Routes within listeners are those of inbound connections.
    const routes: readonly PatchedKind[] = ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'];
    const patches = patchesFor(view, key, [...kinds, ...routes]);
    return patchEach(resources, Listener, patches, key, patchListener, listenerContext);
  },
  { keyText: (key) => `${key.kind} ${key.adds} ${keyText(key)}`, equal: sameResources },
);

/** A route configuration as EnvoyFilters change it. */
export const patchedRoute = query(
  'envoyFilter.route',
  (view, key: PatchedRoute): EncodedResource | undefined => {
    const resource = view.get(key.inner, key.key);
    if (resource === undefined) return undefined;
    const context = key.proxy === 'router' ? 'GATEWAY' : 'SIDECAR_OUTBOUND';
    const patches = patchesFor(view, key, ['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE']).filter(
      (patch) => isIn(patch, context),
    );
    const decoded = patches.length === 0 ? undefined : decode(RouteConfiguration, resource.value);
    if (decoded?.ok !== true) return resource;
    const place = placeOf(view, resource.name, key.edge);
    let config = decoded.value;
    for (const patch of patches) config = patchRoutes(config, patch, place);
    return encodeResource(RouteConfiguration, resource.name, config);
  },
  { keyText, equal: sameResource },
);

/** A configuration of an extension that proxies ask for by name (ECDS). */
export interface AddedExtension {
  readonly filters: FiltersInForce;
  readonly name: string;
}

/** What EnvoyFilters add of this name; of several the last. */
export const addedExtension = query(
  'envoyFilter.extension',
  (view, key: AddedExtension): EncodedResource | undefined => {
    const { value } =
      patchesFor(view, key, ['EXTENSION_CONFIG']).findLast(
        (patch) => (patch.value as TypedExtensionConfig).name === key.name,
      ) ?? {};
    return value === undefined ? undefined : encodeResource(TypedExtensionConfig, key.name, value);
  },
  { keyText: ({ filters, name }) => `${JSON.stringify(filters)} ${name}`, equal: sameResource },
);

/** What routes are for, as their name says: a sidecar's `9080`, a gateway's `http.8080` or `https.443.PORT.GATEWAY.NAMESPACE`. */
function placeOf(view: View, name: string, edge: EdgeProxies | undefined): RoutePlace {
  if (edge === undefined) return { ports: [Number(name)] };
  const [protocol, port = '', portName, gateway, namespace] = name.split('.');
  if (protocol === 'https') {
    return { ports: [Number(port)], portName: portName ?? '', gateway: `${namespace}/${gateway}` };
  }
  const servers = view.get(boundServers, edge).filter(({ listenPort }) => String(listenPort) === port);
  const ports = servers.map(({ server }) => server.port.number);
  return { ports: ports.length === 0 ? [Number(port)] : ports };
}

/** The patches of some kinds that are for proxies of this version, in order. */
function patchesFor(
  view: View,
  { filters }: { readonly filters: FiltersInForce },
  kinds: readonly PatchedKind[],
): readonly EnvoyFilterPatch[] {
  const patches = filters.keys
    .flatMap((key) => view.row(envoyFilterPatches, key)?.patches ?? [])
    .filter(
      ({ applyTo, match: { proxy } }) =>
        kinds.includes(applyTo) &&
        isVersion(proxy?.proxyVersion, filters.version) &&
        Object.entries(proxy?.metadata ?? {}).every(([name, value]) => filters.metadata[name] === value),
    );
  return inTurn(patches);
}

function isVersion(expression: string | undefined, version: string): boolean {
  if (expression === undefined || expression === '') return true;
  try {
    return new RegExp(expression).test(version);
  } catch {
    return false;
  }
}

function isIn({ match }: EnvoyFilterPatch, context: Context): boolean {
  return match.context === undefined || match.context === 'ANY' || match.context === context;
}

function patchEach<T extends { readonly name?: string | undefined }>(
  resources: readonly EncodedResource[],
  type: MessageType<T>,
  patches: readonly EnvoyFilterPatch[],
  { proxy, adds }: PatchedList,
  change: (message: T, patch: EnvoyFilterPatch) => T | undefined,
  contextOf: (name: string) => Context,
): readonly EncodedResource[] {
  if (patches.length === 0) return resources;
  const whole = type.typeName === Cluster.typeName ? 'CLUSTER' : 'LISTENER';
  const changed = resources.flatMap((resource) => {
    const context = proxy === 'router' ? 'GATEWAY' : contextOf(resource.name);
    const fitting = patches.filter((patch) => isIn(patch, context));
    const decoded = fitting.length === 0 ? undefined : decode(type, resource.value);
    if (decoded?.ok !== true) return [resource];
    let message: T | undefined = decoded.value;
    for (const patch of fitting) {
      if (message !== undefined && patch.operation !== 'ADD') message = change(message, patch);
      else if (message !== undefined && patch.applyTo !== whole) message = change(message, patch);
    }
    return message === undefined ? [] : [encodeResource(type, resource.name, message)];
  });
  if (!adds) return changed;
  const contexts: readonly Context[] =
    proxy === 'router' ? ['GATEWAY'] : ['SIDECAR_INBOUND', 'SIDECAR_OUTBOUND'];
  const added = patches
    .filter(({ applyTo, operation }) => applyTo === whole && operation === 'ADD')
    .filter((patch) => contexts.some((context) => isIn(patch, context)))
    .map(({ value }) => value as T)
    .filter(({ name }) => !changed.some((resource) => resource.name === name))
    .map((message) => encodeResource(type, message.name ?? '', message));
  return [...changed, ...added];
}

function clusterContext(name: string): Context {
  return name.startsWith('inbound|') || name === 'InboundPassthroughCluster'
    ? 'SIDECAR_INBOUND'
    : 'SIDECAR_OUTBOUND';
}

function listenerContext(name: string): Context {
  return name === 'virtualInbound' ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND';
}
