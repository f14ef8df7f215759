import { query } from '../engine/query.ts';
import { inboundPorts, type InboundPort } from '../model/inbound.ts';
import { scopeOf, scopeText, type Scope } from '../model/scope.ts';
import { inboundClusters, staticClusters } from './cluster/own.ts';
import { outboundClusters } from './cluster/outbound.ts';
import { endpointResource } from './endpoint/load-assignment.ts';
import { gatewayListeners } from './listener/gateway.ts';
import { virtualInbound } from './listener/inbound.ts';
import { outboundListeners } from './listener/outbound.ts';
import { sameResource, sameResources, type EncodedResource } from './resource.ts';
import { gatewayRoutes } from './route/gateway.ts';
import { sidecarRoutes } from './route/sidecar.ts';

/**
 * What decides all that a proxy is sent: proxies with equal views get the same resources and the same bytes.
 *
 * The scope is what it is told about others, the ports are what it is told about itself: two copies of
 * one workload have one view.
 */
export interface ProxyView {
  readonly scope: Scope;
  readonly ports: readonly InboundPort[];
}

/** Equal for equal views. */
export function viewText(view: ProxyView): string {
  return `${scopeText(view.scope)} ${JSON.stringify(view.ports)}`;
}

/** The view of a connected proxy; undefined where it has gone. */
export const viewOfProxy = query('proxy.view', (view, proxyId: string): ProxyView | undefined => {
  const scope = view.get(scopeOf, proxyId);
  return scope === undefined ? undefined : { scope, ports: view.get(inboundPorts, proxyId) };
});

/** All clusters. */
export const clusterResources = query(
  'resources.clusters',
  (view, key: ProxyView): readonly EncodedResource[] => [
    ...view.get(outboundClusters, key.scope),
    ...(key.scope.kind === 'sidecar' ? view.get(inboundClusters, key.ports) : []),
    ...view.get(staticClusters, key.scope.kind),
  ],
  { keyText: viewText, equal: sameResources },
);

/** All listeners. */
export const listenerResources = query(
  'resources.listeners',
  (view, key: ProxyView): readonly EncodedResource[] =>
    key.scope.kind === 'router'
      ? view.get(gatewayListeners, { scope: key.scope, ports: key.ports })
      : [...view.get(outboundListeners, key.scope), view.get(virtualInbound, key.ports)],
  { keyText: viewText, equal: sameResources },
);

/** A resource that is asked for by name. */
export interface NamedResource {
  readonly of: ProxyView;
  readonly name: string;
}

const namedText = (key: NamedResource): string => `${viewText(key.of)} ${key.name}`;

/** The routes of a name; undefined where there are none. */
export const routeResource = query(
  'resources.route',
  (view, { of, name }: NamedResource): EncodedResource | undefined =>
    of.scope.kind === 'router'
      ? view.get(gatewayRoutes, { edge: of, name })
      : view.get(sidecarRoutes, { scope: of.scope, name }),
  { keyText: namedText, equal: sameResource },
);

/** The endpoints of a cluster; undefined where the proxy has no such cluster. */
export const endpointsResource = query(
  'resources.endpoints',
  (view, { of, name }: NamedResource): EncodedResource | undefined =>
    view.get(endpointResource, { scope: of.scope, name }),
  { keyText: namedText, equal: sameResource },
);
