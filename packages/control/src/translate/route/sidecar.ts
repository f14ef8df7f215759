import { isHttp } from '@lateen/config';
import { encode } from '@lateen/protocol';
import { RouteConfiguration, type Route, type VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import { query, type View } from '../../engine/query.ts';
import { byAge, type VirtualService } from '../../model/config-object.ts';
import { isWildcard } from '../../model/hostname.ts';
import { isExportedTo, service, serviceSeenFrom } from '../../model/registry.ts';
import { isImported, outboundPolicyOf, scopedServiceIds } from '../../model/sidecar-scope.ts';
import { scopeText, type Scope } from '../../model/scope.ts';
import type { Service } from '../../model/service.ts';
import { settingsOf } from '../../model/settings.ts';
import { meshVirtualService, virtualServicesFor } from '../../model/traffic-rules.ts';
import { virtualServices, virtualServicesByGateway } from '../../model/tables.ts';
import { outboundClusterName, passthroughCluster } from '../cluster-name.ts';
import { hashPolicies } from './action.ts';
import { policyOfPort } from '../cluster/traffic-policy.ts';
import { joinResource, sameResource, type EncodedResource } from '../resource.ts';
import { domainsOf } from './domains.ts';
import { destinationFacts, httpRoutes, type RoutePlace } from './http-route.ts';
import { retryPolicy } from './retry.ts';

const meshGateways: ReadonlySet<string> = new Set(['mesh']);

interface HostAtPort {
  readonly scope: Scope;
  readonly port: number;
  readonly serviceId: string;
}

/** A virtual host as a part of a table of routes that is put together from such. */
interface HostPart {
  readonly domains: readonly string[];
  readonly host: VirtualHost;
  readonly bytes: Uint8Array;
}

function hostPart(host: VirtualHost): HostPart {
  return {
    domains: host.domains ?? [],
    host,
    bytes: encode(RouteConfiguration, { virtualHosts: [host] }),
  };
}

function sameHostPart(a: HostPart | undefined, b: HostPart | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a.bytes, b.bytes) === 0);
}

/** The virtual host of a service at one of its HTTP ports; undefined where it does not serve HTTP there. */
const serviceVirtualHost = query(
  'routes.service',
  (view, key: HostAtPort): HostPart | undefined => {
    const found = view.get(service, key.serviceId);
    const port = found?.ports.find((entry) => entry.port === key.port);
    if (found === undefined || port === undefined) return undefined;
    if (!isHttp(port.protocol) && port.protocol !== 'auto') return undefined;
    return hostPart(virtualHostOf(view, key.scope, found, key.port));
  },
  { keyText: (key) => `${scopeText(key.scope)} ${key.serviceId}:${key.port}`, equal: sameHostPart },
);

function virtualHostOf(view: View, scope: Scope, of: Service, port: number): VirtualHost {
  const rule = view.get(meshVirtualService, { scope, hostname: of.hostname });
  const place: RoutePlace = { scope, gateways: meshGateways, listenPort: port };
  const ruled = rule === undefined || rule.spec.http === undefined ? [] : httpRoutes(view, rule, place);
  // A rule without a route for this port or client leaves the service as it is without a rule.
  const routes = ruled.length > 0 ? ruled : [defaultRoute(view, scope, of.hostname, port)];
  return {
    name: `${of.hostname}:${port}`,
    domains: domainsOf(of, scope.namespace, settingsOf(view).domain),
    routes,
    includeRequestAttemptCount: true,
  };
}

/** All requests to all endpoints of the service. */
function defaultRoute(view: View, scope: Scope, hostname: string, port: number): Route {
  const facts = destinationFacts(view, scope, hostname);
  const hashPolicy = hashPolicies(policyOfPort(facts.trafficPolicy, undefined, port).loadBalancer);
  const retries = retryPolicy(undefined);
  return {
    name: 'default',
    match: { prefix: '/' },
    route: {
      cluster: outboundClusterName(hostname, port),
      timeout: 0,
      ...(retries === undefined ? {} : { retryPolicy: retries }),
      maxGrpcTimeout: 0,
      ...(hashPolicy.length === 0 ? {} : { hashPolicy }),
    },
    decorator: { operation: `${hostname}:${port}/*` },
  };
}

/** Ports at which a service may serve HTTP, apart from all else in it. */
const httpPorts = query('service.httpPorts', (view, id: string): readonly number[] =>
  (view.get(service, id)?.ports ?? []).filter((port) => isHttp(port.protocol)).map((port) => port.port),
);

/** Services of a scope that serve HTTP at a port. */
const servicesAtPort = query(
  'routes.servicesAtPort',
  (view, key: { readonly scope: Scope; readonly port: number }): readonly string[] =>
    view.get(scopedServiceIds, key.scope).filter((id) => view.get(httpPorts, id).includes(key.port)),
  { keyText: (key) => `${scopeText(key.scope)}:${key.port}` },
);

