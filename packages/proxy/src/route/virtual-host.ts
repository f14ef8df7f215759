import { messageOf, type Problem } from '@lateen/core';
import type { HashFunction } from '../cluster/balancer/hash-function.ts';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import { routeList, type RouteList } from '../decide/route-list.ts';
import { compileRouteMatch, type RouteTest } from '../decide/route-match.ts';
import { defaultRoute } from '../model/defaults.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import type { Route, RouteTableSettings, VirtualHost } from '../model/route.ts';
import type { Parts } from '../timer/in-slices.ts';
import { compileHeaderOperations, type CompiledHeaderOperations } from './header-operations.ts';
import { compileRedirect } from './redirect.ts';
import { SharedParts } from './shared-parts.ts';
import {
  compileVirtualClusters,
  type VirtualClusterChoice,
  type VirtualClusterStatsOf,
} from './virtual-cluster.ts';
import { compileAction, type CompiledAction } from './route-action.ts';

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
  readonly filterConfig: FilterConfigs;
  /** True where {@link filterConfig} turns a filter off. */
  readonly disablesFilters: boolean;
  readonly table: RouteTableSettings;
  /** Undefined where the virtual host names no requests. */
  readonly virtualClusterOf: VirtualClusterChoice | undefined;
  /** The virtual host tells endpoints which try it is. */
  readonly tellsTries: boolean;
  /** The virtual host tells clients how many there were. */
  readonly tellsTriesBack: boolean;
}

/** A virtual host ready to serve. */
export interface CompiledVirtualHost {
  readonly virtualHost: VirtualHost;
  /** Where requests without TLS are sent; undefined where they are served. */
  readonly toTls: CompiledRoute | undefined;
  readonly routes: RouteList<CompiledRoute>;
}

/** What routes need to be compiled. */
export interface RouteCompileContext {
  readonly clusterRef: (name: string) => ClusterRef;
  /** The cluster of a name that a request has. */
  readonly requestedCluster: (name: string) => ClusterRef;
  /** Whether a table that validates its clusters may name this one; undefined: where its reference has a cluster. */
  readonly hasCluster?: (name: string) => boolean | undefined;
  readonly hash: HashFunction;
  /** Undefined where nothing is counted. */
  readonly virtualClusterStats?: VirtualClusterStatsOf;
}

type FilterConfigs = Readonly<Record<string, HttpFilterConfig>>;

// What has nothing is one object for all routes: each of its own is one more line of memory that a request waits for.
const noFilterConfig: FilterConfigs = {};
const noOperations: readonly CompiledHeaderOperations[] = [];

/** Header operations of one level: the table's, a virtual host's. */
interface LevelHeaders {
  readonly request: CompiledHeaderOperations | undefined;
  readonly response: CompiledHeaderOperations | undefined;
}

interface HostParts extends LevelHeaders {
  readonly virtualClusterOf?: VirtualClusterChoice | undefined;
}

function levelHeaders(
  level: Pick<VirtualHost, 'requestHeaders' | 'responseHeaders'>,
  path: string,
  bad: Problem[],
): LevelHeaders {
  return {
    request: compileHeaderOperations(level.requestHeaders, `${path}request_headers`, bad),
    response: compileHeaderOperations(level.responseHeaders, `${path}response_headers`, bad),
  };
}

/** Compiles the routes of one table's virtual hosts. What is wrong with them is told to `bad`. */
export class RouteCompiler {
  readonly #table: RouteTableSettings;
  readonly #context: RouteCompileContext;
  readonly #bad: Problem[];
  readonly #tableHeaders: LevelHeaders;
  readonly #shared: SharedParts;

  constructor(table: RouteTableSettings, context: RouteCompileContext, bad: Problem[]) {
    this.#table = table;
    this.#context = context;
    this.#bad = bad;
    this.#shared = new SharedParts(context.clusterRef);
    this.#tableHeaders = levelHeaders(table, '', bad);
  }

