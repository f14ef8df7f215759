import type { Problem, Result } from '@lateen/core';
import { ok, problems as failed } from '@lateen/core';
import { headerName, names, type HeaderName } from '../codec/header-name.ts';
import { DomainTable, lowerHost, withoutPort } from '../decide/domain-match.ts';
import type { RoutableRequest } from '../decide/header-match.ts';
import type { RouteList } from '../decide/route-list.ts';
import type { RoutedRequest } from '../decide/route-match.ts';
import type {
  RouteConfiguration,
  RouteTableSettings,
  VirtualHost,
  VirtualHostSource,
} from '../model/route.ts';
import { wholly, type Parts } from '../timer/in-slices.ts';
import { RouteCompiler, type CompiledRoute, type RouteCompileContext } from './virtual-host.ts';

/** A virtual host with more routes is not left to the request that first asks for it: that takes milliseconds. */
const mostRoutesForRequest = 64;

/** A virtual host that is compiled when it is first asked for, or ahead of that. */
class ServedHost {
  readonly source: VirtualHostSource;
  /** True from when a request has asked for it since the table was made. */
  isAsked = false;
  toTls: CompiledRoute | undefined;
  requireTls: VirtualHost['requireTls'] = 'none';
  readonly #compiler: RouteCompiler;
  #routes: RouteList<CompiledRoute> | undefined;

  constructor(source: VirtualHostSource, compiler: RouteCompiler) {
    this.source = source;
    this.#compiler = compiler;
  }

  get isCompiled(): boolean {
    return this.#routes !== undefined;
  }

  /** Its routes, for a request. */
  ask(): RouteList<CompiledRoute> {
    this.isAsked = true;
    return this.#routes ?? wholly(this.compile());
  }

  *compile(): Parts<RouteList<CompiledRoute>> {
    const { virtualHost, toTls, routes } = yield* this.#compiler.virtualHost(yield* this.source.read(), '');
    this.toTls = toTls;
    this.requireTls = virtualHost.requireTls;
    this.#routes = routes;
    return routes;
  }
}

/** A route configuration ready to serve: what listeners hold and requests ask. */
export class RouteTable {
  readonly config: RouteConfiguration;
  /** Headers that nobody outside of the mesh may send. */
  readonly internalOnlyHeaders: readonly HeaderName[];
  readonly #hosts: readonly ServedHost[];
  readonly #byDomain: DomainTable<ServedHost>;

  constructor(config: RouteConfiguration, hosts: readonly ServedHost[], byDomain: DomainTable<ServedHost>) {
    this.config = config;
    this.internalOnlyHeaders = config.internalOnlyHeaders.map(headerName);
    this.#hosts = hosts;
    this.#byDomain = byDomain;
  }

