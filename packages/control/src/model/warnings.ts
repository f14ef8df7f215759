import {
  claimMatchesAtSidecars,
  destinationsOf,
  isForGateways,
  type AuthorizationPolicy,
  type ConfigObject,
  type Destination,
} from '@lateen/config';
import type { State, Table } from '../engine/state.ts';
import { defaultMeshSettings } from './mesh-settings.ts';
import { resolveHost, wildcardsOf } from './hostname.ts';
import { selects } from './labels.ts';
import {
  authorizationPolicies,
  destinationRules,
  destinationRulesByHost,
  gateways,
  serviceEntriesByHost,
  services,
  servicesByHost,
  settings,
  settingsKey,
  workloads,
} from './tables.ts';
import type { Workload } from './workload.ts';

/**
 * What in an object refers to something that the mesh does not have, one sentence each.
 *
 * No reason to refuse it: objects may be applied in any order.
 */
export function warningsAgainst(state: State, domain: string, object: ConfigObject): string[] {
  if (object.kind === 'AuthorizationPolicy') {
    return [...providerWarnings(state, object), ...rivalWarnings(state, object)];
  }
  if (object.kind !== 'VirtualService') return [];
  const namespace = object.metadata.namespace ?? 'default';
  const { spec } = object;
  const warnings: string[] = [];
  for (const gateway of spec.gateways ?? []) {
    if (gateway === 'mesh') continue;
    const key = gateway.includes('/') ? gateway : `${namespace}/${gateway}`;
    if (state.row(gateways, key) === undefined) {
      warnings.push(
        `spec.gateways: there is no Gateway ${key} yet; the rules have no effect there until it exists`,
      );
    }
  }
  for (const { path, destination } of destinationsOf(object)) {
    const problem = problemOf(state, namespace, domain, destination, isForGateways(object));
    if (problem !== undefined) warnings.push(`${path}: ${problem}`);
  }
  for (const { path, name } of claimMatchesAtSidecars(spec)) {
    warnings.push(
      `${path}: ${name} is never there at sidecars, which spec.gateways names as mesh; restrict the match to gateways by its gateways`,
    );
  }
  return warnings;
}

/** That nobody can be asked yet; what the policy is about is refused until then. */
function providerWarnings(state: State, { spec }: AuthorizationPolicy): string[] {
  if (spec.action !== 'CUSTOM') return [];
  const name = spec.provider?.name ?? '';
  const mesh = state.row(settings, settingsKey) ?? defaultMeshSettings;
  const known = mesh.authorizationProviders.map((provider) => provider.name);
  if (known.includes(name)) return [];
  const there = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`;
  return [
    `spec.provider.name: extensionProviders of the mesh configuration has no ${name} for authorization yet (${there}); requests that the rules match are refused with 403`,
  ];
}

/** That a workload would have to ask several providers, which it cannot: what its policies are about is refused. */
function rivalWarnings(state: State, { metadata, spec }: AuthorizationPolicy): string[] {
  if (spec.action !== 'CUSTOM') return [];
  const own = { namespace: metadata.namespace ?? 'default', name: metadata.name, spec };
  const { rootNamespace } = state.row(settings, settingsKey) ?? defaultMeshSettings;
  const holds = (policy: typeof own, workload: Workload): boolean =>
    [rootNamespace, workload.namespace].includes(policy.namespace) &&
    (policy.spec.targetRefs ?? []).length === 0 &&
    policy.spec.targetRef === undefined &&
    selects(policy.spec.selector?.matchLabels, workload.labels);
  const under = rows(state, workloads).filter((workload) => holds(own, workload));
  for (const rival of rows(state, authorizationPolicies)) {
    if (rival.spec.action !== 'CUSTOM' || rival.spec.provider?.name === spec.provider?.name) continue;
    if (rival.namespace === own.namespace && rival.name === own.name) continue;
    const shared = under.find((workload) => holds(rival, workload));
    if (shared === undefined) continue;
    return [
      `spec.provider.name: pod ${shared.namespace}/${shared.name} is also under AuthorizationPolicy ${rival.namespace}/${rival.name} with provider ${rival.spec.provider?.name}; only one provider can be asked for a workload, and requests that either is about are refused with 403`,
    ];
  }
  return [];
}

function rows<Row>(state: State, of: Table<Row>): Row[] {
  return state.keys(of).flatMap((key) => state.row(of, key) ?? []);
}

function problemOf(
  state: State,
  namespace: string,
  domain: string,
  destination: Destination,
  atGateways: boolean,
): string | undefined {
  const host = resolveHost(destination.host, namespace, domain);
  const names = [host, ...wildcardsOf(host)];
  const isKnown = names.some(
    (name) =>
      state.keysBy(servicesByHost, name).length > 0 || state.keysBy(serviceEntriesByHost, name).length > 0,
  );
  if (!isKnown) return `the mesh knows no service ${host} yet; requests for it are answered with 503`;
  const [service] = state.keysBy(servicesByHost, host).flatMap((key) => state.row(services, key) ?? []);
  const ports = (service?.ports ?? []).map(({ port }) => port);
  if (atGateways && destination.port?.number === undefined && ports.length > 1) {
    return `${host} has ports ${ports.join(', ')} and none is chosen by port.number; requests that come to another port of a gateway are answered with 503`;
  }
  const { subset } = destination;
  if (subset === undefined || subset === '') return undefined;
  const defined = names
    .flatMap((name) => state.keysBy(destinationRulesByHost, name))
    .flatMap((key) => state.row(destinationRules, key)?.spec.subsets ?? [])
    .map((entry) => entry.name);
  if (defined.includes(subset)) return undefined;
  const known =
    defined.length === 0
      ? 'no DestinationRule of it defines subsets'
      : `its subsets are ${defined.join(', ')}`;
  return `no DestinationRule defines subset ${subset} of ${host} yet (${known}); requests for it are answered with 503`;
}
