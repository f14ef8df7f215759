import type { Cluster } from './cluster.ts';
import type { FilterChain, Listener } from './listener.ts';
import type { TlsOptions } from './tls.ts';

function chainsOf(listener: Listener): readonly FilterChain[] {
  return listener.defaultFilterChain === undefined
    ? listener.filterChains
    : [...listener.filterChains, listener.defaultFilterChain];
}

function addSecrets(names: Set<string>, options: TlsOptions): void {
  for (const name of options.certificateSecrets) names.add(name);
  if (options.validationSecret !== undefined) names.add(options.validationSecret);
}

/** The RDS names that a listener waits for. */
export function routeNamesOf(listener: Listener): ReadonlySet<string> {
  return new Set(routeOwnersOf(listener).keys());
}

/** The RDS names of a listener, each with the statistics' prefix of a connection manager that has it. */
export function routeOwnersOf(listener: Listener): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const chain of chainsOf(listener)) {
    for (const filter of chain.filters) {
      if (filter.kind !== 'http_connection_manager') continue;
      const { routes } = filter;
      const sources = routes.kind === 'scoped' ? routes.scopes.map((scope) => scope.routes) : [routes];
      for (const source of sources) if (source.kind === 'rds') names.set(source.name, filter.statPrefix);
    }
  }
  return names;
}

/** The SDS names that a listener or a cluster waits for. */
export function secretNamesOf(resource: Listener | Cluster): ReadonlySet<string> {
  const names = new Set<string>();
  if ('filterChains' in resource) {
    for (const chain of chainsOf(resource)) {
      const { transport } = chain;
      if (transport.kind !== 'downstream_tls') continue;
      addSecrets(names, transport.options);
      if (transport.sessionTicketKeysSecret !== undefined) names.add(transport.sessionTicketKeysSecret);
    }
    return names;
  }
  for (const transport of [resource.transport, ...resource.transportMatches.map((m) => m.transport)]) {
    if (transport.kind === 'upstream_tls') addSecrets(names, transport.options);
  }
  return names;
}

/** The EDS name that a cluster waits for; undefined where it has its endpoints itself. */
export function endpointNameOf(cluster: Cluster): string | undefined {
  if (cluster.discovery.kind !== 'eds') return undefined;
  return cluster.discovery.serviceName === '' ? cluster.name : cluster.discovery.serviceName;
}