  /** Names of the virtual hosts that requests have asked for. */
  askedHosts(): ReadonlySet<string> {
    return new Set(this.#hosts.filter(({ isAsked }) => isAsked).map(({ source }) => source.name));
  }

  /** The virtual hosts that are compiled, as far as they can serve in a table like this one. */
  compiledFor({ settingsBytes }: RouteConfiguration): ReadonlyMap<VirtualHostSource, ServedHost> {
    if (settingsBytes === undefined || settingsBytes !== this.config.settingsBytes) return new Map();
    const compiled = this.#hosts.filter(({ isCompiled }) => isCompiled);
    return new Map(compiled.map((host) => [host.source, host]));
  }

  /** True where a virtual host takes requests for this authority. */
  takes(authority: string): boolean {
    const host = lowerHost(authority);
    return this.#byDomain.find(this.config.ignorePortInHostMatching ? withoutPort(host) : host) !== undefined;
  }

  /** The route of a request; undefined where no virtual host or no route takes it. */
  find(request: RoutedRequest): CompiledRoute | undefined {
    const { head } = request;
    // As Envoy: whether it came by TLS is not known, and rules of routes go by that.
    if (head.scheme === '') return undefined;
    let host = lowerHost(head.authority);
    if (this.config.ignorePortInHostMatching) host = withoutPort(host);
    const found = this.#byDomain.find(host);
    if (found === undefined) return undefined;
    const routes = found.ask();
    if (found.toTls !== undefined && needsTls(found, head)) return found.toTls;
    const { path } = head;
    const query = path.indexOf('?');
    let pathOnly = query < 0 ? path : path.slice(0, query);
    if (this.config.ignorePathParameters === true) {
      const parameters = pathOnly.indexOf(';');
      if (parameters >= 0) pathOnly = pathOnly.slice(0, parameters);
    }
    return routes.find(request, pathOnly);
  }
}

/** True for requests that are to come again by TLS (Envoy, `VirtualHost.require_tls`). */
function needsTls(
  { requireTls }: Pick<VirtualHost, 'requireTls'>,
  { scheme, headers }: RoutableRequest,
): boolean {
  if (scheme === 'https') return false;
  return requireTls === 'all' || headers.get(names.envoyInternal) !== 'true';
}

/** Compiles a route configuration that was decoded; clusters and domains that must not be as they are become problems. */
export function compileRouteTable(
  config: RouteConfiguration,
  context: RouteCompileContext,
): Result<RouteTable> {
  return wholly(routeTableParts(config, context));
}

/**
 * The same in parts. Only the virtual hosts that requests have asked of the table `before` are compiled now, so that
 * those requests find all as it was, and large ones; the others when they are asked for. Those that have not changed are
 * not compiled again.
 */
export function* routeTableParts(
  config: RouteConfiguration,
  context: RouteCompileContext,
  before?: RouteTable,
): Parts<Result<RouteTable>> {
  const bad: Problem[] = [];
  const compiler = new RouteCompiler(settingsOf(config), context, []);
  const asked = before?.askedHosts();
  const compiled = before?.compiledFor(config);
  const hosts: ServedHost[] = [];
  const byDomain = new DomainTable<ServedHost>();
  for (const [v, source] of config.virtualHosts.entries()) {
    yield;
    const isNeeded = source.routeCount > mostRoutesForRequest || asked?.has(source.name) === true;
    const same = isNeeded ? compiled?.get(source) : undefined;
    const host = same ?? new ServedHost(source, compiler);
    host.isAsked = false;
    hosts.push(host);
    for (const domain of source.domains) {
      if (byDomain.add(domain, host)) continue;
      bad.push({
        path: `virtual_hosts[${v}].domains`,
        message: `Only unique values for domains are permitted: "${domain}" is there twice`,
      });
    }
    if (isNeeded && !host.isCompiled) yield* host.compile();
  }
  if (config.validateClusters) yield* unknownClusters(config, context, bad);
  return bad.length > 0 ? failed(bad) : ok(new RouteTable(config, hosts, byDomain));
}

/** A table without its virtual hosts: what is compiled outlives them where it is taken over. */
function settingsOf(table: RouteConfiguration): RouteTableSettings {
  const { virtualHosts: _, ...settings } = table;
  return settings;
}

/** Notes clusters that are not there, of a table that wants them to be. */
function* unknownClusters(
  config: RouteConfiguration,
  context: RouteCompileContext,
  bad: Problem[],
): Parts<void> {
  let path = '';
  const clusterRef = (name: string): ReturnType<RouteCompileContext['clusterRef']> => {
    const ref = context.clusterRef(name);
    const isThere = context.hasCluster?.(name) ?? ref.cluster !== undefined;
    if (!isThere) bad.push({ path, message: `unknown cluster "${name}"` });
    return ref;
  };
  const compiler = new RouteCompiler(config, { ...context, clusterRef }, []);
  const noHeaders = { request: undefined, response: undefined };
  for (const [v, source] of config.virtualHosts.entries()) {
    const host = yield* source.read();
    for (const [r, route] of host.routes.entries()) {
      yield;
      path = `virtual_hosts[${v}].routes[${r}].route`;
      compiler.route(route, host, noHeaders, '');
    }
  }
}
