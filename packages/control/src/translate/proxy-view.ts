import { query, type Query } from '../engine/query.ts';
import type { GatewayTopology } from '../model/gateway-topology.ts';
import { filtersInForce, type FiltersInForce } from '../model/envoy-filter.ts';
import { inboundPorts, type InboundPort } from '../model/inbound.ts';
import { mutualTlsModes, type MutualTlsModes } from '../model/mutual-tls.ts';
import { scopeOf, scopeText, type Scope } from '../model/scope.ts';
import { securityPolicies, type SecurityPolicies } from '../model/security-policies.ts';
import { settingsOf } from '../model/settings.ts';
import { proxies } from '../model/tables.ts';
import { inboundClusters, staticClusters } from './cluster/own.ts';
import { addedExtension, patchedList, patchedRoute } from './envoy-filter/patched-resources.ts';
import { outboundClusters } from './cluster/outbound.ts';
import { endpointResource } from './endpoint/load-assignment.ts';
import { gatewayListeners, guardedEdgeText } from './listener/gateway.ts';
import { virtualInbound } from './listener/inbound.ts';
import { outboundListeners } from './listener/outbound.ts';
import { sameResources, type EncodedResource } from './resource.ts';
import { gatewayRoutes } from './route/gateway.ts';
import { sidecarRoutes } from './route/sidecar.ts';
import { gatewaySecret } from './secret/gateway-secret.ts';

/**
 * What decides all that a proxy is sent: proxies with equal views get the same resources and the same bytes.
 *
 * The scope is what it is told about others, the ports are what it is told about itself: two copies of
 * one workload have one view, all workloads of a namespace mostly one scope.
 */
export interface ProxyView {
  readonly scope: Scope;
  readonly ports: readonly InboundPort[];
  /** Which of its ports take mutual TLS. */
  readonly mutualTls: MutualTlsModes;
  /** Who may ask it for what. */
  readonly security: SecurityPolicies;
  /** What stands before it; empty for sidecars. */
  readonly topology: GatewayTopology;
  /** The EnvoyFilters that change what it is sent; absent where none does. */
  readonly filters?: FiltersInForce;
}

/** The view of a connected proxy; undefined where it has gone. */
export const viewOfProxy = query('proxy.view', (view, proxyId: string): ProxyView | undefined => {
  const scope = view.get(scopeOf, proxyId);
  const proxy = view.row(proxies, proxyId);
  if (scope === undefined || proxy === undefined) return undefined;
  const mutualTls = mutualTlsModes(view, proxy.namespace, proxy.labels);
  const security = securityPolicies(view, proxy.namespace, proxy.labels);
  const topology = proxy.kind === 'router' ? { ...settingsOf(view).gatewayTopology, ...proxy.topology } : {};
  const filters = filtersInForce(view, proxy);
  return {
    scope,
    ports: view.get(inboundPorts, proxyId),
    mutualTls,
    security,
    topology,
    ...(filters === undefined ? {} : { filters }),
  };
});

/** Kinds of which a proxy gets all, without asking by name. */
export type ListedKind = 'cluster' | 'listener';
/** Kinds of which a proxy gets what it asks for by name. */
export type NamedKind = 'endpoint' | 'extensionConfig' | 'route' | 'secret';

/** A query with its key, whatever that is. */
export interface Bound<Value> {
  readonly query: Query<unknown, Value>;
  readonly key: unknown;
}

/** Some of the resources of a view, watched together and shared by all views that have the same. */
export interface ResourceSetSpec {
  /** Equal for equal sets. */
  readonly text: string;
  readonly listed: { readonly [K in ListedKind]?: Bound<readonly EncodedResource[]> };
  readonly named: { readonly [K in NamedKind]?: (name: string) => Bound<EncodedResource | undefined> };
}

function bind<Key, Value>(query: Query<Key, Value>, key: Key): Bound<Value> {
  return { query: query as Query<unknown, Value>, key };
}

const ownClusters = query(
  'clusters.own',
  (view, key: ProxyView): readonly EncodedResource[] => [
    ...(key.scope.kind === 'sidecar' ? view.get(inboundClusters, key.ports) : []),
    ...view.get(staticClusters, key.scope.kind),
  ],
  { keyText: viewText, equal: sameResources },
);

const ownListeners = query(
  'listeners.own',
  (view, key: ProxyView): readonly EncodedResource[] => [
    view.get(virtualInbound, { ports: key.ports, mutualTls: key.mutualTls, security: key.security }),
  ],
  { keyText: viewText, equal: sameResources },
);

function viewText(view: ProxyView): string {
  return `${scopeText(view.scope)} ${JSON.stringify([view.ports, view.mutualTls, view.security])}`;
}

/** The sets that make up all resources of a view: what its scope shares, and its own; as EnvoyFilters change them. */
export function resourceSets(view: ProxyView): readonly ResourceSetSpec[] {
  const { filters } = view;
  const sets = generatedSets(view);
  if (filters === undefined) return sets;
  // What is added to the lists comes once, with the proxy's own.
  return sets.map((set, i) => patchedSet(set, view, filters, i === sets.length - 1));
}

function patchedSet(
  { text, listed, named }: ResourceSetSpec,
  view: ProxyView,
  filters: FiltersInForce,
  adds: boolean,
): ResourceSetSpec {
  const proxy = view.scope.kind;
  const list = (kind: ListedKind) => {
    const bound = listed[kind];
    if (bound === undefined) return {};
    const { query: inner, key } = bound;
    return { [kind]: bind(patchedList, { inner, key, filters, proxy, kind, adds }) };
  };
  const { route } = named;
  const patched = (name: string) => {
    const { query: inner, key } = (route as NonNullable<typeof route>)(name);
    return bind(patchedRoute, { inner, key, filters, proxy, edge: proxy === 'router' ? view : undefined });
  };
  return {
    text: `${JSON.stringify(filters)} ${text}`,
    listed: { ...list('cluster'), ...list('listener') },
    named: {
      ...named,
      ...(route === undefined ? {} : { route: patched }),
      ...(adds ? { extensionConfig: (name: string) => bind(addedExtension, { filters, name }) } : {}),
    },
  };
}

function generatedSets(view: ProxyView): readonly ResourceSetSpec[] {
  const { scope } = view;
  const endpoint = (name: string) => bind(endpointResource, { scope, name });
  if (scope.kind === 'router') {
    return [
      { text: scopeText(scope), listed: { cluster: bind(outboundClusters, scope) }, named: { endpoint } },
      {
        text: `own ${guardedEdgeText(view)}`,
        listed: { cluster: bind(ownClusters, view), listener: bind(gatewayListeners, view) },
        named: {
          route: (name) => bind(gatewayRoutes, { edge: view, name }),
          secret: (name) => bind(gatewaySecret, { namespace: scope.namespace, name }),
        },
      },
    ];
  }
  return [
    {
      text: scopeText(scope),
      listed: { cluster: bind(outboundClusters, scope), listener: bind(outboundListeners, scope) },
      named: { endpoint, route: (name) => bind(sidecarRoutes, { scope, name }) },
    },
    {
      text: `own ${viewText(view)}`,
      listed: { cluster: bind(ownClusters, view), listener: bind(ownListeners, view) },
      named: {},
    },
  ];
}
