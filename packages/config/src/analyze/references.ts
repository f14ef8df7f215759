import type { Destination } from '../kinds/destination.ts';
import type { VirtualService } from '../kinds/config-object.ts';
import { didYouMean } from '../schema/did-you-mean.ts';
import { fullHost, hostMatches } from './host-name.ts';
import { carries, configName, type MeshView } from './mesh-view.ts';
import { message, type Message } from './message.ts';

/** True where gateways apply the rules, which know the port that a request came to and not the one that its service has. */
export function isForGateways({ spec }: VirtualService): boolean {
  return (spec.gateways ?? []).some((gateway) => gateway !== 'mesh');
}

/** Places in a VirtualService that name a destination, with their paths. */
export function destinationsOf(
  service: VirtualService,
): { readonly path: string; readonly destination: Destination }[] {
  const found: { path: string; destination: Destination }[] = [];
  for (const [h, route] of (service.spec.http ?? []).entries()) {
    for (const [r, { destination }] of (route.route ?? []).entries()) {
      found.push({ path: `spec.http[${h}].route[${r}].destination`, destination });
    }
    if (route.mirror !== undefined) found.push({ path: `spec.http[${h}].mirror`, destination: route.mirror });
    for (const [m, { destination }] of (route.mirrors ?? []).entries()) {
      found.push({ path: `spec.http[${h}].mirrors[${m}].destination`, destination });
    }
  }
  for (const kind of ['tcp', 'tls'] as const) {
    for (const [t, route] of (service.spec[kind] ?? []).entries()) {
      for (const [r, { destination }] of (route.route ?? []).entries()) {
        found.push({ path: `spec.${kind}[${t}].route[${r}].destination`, destination });
      }
    }
  }
  return found;
}

/** Subsets, gateways and hosts that a VirtualService names but that do not exist. */
export function missingReferences(service: VirtualService, view: MeshView): Message[] {
  return [...missingDestinations(service, view), ...missingGateways(service, view)];
}

function missingDestinations(service: VirtualService, view: MeshView): Message[] {
  const name = configName(service);
  const found: Message[] = [];
  for (const { path, destination } of destinationsOf(service)) {
    const host = fullHost(destination.host, name.namespace, view.domain);
    if (view.complete && !hostExists(host, view)) {
      const meant = didYouMean(
        destination.host,
        view.services.filter((s) => s.name.namespace === name.namespace).map((s) => s.name.name),
      );
      found.push(
        message(
          'IST0101',
          name,
          `${path}.host`,
          `there is no service ${host}${meant === undefined ? '' : ` (did you mean ${meant}?)`}: requests will fail`,
        ),
      );
    }
    const ports = view.services.find((service) => service.host === host)?.ports ?? [];
    if (destination.port?.number === undefined && ports.length > 1 && isForGateways(service)) {
      found.push(
        message(
          'IST0112',
          name,
          `${path}.port`,
          `is required, as ${host} has ports ${ports.map(({ port }) => port).join(', ')}: requests that come to another port of the gateway will fail`,
        ),
      );
    }
    if (destination.subset !== undefined && destination.subset !== '') {
      const subsets = subsetsOf(host, view);
      if (subsets.includes(destination.subset)) continue;
      const known =
        subsets.length === 0
          ? 'no DestinationRule of this host defines subsets'
          : `the subsets of this host are ${subsets.join(', ')}`;
      found.push(
        message(
          'IST0101',
          name,
          `${path}.subset`,
          `no DestinationRule defines subset ${destination.subset} of ${host} (${known}): requests will fail`,
        ),
      );
    }
  }
  return found;
}

function subsetsOf(host: string, view: MeshView): string[] {
  return view.destinationRules
    .filter((rule) =>
      hostMatches(fullHost(rule.spec.host, rule.metadata.namespace ?? 'default', view.domain), host),
    )
    .flatMap((rule) => (rule.spec.subsets ?? []).map((subset) => subset.name));
}

function hostExists(host: string, view: MeshView): boolean {
  return (
    view.services.some((service) => service.host === host) ||
    view.serviceEntries.some((entry) => entry.spec.hosts.some((pattern) => hostMatches(pattern, host)))
  );
}

function missingGateways(service: VirtualService, view: MeshView): Message[] {
  const name = configName(service);
  if (!view.complete) return [];
  return (service.spec.gateways ?? []).flatMap((gateway, index) => {
    if (gateway === 'mesh') return [];
    const full = gateway.includes('/') ? gateway : `${name.namespace}/${gateway}`;
    const exists = view.gateways.some(
      ({ metadata }) => `${metadata.namespace ?? 'default'}/${metadata.name}` === full,
    );
    if (exists) return [];
    const meant = didYouMean(
      gateway,
      view.gateways.map(({ metadata }) => metadata.name),
    );
    return [
      message(
        'IST0101',
        name,
        `spec.gateways[${index}]`,
        `there is no Gateway ${full}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`,
      ),
    ];
  });
}

/** Gateways whose selector matches no pod, in a view of a whole cluster. */
export function gatewaysWithoutPods(view: MeshView): Message[] {
  if (!view.complete || view.pods.length + view.deployments.length === 0) return [];
  return view.gateways.flatMap((gateway) => {
    const wanted = Object.entries(gateway.spec.selector ?? {});
    const matches = [...view.pods, ...view.deployments].some((pod) => carries(pod, gateway.spec.selector));
    if (matches || wanted.length === 0) return [];
    const shown = wanted.map(([key, value]) => `${key}=${value}`).join(',');
    return [message('IST0101', configName(gateway), 'spec.selector', `no pod has the labels ${shown}`)];
  });
}