/** Hosts that VirtualServices of the mesh name, and no service has, with the rule that decides. */
const hostsWithoutService = query(
  'routes.hostsWithoutService',
  (view, scope: Scope): readonly { readonly host: string; readonly rule: VirtualService }[] => {
    const { defaultVirtualServiceExportTo } = settingsOf(view);
    const rules = view
      .keysBy(virtualServicesByGateway, 'mesh')
      .flatMap((key) => view.row(virtualServices, key) ?? [])
      .filter((rule) =>
        isExportedTo(rule.spec.exportTo ?? defaultVirtualServiceExportTo, rule.namespace, scope.namespace),
      )
      .sort(byAge);
    const byHost = new Map<string, VirtualService>();
    for (const rule of rules) {
      if (rule.spec.http === undefined) continue;
      for (const host of rule.hosts) {
        if (byHost.has(host) || !isImported(view, scope, rule.namespace, host)) continue;
        // A wildcard is there for the services that it covers; on its own it takes the rest.
        const known =
          !isWildcard(host) &&
          view.get(serviceSeenFrom, { namespace: scope.namespace, hostname: host }) !== undefined;
        if (!known && virtualServicesFor(view, scope, 'mesh', host)[0] === rule) byHost.set(host, rule);
      }
    }
    return [...byHost.keys()].sort().map((host) => ({ host, rule: byHost.get(host) as VirtualService }));
  },
  { keyText: scopeText },
);

/** The last resort: what no host of the mesh takes. */
const fallback = query(
  'routes.fallback',
  (_, policy: 'ALLOW_ANY' | 'REGISTRY_ONLY'): HostPart => hostPart(fallbackHost(policy)),
  {
    equal: sameHostPart,
  },
);

function fallbackHost(policy: 'ALLOW_ANY' | 'REGISTRY_ONLY'): VirtualHost {
  if (policy === 'REGISTRY_ONLY') {
    return {
      name: 'block_all',
      domains: ['*'],
      routes: [{ name: 'block_all', match: { prefix: '/' }, directResponse: { status: 502 } }],
      includeRequestAttemptCount: true,
    };
  }
  return {
    name: 'allow_any',
    domains: ['*'],
    routes: [
      {
        name: 'allow_any',
        match: { prefix: '/' },
        route: { cluster: passthroughCluster, timeout: 0, maxGrpcTimeout: 0 },
      },
    ],
    includeRequestAttemptCount: true,
  };
}

/** Drops names that an earlier virtual host has, since Envoy refuses a table with one name twice. */
function withUniqueDomains(hosts: readonly HostPart[]): HostPart[] {
  const taken = new Set<string>();
  const kept: HostPart[] = [];
  for (const part of hosts) {
    const domains = part.domains.filter((domain) => !taken.has(domain));
    for (const domain of domains) taken.add(domain);
    if (domains.length === part.domains.length) kept.push(part);
    else if (domains.length > 0) kept.push(hostPart({ ...part.host, domains }));
  }
  return kept;
}

/**
 * A sidecar's routes by name: `9080` for all services at that port, `reviews.default.svc.cluster.local:9080`
 * for one whose protocol has to be detected. Undefined where the name is of no such form.
 */
export const sidecarRoutes = query(
  'routes.sidecar',
  (view, key: { readonly scope: Scope; readonly name: string }): EncodedResource | undefined => {
    const { scope, name } = key;
    const colon = name.lastIndexOf(':');
    const port = Number(name.slice(colon + 1));
    if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
    const ids =
      colon === -1 ? view.get(servicesAtPort, { scope, port }) : idsOfHost(view, scope, name.slice(0, colon));
    const hosts = ids.flatMap((serviceId) => view.get(serviceVirtualHost, { scope, port, serviceId }) ?? []);
    const place: RoutePlace = { scope, gateways: meshGateways, listenPort: port };
    const others =
      colon === -1
        ? view.get(hostsWithoutService, scope).flatMap(({ host, rule }): HostPart[] => {
            const routes = httpRoutes(view, rule, place);
            return routes.length === 0
              ? []
              : [
                  hostPart({
                    name: `${host}:${port}`,
                    domains: [host],
                    routes,
                    includeRequestAttemptCount: true,
                  }),
                ];
          })
        : [];
    const table = { name, validateClusters: false, ignorePortInHostMatching: true };
    const parts = withUniqueDomains([
      ...hosts,
      ...others,
      view.get(fallback, view.get(outboundPolicyOf, scope)),
    ]);
    return joinResource(RouteConfiguration, name, [
      encode(RouteConfiguration, table),
      ...parts.map((part) => part.bytes),
    ]);
  },
  { keyText: (key) => `${scopeText(key.scope)} ${key.name}`, equal: sameResource },
);

function idsOfHost(view: View, scope: Scope, hostname: string): readonly string[] {
  const found = view.get(serviceSeenFrom, { namespace: scope.namespace, hostname });
  return found === undefined ? [] : [`${found.namespace}/${found.hostname}`];
}

/** The inline routes of a workload's own port. */
export function inboundRoutes(cluster: string, port: number, operation: string): RouteConfiguration {
  return {
    name: cluster,
    virtualHosts: [
      {
        name: `inbound|http|${port}`,
        domains: ['*'],
        routes: [
          {
            name: 'default',
            match: { prefix: '/' },
            route: { cluster, timeout: 0, maxGrpcTimeout: 0 },
            decorator: { operation },
          },
        ],
      },
    ],
    validateClusters: false,
  };
}
