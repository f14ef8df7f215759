import { query, type View } from '../engine/query.ts';
import type { Labels } from './labels.ts';
import type { Proxy } from './proxy.ts';
import { settingsOf } from './settings.ts';
import { workloadLocality } from './locality.ts';
import { destinationRules, gateways, proxies, sidecars, virtualServices, workloads } from './tables.ts';

/** Where a client is, and the labels that rules compare with those of endpoints. */
export interface ClientPlace {
  /** `region/zone/subzone`. */
  readonly locality: string;
  readonly network: string;
  readonly labels: Labels;
}

/**
 * What decides, of all that is known of a proxy, what it is told about others.
 *
 * Proxies of one scope share the same translation and the same bytes. Of its labels, only those are
 * part of it that some rule asks for.
 */
export interface Scope {
  readonly kind: 'sidecar' | 'router';
  readonly namespace: string;
  readonly labels: Labels;
  /** Undefined where no rule prefers some localities. */
  readonly place?: ClientPlace;
}

/** Equal for equal scopes. */
export function scopeText(scope: Scope): string {
  const labels = Object.keys(scope.labels)
    .sort()
    .map((name) => `${name}=${scope.labels[name]}`)
    .join(',');
  const place = scope.place === undefined ? '' : `~${JSON.stringify(scope.place)}`;
  return `${scope.kind}~${scope.namespace}~${labels}${place}`;
}

const namesInVirtualService = query('virtualService.sourceLabels', (view, key: string): readonly string[] => {
  const spec = view.row(virtualServices, key)?.spec;
  const matches = [...(spec?.http ?? []), ...(spec?.tcp ?? []), ...(spec?.tls ?? [])].flatMap(
    (route): readonly { readonly sourceLabels?: Labels }[] => route.match ?? [],
  );
  return matches.flatMap((match) => Object.keys(match.sourceLabels ?? {}));
});

const namesInDestinationRule = query('destinationRule.selectorLabels', (view, key: string) =>
  Object.keys(view.row(destinationRules, key)?.spec.workloadSelector?.matchLabels ?? {}),
);

const namesInSidecar = query('sidecar.selectorLabels', (view, key: string) =>
  Object.keys(view.row(sidecars, key)?.spec.workloadSelector?.labels ?? {}),
);

const namesInGateway = query('gateway.selectorLabels', (view, key: string) =>
  Object.keys(view.row(gateways, key)?.spec.selector ?? {}),
);

/** Names of the labels by which some rule tells workloads apart. */
const relevantLabels = query('relevantLabels', (view, kind: 'sidecar' | 'router'): readonly string[] => {
  const names = new Set<string>();
  const add = (more: readonly string[]): void => more.forEach((name) => names.add(name));
  for (const key of view.keys(virtualServices)) add(view.get(namesInVirtualService, key));
  for (const key of view.keys(destinationRules)) add(view.get(namesInDestinationRule, key));
  if (kind === 'sidecar') for (const key of view.keys(sidecars)) add(view.get(namesInSidecar, key));
  else for (const key of view.keys(gateways)) add(view.get(namesInGateway, key));
  return [...names].sort();
});

/** What a DestinationRule asks of the place of clients: nothing, or which labels of theirs. */
const placeInDestinationRule = query(
  'destinationRule.place',
  (view, key: string): { readonly matters: boolean; readonly labels: readonly string[] } => {
    const spec = view.row(destinationRules, key)?.spec;
    const policies = [spec?.trafficPolicy, ...(spec?.subsets ?? []).map((subset) => subset.trafficPolicy)];
    const settings = policies.flatMap((policy) => [policy, ...(policy?.portLevelSettings ?? [])]);
    return {
      matters: settings.some(
        (setting) =>
          setting?.outlierDetection !== undefined || setting?.loadBalancer?.localityLbSetting !== undefined,
      ),
      labels: settings.flatMap((setting) => setting?.loadBalancer?.localityLbSetting?.failoverPriority ?? []),
    };
  },
);

/** Names of the labels that rules compare a client's place by; undefined where none prefers some localities. */
const placeLabels = query('place.labels', (view): readonly string[] | undefined => {
  const { localityLoadBalancer: mesh } = settingsOf(view);
  const rules = view.keys(destinationRules).map((key) => view.get(placeInDestinationRule, key));
  if ((mesh.distribute ?? []).length === 0 && !rules.some(({ matters }) => matters)) return undefined;
  return [...new Set([...(mesh.failoverPriority ?? []), ...rules.flatMap(({ labels }) => labels)])].sort();
});

function placeOf(view: View, proxy: Proxy): ClientPlace | undefined {
  const names = view.get(placeLabels, undefined);
  if (names === undefined) return undefined;
  const workload = view.row(workloads, `${proxy.namespace}/${proxy.name}`);
  const own = workload === undefined ? '' : workloadLocality(view, workload);
  const labels: Record<string, string> = {};
  for (const name of names) {
    const value = proxy.labels[name];
    if (value !== undefined) labels[name] = value;
  }
  return { locality: proxy.locality === '' ? own : proxy.locality, network: proxy.network, labels };
}

/** The scope of a connected proxy; undefined where it has gone. */
export const scopeOf = query('scope', (view, proxyId: string): Scope | undefined => {
  const proxy = view.row(proxies, proxyId);
  if (proxy === undefined) return undefined;
  const labels: Record<string, string> = {};
  for (const name of view.get(relevantLabels, proxy.kind)) {
    const value = proxy.labels[name];
    if (value !== undefined) labels[name] = value;
  }
  const place = placeOf(view, proxy);
  return {
    kind: proxy.kind,
    namespace: proxy.namespace,
    labels,
    ...(place === undefined ? {} : { place }),
  };
});
