import { RouteConfiguration, type Route, type VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import { query, type View } from '../../engine/query.ts';
import { byAge, type VirtualService } from '../../model/config-object.ts';
import {
  boundServers,
  edgeText,
  hostsOf,
  isPlainHttp,
  type BoundServer,
  type EdgeProxies,
} from '../../model/gateway-servers.ts';
import { covers } from '../../model/hostname.ts';
import { isExportedTo } from '../../model/registry.ts';
import type { Scope } from '../../model/scope.ts';
import { settingsOf } from '../../model/settings.ts';
import { virtualServices, virtualServicesByGateway } from '../../model/tables.ts';
import { encodeResource, sameResource, type EncodedResource } from '../resource.ts';
import { httpRoutes } from './http-route.ts';
import { matchesAll } from './match.ts';

/** Name of the routes of all plain HTTP servers at a port of the proxy: `http.8080`. */
export function httpRoutesName(listenPort: number): string {
  return `http.${listenPort}`;
}

/** Name of the routes of one server that ends TLS: `https.443.https.gateway.namespace`. */
export function httpsRoutesName({ server, gateway }: BoundServer): string {
  const [namespace, name] = gateway.split('/');
  return `https.${server.port.number}.${server.port.name}.${name}.${namespace}`;
}

/** VirtualServices that are bound to a Gateway and seen by its proxies, the oldest first. */
export function rulesOfGateway(view: View, scope: Scope, gateway: string): VirtualService[] {
  const { defaultVirtualServiceExportTo } = settingsOf(view);
  return view
    .keysBy(virtualServicesByGateway, gateway)
    .flatMap((key) => view.row(virtualServices, key) ?? [])
    .filter((rule) =>
      isExportedTo(rule.spec.exportTo ?? defaultVirtualServiceExportTo, rule.namespace, scope.namespace),
    )
    .sort(byAge);
}

/** The hosts for which a rule applies at a server: each the more specific of the rule's and the server's. */
export function sharedHosts(rule: VirtualService, bound: BoundServer): string[] {
  const shared = new Set<string>();
  for (const { namespace, host } of hostsOf(bound)) {
    if (namespace !== '*' && namespace !== rule.namespace) continue;
    for (const ruled of rule.hosts) {
      if (covers(host, ruled)) shared.add(ruled);
      else if (covers(ruled, host)) shared.add(host);
    }
  }
  return [...shared];
}

/** Rules that take everything go last, so that those of other objects are reached. */
function catchAllLast(routes: readonly Route[]): Route[] {
  const all = (route: Route): boolean => matchesAll(route.match ?? {});
  return [...routes.filter((route) => !all(route)), ...routes.filter(all).slice(0, 1)];
}

function virtualHosts(view: View, edge: EdgeProxies, servers: readonly BoundServer[]): VirtualHost[] {
  const hosts = new Map<string, { routes: Route[]; port: number; redirect: boolean }>();
  const rulesTaken = new Set<string>();
  for (const bound of servers) {
    const redirect = bound.server.tls?.httpsRedirect === true;
    const port = bound.server.port.number;
    for (const rule of rulesOfGateway(view, edge.scope, bound.gateway)) {
      const routes = httpRoutes(view, rule, {
        scope: edge.scope,
        gateways: new Set([bound.gateway]),
        listenPort: port,
      });
      for (const host of sharedHosts(rule, bound)) {
        // Two servers of one gateway may lead the same rule here.
        const once = `${host} ${rule.namespace}/${rule.name}`;
        if (rulesTaken.has(once)) continue;
        rulesTaken.add(once);
        const known = hosts.get(host);
        if (known === undefined) hosts.set(host, { routes: [...routes], port, redirect });
        else known.routes.push(...routes);
      }
    }
    // A server that only redirects needs no rule.
    if (!redirect) continue;
    for (const { host } of hostsOf(bound)) {
      const known = hosts.get(host);
      if (known === undefined) hosts.set(host, { routes: [], port, redirect });
      else known.redirect = true;
    }
  }
  return [...hosts.keys()].sort().map((host) => {
    const { routes, port, redirect } = hosts.get(host) as NonNullable<ReturnType<typeof hosts.get>>;
    return {
      name: `${host}:${port}`,
      domains: [host],
      routes: catchAllLast(routes),
      includeRequestAttemptCount: true,
      ...(redirect ? { requireTls: 'ALL' as const } : {}),
    };
  });
}

/** The routes of proxies at the edge by name; undefined where no server has routes of this name. */
export const gatewayRoutes = query(
  'routes.gateway',
  (view, key: { readonly edge: EdgeProxies; readonly name: string }): EncodedResource | undefined => {
    const { edge, name } = key;
    const servers = view
      .get(boundServers, edge)
      .filter((bound) =>
        isPlainHttp(bound)
          ? httpRoutesName(bound.listenPort) === name
          : bound.protocol === 'https' && httpsRoutesName(bound) === name,
      );
    const [first] = servers;
    if (first === undefined) return undefined;
    const hosts = virtualHosts(view, edge, servers);
    const blackHole: VirtualHost = {
      name: `blackhole:${first.server.port.number}`,
      domains: ['*'],
      routes: [],
    };
    return encodeResource(RouteConfiguration, name, {
      name,
      virtualHosts: hosts.length === 0 ? [blackHole] : hosts,
      validateClusters: false,
      ignorePortInHostMatching: true,
    });
  },
  { keyText: (key) => `${edgeText(key.edge)} ${key.name}`, equal: sameResource },
);
