import type { Problem, Result } from '@lateen/core';
import { messageOf, ok, problems as failed } from '@lateen/core';
import type { HashFunction } from '../cluster/balancer/hash-function.ts';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import { headerName, names, type HeaderName } from '../codec/header-name.ts';
import { defaultRoute } from '../model/defaults.ts';
import { compileRedirect } from './redirect.ts';
import { DomainTable, lowerHost, withoutPort } from '../decide/domain-match.ts';
import type { RoutableRequest } from '../decide/header-match.ts';
import { routeList, type RouteList } from '../decide/route-list.ts';
import { compileRouteMatch, type RouteTest } from '../decide/route-match.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import type { Metadata } from '../model/metadata.ts';
import type { Route, RouteConfiguration, VirtualHost } from '../model/route.ts';
import { wholly, type Parts } from '../timer/in-slices.ts';
import { compileAction, type CompiledAction } from './route-action.ts';
import { compileHeaderOperations, type CompiledHeaderOperations } from './header-operations.ts';

/** A route ready to match and to act. */
export interface CompiledRoute {
  readonly route: Route;
  readonly virtualHost: VirtualHost;
  readonly matches: RouteTest;
  readonly action: CompiledAction;
  /** In the order in which they apply. */
  readonly requestHeaders: readonly CompiledHeaderOperations[];
  readonly responseHeaders: readonly CompiledHeaderOperations[];
  /** Configuration of HTTP filters, most specific first: route, virtual host, table. */
  readonly filterConfig: Readonly<Record<string, HttpFilterConfig>>;
  /** True where {@link filterConfig} turns a filter off. */
  readonly disablesFilters: boolean;
  readonly table: RouteConfiguration;
}

interface CompiledVirtualHost {
  readonly virtualHost: VirtualHost;
  /** Where requests without TLS are sent; undefined where they are served. */
  readonly toTls: CompiledRoute | undefined;
  readonly routes: RouteList<CompiledRoute>;
}

/** A route configuration compiled: what listeners hold and requests ask. */
export class RouteTable {
  readonly config: RouteConfiguration;
  /** Headers that nobody outside of the mesh may send. */
  readonly internalOnlyHeaders: readonly HeaderName[];
  readonly #hosts: DomainTable<CompiledVirtualHost>;

  constructor(config: RouteConfiguration, hosts: DomainTable<CompiledVirtualHost>) {
    this.config = config;
    this.internalOnlyHeaders = config.internalOnlyHeaders.map(headerName);
    this.#hosts = hosts;
  }

  /** True where a virtual host takes requests for this authority. */
  takes(authority: string): boolean {
    const host = lowerHost(authority);
    return this.#hosts.find(this.config.ignorePortInHostMatching ? withoutPort(host) : host) !== undefined;
  }

  /** The route of a request; undefined where no virtual host or no route takes it. `draw` and `metadata` as in {@link RouteTest}. */
  find(request: RoutableRequest, draw: number, metadata?: Metadata): CompiledRoute | undefined {
    let host = lowerHost(request.authority);
    if (this.config.ignorePortInHostMatching) host = withoutPort(host);
    const found = this.#hosts.find(host);
    if (found === undefined) return undefined;
    if (found.toTls !== undefined && needsTls(found.virtualHost, request)) return found.toTls;
    const { path } = request;
    const query = path.indexOf('?');
    let pathOnly = query < 0 ? path : path.slice(0, query);
    if (this.config.ignorePathParameters === true) {
      const parameters = pathOnly.indexOf(';');
      if (parameters >= 0) pathOnly = pathOnly.slice(0, parameters);
    }
    return found.routes.find(request, pathOnly, draw, metadata);
  }
}

/** What a table needs to be compiled. */
export interface RouteCompileContext {
  readonly clusterRef: (name: string) => ClusterRef;
  readonly hash: HashFunction;
}

/** True for requests that are to come again by TLS (Envoy, `VirtualHost.require_tls`). */
function needsTls({ requireTls }: VirtualHost, { scheme, headers }: RoutableRequest): boolean {
  if (scheme === 'https') return false;
  return requireTls === 'all' || headers.get(names.envoyInternal) !== 'true';
}

