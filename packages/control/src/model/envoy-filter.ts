import type { EnvoyFilterSpec } from '@lateen/config';
import type { TypeRegistry } from '@lateen/protocol';
import { query, type View } from '../engine/query.ts';
import { byAge, objectKey, type ConfigObject } from './config-object.ts';
import { selects, type Labels } from './labels.ts';
import type { Proxy } from './proxy.ts';
import { settingsOf } from './settings.ts';
import { envoyFilterPatches, envoyFilterPatchesByNamespace } from './tables.ts';

/** What of the generated resources a patch may change. */
export type PatchedKind =
  | 'LISTENER'
  | 'FILTER_CHAIN'
  | 'LISTENER_FILTER'
  | 'NETWORK_FILTER'
  | 'HTTP_FILTER'
  | 'ROUTE_CONFIGURATION'
  | 'VIRTUAL_HOST'
  | 'HTTP_ROUTE'
  | 'CLUSTER'
  | 'EXTENSION_CONFIG';

type Spec = NonNullable<EnvoyFilterSpec['configPatches']>[number];
export type PatchOperation = NonNullable<NonNullable<Spec['patch']>['operation']>;
export type PatchMatch = NonNullable<Spec['match']>;

/** One change, with its value as a message of Envoy's. */
export interface EnvoyFilterPatch {
  /** Where it is written: `spec.configPatches[2]`. */
  readonly path: string;
  readonly applyTo: PatchedKind;
  readonly operation: PatchOperation;
  readonly match: PatchMatch;
  /** A decoded message of the kind; undefined for a removal. */
  readonly value: object | undefined;
  /** Types of what is in the value. */
  readonly registry: TypeRegistry;
}

/** An EnvoyFilter with its patches read. */
export interface EnvoyFilterPatches extends ConfigObject<Omit<EnvoyFilterSpec, 'configPatches'>> {
  readonly patches: readonly EnvoyFilterPatch[];
}

/** The EnvoyFilters that change what a proxy is sent. */
export interface FiltersInForce {
  /** Keys `namespace/name`, in the order in which they are applied. */
  readonly keys: readonly string[];
  /** Istio's version of the proxy, which patches may ask for. */
  readonly version: string;
  /** What of its node's metadata they ask for. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Label by which proxies of a Gateway of the Gateway API are known. */
const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

/**
 * The EnvoyFilters for a proxy: by priority, of the same one those of the root namespace before those of its own, the older
 * first (Istio's Pilot); undefined where there are none.
 */
export function filtersInForce(view: View, proxy: Proxy): FiltersInForce | undefined {
  const { rootNamespace } = settingsOf(view);
  const places = [...new Set([rootNamespace, proxy.namespace])];
  const filters = places
    .flatMap((place) => view.get(filtersOfNamespace, place))
    .filter((filter) => holdsFor(filter, proxy))
    .toSorted((a, b) => (a.spec.priority ?? 0) - (b.spec.priority ?? 0));
  if (filters.length === 0) return undefined;
  const asked = filters.flatMap(({ patches }) =>
    patches.flatMap(({ match }) => Object.keys(match.proxy?.metadata ?? {})),
  );
  const known = Object.entries(proxy.metadata).filter(([name]) => asked.includes(name));
  return { keys: filters.map(objectKey), version: proxy.version, metadata: Object.fromEntries(known) };
}

const filtersOfNamespace = query(
  'envoyFilters.namespace',
  (view, namespace: string): readonly EnvoyFilterPatches[] =>
    view
      .keysBy(envoyFilterPatchesByNamespace, namespace)
      .flatMap((key) => view.row(envoyFilterPatches, key) ?? [])
      .toSorted(byAge),
);

function holdsFor(filter: EnvoyFilterPatches, proxy: Proxy): boolean {
  const { targetRefs = [], workloadSelector } = filter.spec;
  const labels: Labels = proxy.labels;
  if (targetRefs.length === 0) return selects(workloadSelector?.labels, labels);
  const gateway = labels[gatewayNameLabel];
  return targetRefs.some(({ kind, name }) => kind === 'Gateway' && name === gateway);
}
