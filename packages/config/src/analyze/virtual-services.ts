import type { HttpRoute } from '../kinds/http-route.ts';
import type { VirtualService } from '../kinds/config-object.ts';
import { fullHost, hostsOverlap } from './host-name.ts';
import { configName, type MeshView } from './mesh-view.ts';
import { message, type Message } from './message.ts';

/** Rules that come after one that matches everything. */
export function unreachableRules(view: MeshView): Message[] {
  return view.virtualServices.flatMap((service) => {
    const routes = service.spec.http ?? [];
    const last = routes.findIndex(matchesEverything);
    if (last < 0) return [];
    return routes
      .slice(last + 1)
      .map((_, offset) =>
        message(
          'IST0130',
          configName(service),
          `spec.http[${last + 1 + offset}]`,
          `the rule is never used: spec.http[${last}] before it matches every request`,
        ),
      );
  });
}

function matchesEverything(route: HttpRoute): boolean {
  const matches = route.match ?? [];
  if (matches.length === 0) return true;
  return matches.some((match) => {
    const { name: _name, statPrefix: _prefix, ...conditions } = match;
    const fields = Object.keys(conditions);
    return fields.length === 0 || (fields.length === 1 && match.uri?.prefix === '/');
  });
}

/** Sidecars take the oldest of several VirtualServices of the same host. */
export function conflictingHosts(view: MeshView): Message[] {
  const owners = new Map<string, VirtualService>();
  const found: Message[] = [];
  for (const service of view.virtualServices) {
    if (!(service.spec.gateways ?? ['mesh']).includes('mesh')) continue;
    for (const host of service.spec.hosts ?? []) {
      const full = fullHost(host, service.metadata.namespace ?? 'default', view.domain);
      const scope = (service.spec.exportTo ?? ['*']).includes('*')
        ? ''
        : (service.metadata.namespace ?? 'default');
      const key = `${scope}/${full}`;
      const owner = owners.get(key);
      if (owner === undefined) {
        owners.set(key, service);
        continue;
      }
      const other = configName(owner);
      found.push(
        message(
          'IST0109',
          configName(service),
          'spec.hosts',
          `VirtualService ${other.name}.${other.namespace} is also for host ${full} in the mesh: only the older of them is used`,
        ),
      );
    }
  }
  return found;
}

/** Hosts that none of the gateways of the VirtualService serves. */
export function hostsOutsideGateways(view: MeshView): Message[] {
  return view.virtualServices.flatMap((service) => {
    const name = configName(service);
    return (service.spec.gateways ?? []).flatMap((reference, index) => {
      const full = reference.includes('/') ? reference : `${name.namespace}/${reference}`;
      const gateway = view.gateways.find(
        ({ metadata }) => `${metadata.namespace ?? 'default'}/${metadata.name}` === full,
      );
      if (gateway === undefined) return [];
      const served = (gateway.spec.servers ?? []).flatMap((server) =>
        server.hosts.map((host) => host.slice(host.indexOf('/') + 1)),
      );
      const covered = (service.spec.hosts ?? []).some((host) =>
        served.some(
          (pattern) => hostsOverlap(pattern, fullHost(host, name.namespace, view.domain)) || pattern === host,
        ),
      );
      if (covered) return [];
      return [
        message(
          'IST0132',
          name,
          `spec.gateways[${index}]`,
          `Gateway ${full} serves ${served.join(', ') || 'no hosts'}, none of the hosts ${(service.spec.hosts ?? []).join(', ')}`,
        ),
      ];
    });
  });
}