function redirectToTls(virtualHost: VirtualHost, table: RouteConfiguration): CompiledRoute | undefined {
  if (virtualHost.requireTls === 'none') return undefined;
  const model = { kind: 'redirect', scheme: 'https', status: 301, stripQuery: false } as const;
  const route = defaultRoute(model);
  return {
    route,
    virtualHost,
    matches: () => true,
    action: { kind: 'redirect', model, redirect: compileRedirect(route, model) },
    requestHeaders: [],
    responseHeaders: [],
    filterConfig: {},
    disablesFilters: false,
    table,
  };
}

/** Refers to clusters that have to be there. */
function existingCluster(
  clusterRef: RouteCompileContext['clusterRef'],
  bad: Problem[],
): RouteCompileContext['clusterRef'] {
  return (name) => {
    const ref = clusterRef(name);
    if (ref.cluster === undefined) bad.push({ path: 'virtual_hosts', message: `unknown cluster "${name}"` });
    return ref;
  };
}

/** Compiles a route configuration; every mistake in it becomes a problem. */
export function compileRouteTable(
  config: RouteConfiguration,
  shared: RouteCompileContext,
): Result<RouteTable> {
  return wholly(routeTableParts(config, shared));
}

/** The same, route by route. */
export function* routeTableParts(
  config: RouteConfiguration,
  shared: RouteCompileContext,
): Parts<Result<RouteTable>> {
  const bad: Problem[] = [];
  const context = config.validateClusters
    ? { hash: shared.hash, clusterRef: existingCluster(shared.clusterRef, bad) }
    : shared;
  const tableRequest = compileHeaderOperations(config.requestHeaders, 'request_headers', bad);
  const tableResponse = compileHeaderOperations(config.responseHeaders, 'response_headers', bad);
  const hosts = new DomainTable<CompiledVirtualHost>();
  const order = <T>(route: T | undefined, host: T | undefined, table: T | undefined): T[] => {
    const list = config.mostSpecificHeaderMutationsWins ? [table, host, route] : [route, host, table];
    return list.filter((one) => one !== undefined);
  };

  for (const [v, virtualHost] of config.virtualHosts.entries()) {
    const path = `virtual_hosts[${v}]`;
    const hostRequest = compileHeaderOperations(virtualHost.requestHeaders, `${path}.request_headers`, bad);
    const hostResponse = compileHeaderOperations(
      virtualHost.responseHeaders,
      `${path}.response_headers`,
      bad,
    );
    const routes: CompiledRoute[] = [];
    for (const [r, route] of virtualHost.routes.entries()) {
      yield;
      const routePath = `${path}.routes[${r}]`;
      try {
        const matches = compileRouteMatch(route.match);
        const action = compileAction(route, virtualHost, config, context, routePath, bad);
        if (action === undefined) continue;
        const filterConfig = { ...config.filterConfig, ...virtualHost.filterConfig, ...route.filterConfig };
        routes.push({
          route,
          virtualHost,
          matches,
          action,
          requestHeaders: order(
            compileHeaderOperations(route.requestHeaders, `${routePath}.request_headers`, bad),
            hostRequest,
            tableRequest,
          ),
          responseHeaders: order(
            compileHeaderOperations(route.responseHeaders, `${routePath}.response_headers`, bad),
            hostResponse,
            tableResponse,
          ),
          filterConfig,
          disablesFilters: Object.values(filterConfig).some(({ kind }) => kind === 'disabled'),
          table: config,
        });
      } catch (error) {
        // The only thing that throws here is a regular expression that RE2 does not take.
        bad.push({ path: `${routePath}.match`, message: messageOf(error) });
      }
    }
    const compiled: CompiledVirtualHost = {
      virtualHost,
      toTls: redirectToTls(virtualHost, config),
      routes: routeList(routes),
    };
    for (const domain of virtualHost.domains) {
      if (hosts.add(domain, compiled)) continue;
      bad.push({
        path: `${path}.domains`,
        message: `Only unique values for domains are permitted: "${domain}" is there twice`,
      });
    }
  }
  return bad.length > 0 ? failed(bad) : ok(new RouteTable(config, hosts));
}
