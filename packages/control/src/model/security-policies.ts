import { query, type View } from '../engine/query.ts';
import type { Index, Table } from '../engine/state.ts';
import { byAge, objectKey, type AuthorizationPolicy, type RequestAuthentication } from './config-object.ts';
import { selects, type Labels } from './labels.ts';
import { settingsOf } from './settings.ts';
import {
  authorizationPolicies,
  authorizationPoliciesByNamespace,
  requestAuthentications,
  requestAuthenticationsByNamespace,
} from './tables.ts';

/** The policies that hold for a workload, by their keys `namespace/name`, the older first. */
export interface SecurityPolicies {
  readonly authentication: readonly string[];
  readonly authorization: readonly string[];
}

type Policy = AuthorizationPolicy | RequestAuthentication;

interface Source {
  readonly table: Table<Policy>;
  readonly byNamespace: Index<Policy>;
}
const authentication = {
  table: requestAuthentications,
  byNamespace: requestAuthenticationsByNamespace,
} as unknown as Source;
const authorization = {
  table: authorizationPolicies,
  byNamespace: authorizationPoliciesByNamespace,
} as unknown as Source;

/** Label by which proxies of a Gateway of the Gateway API are known. */
const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

const targetsOf = ({ spec }: Policy) => [
  ...(spec.targetRefs ?? []),
  ...(spec.targetRef === undefined ? [] : [spec.targetRef]),
];

const policiesIn = (view: View, { table, byNamespace }: Source, namespace: string): Policy[] =>
  view.keysBy(byNamespace, namespace).flatMap((key) => view.row(table, key) ?? []);

/**
 * True where a policy holds for a workload: it selects its labels, or names the Gateway that the workload
 * is a proxy of. A policy with targets holds for nobody else.
 */
function holdsFor(policy: Policy, namespace: string, labels: Labels): boolean {
  const targets = targetsOf(policy);
  if (targets.length === 0) return selects(policy.spec.selector?.matchLabels, labels);
  const gateway = labels[gatewayNameLabel];
  if (gateway === undefined || policy.namespace !== namespace) return false;
  return targets.some(({ kind, name }) => kind === 'Gateway' && name === gateway);
}

/** Names of the labels by which policies for a namespace tell workloads apart. */
const selectorNames = query('security.selectorNames', (view, namespace: string): readonly string[] => {
  const names = new Set<string>();
  for (const place of placesOf(view, namespace)) {
    for (const source of [authentication, authorization]) {
      for (const policy of policiesIn(view, source, place)) {
        if (targetsOf(policy).length > 0) names.add(gatewayNameLabel);
        for (const name of Object.keys(policy.spec.selector?.matchLabels ?? {})) names.add(name);
      }
    }
  }
  return [...names].sort();
});

/** Where policies for a namespace are found: in the root namespace, which rules all, and in itself. */
function placesOf(view: View, namespace: string): readonly string[] {
  return [...new Set([settingsOf(view).rootNamespace, namespace])];
}

const policiesOf = query(
  'security.policies',
  (
    view,
    { namespace, labels }: { readonly namespace: string; readonly labels: Labels },
  ): SecurityPolicies => {
    const holding = (source: Source): readonly string[] =>
      placesOf(view, namespace)
        .flatMap((place) => policiesIn(view, source, place))
        .filter((policy) => holdsFor(policy, namespace, labels))
        .sort(byAge)
        .map(objectKey);
    return { authentication: holding(authentication), authorization: holding(authorization) };
  },
);

/** The policies that hold for a workload, of its own namespace and of the root namespace. */
export function securityPolicies(view: View, namespace: string, labels: Labels): SecurityPolicies {
  const relevant: Record<string, string> = {};
  for (const name of view.get(selectorNames, namespace)) {
    const value = labels[name];
    if (value !== undefined) relevant[name] = value;
  }
  return view.get(policiesOf, { namespace, labels: relevant });
}
