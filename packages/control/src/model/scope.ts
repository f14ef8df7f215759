import { query } from '../engine/query.ts';
import type { Labels } from './labels.ts';
import { destinationRules, gateways, proxies, sidecars, virtualServices } from './tables.ts';

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
}

/** Equal for equal scopes. */
export function scopeText(scope: Scope): string {
  const labels = Object.keys(scope.labels)
    .sort()
    .map((name) => `${name}=${scope.labels[name]}`)
    .join(',');
  return `${scope.kind}~${scope.namespace}~${labels}`;
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

/** The scope of a connected proxy; undefined where it has gone. */
export const scopeOf = query('scope', (view, proxyId: string): Scope | undefined => {
  const proxy = view.row(proxies, proxyId);
  if (proxy === undefined) return undefined;
  const labels: Record<string, string> = {};
  for (const name of view.get(relevantLabels, proxy.kind)) {
    const value = proxy.labels[name];
    if (value !== undefined) labels[name] = value;
  }
  return { kind: proxy.kind, namespace: proxy.namespace, labels };
});