  /** Route by route; `path` is the place of the virtual host, with a dot at its end where it is not empty. */
  *virtualHost(virtualHost: VirtualHost, path: string): Parts<CompiledVirtualHost> {
    const parts = this.hostParts(virtualHost, path);
    const routes: CompiledRoute[] = [];
    for (const [r, route] of virtualHost.routes.entries()) {
      yield;
      const compiled = this.route(route, virtualHost, parts, `${path}routes[${r}].`);
      if (compiled !== undefined) routes.push(compiled);
    }
    return { virtualHost, toTls: redirectToTls(virtualHost, this.#table), routes: routeList(routes) };
  }

  /** What all routes of a virtual host have of it. */
  hostParts(virtualHost: VirtualHost, path: string): HostParts {
    const headers = levelHeaders(virtualHost, path, this.#bad);
    try {
      return {
        ...headers,
        virtualClusterOf: compileVirtualClusters(virtualHost, this.#context.virtualClusterStats),
      };
    } catch (error) {
      // The only thing that throws here is a regular expression that RE2 does not take.
      this.#bad.push({ path: `${path}virtual_clusters`, message: messageOf(error) });
      return headers;
    }
  }

  /** One route; undefined after a problem without which it could not act. */
  route(
    route: Route,
    virtualHost: VirtualHost,
    hostParts: HostParts,
    path: string,
  ): CompiledRoute | undefined {
    const table = this.#table;
    const bad = this.#bad;
    try {
      const matches = compileRouteMatch(route.match);
      const action = compileAction(route, virtualHost, table, this.#context, this.#shared, path, bad);
      if (action === undefined) return undefined;
      const headers = levelHeaders(route, path, bad);
      const filterConfig = mergedFilterConfig([
        table.filterConfig,
        virtualHost.filterConfig,
        route.filterConfig,
      ]);
      return {
        route,
        virtualHost,
        matches,
        action,
        requestHeaders: this.#order(headers.request, hostParts.request, this.#tableHeaders.request),
        responseHeaders: this.#order(headers.response, hostParts.response, this.#tableHeaders.response),
        filterConfig,
        disablesFilters: Object.values(filterConfig).some(({ kind }) => kind === 'disabled'),
        table,
        virtualClusterOf: hostParts.virtualClusterOf,
        tellsTries: tellsTries(virtualHost),
        tellsTriesBack: virtualHost.includeAttemptCountInResponse,
      };
    } catch (error) {
      // The only thing that throws here is a regular expression that RE2 does not take.
      bad.push({ path: `${path}match`, message: messageOf(error) });
      return undefined;
    }
  }

  #order(
    route: CompiledHeaderOperations | undefined,
    host: CompiledHeaderOperations | undefined,
    table: CompiledHeaderOperations | undefined,
  ): readonly CompiledHeaderOperations[] {
    if (route === undefined && host === undefined && table === undefined) return noOperations;
    const list = this.#table.mostSpecificHeaderMutationsWins ? [table, host, route] : [route, host, table];
    return list.filter((one) => one !== undefined);
  }
}

function tellsTries(host: VirtualHost): boolean {
  return host.includeRequestAttemptCount || host.includeIsTimeoutRetryHeader === true;
}

/** Configuration of filters, the most specific on top; the same object where only one level has any. */
function mergedFilterConfig(levels: readonly FilterConfigs[]): FilterConfigs {
  const some = levels.filter((level) => Object.keys(level).length > 0);
  return some.length > 1 ? Object.assign({}, ...some) : (some[0] ?? noFilterConfig);
}

function redirectToTls(virtualHost: VirtualHost, table: RouteTableSettings): CompiledRoute | undefined {
  if (virtualHost.requireTls === 'none') return undefined;
  const model = { kind: 'redirect', scheme: 'https', status: 301, stripQuery: false } as const;
  const route = defaultRoute(model);
  return {
    route,
    virtualHost,
    matches: () => true,
    action: { kind: 'redirect', model, redirect: compileRedirect(route, model) },
    requestHeaders: noOperations,
    responseHeaders: noOperations,
    filterConfig: noFilterConfig,
    disablesFilters: false,
    table,
    virtualClusterOf: undefined,
    tellsTries: false,
    tellsTriesBack: false,
  };
}
