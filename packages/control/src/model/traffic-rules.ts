import type { Subset, TrafficPolicy } from '@lateen/config';
import { query, type View } from '../engine/query.ts';
import { byAge, objectKey, type DestinationRule, type VirtualService } from './config-object.ts';
import { wildcardsOf } from './hostname.ts';
import { selects } from './labels.ts';
import { isExportedTo } from './registry.ts';
import { scopeText, type Scope } from './scope.ts';
import { settingsOf } from './settings.ts';
import { isImported } from './sidecar-scope.ts';
import {
  destinationRules,
  destinationRulesByHost,
  virtualServices,
  virtualServicesByHost,
} from './tables.ts';

/** What DestinationRules say about a host, for one client. */
export interface DestinationPolicy {
  readonly trafficPolicy: TrafficPolicy | undefined;
  readonly subsets: readonly Subset[];
  /** Keys (`namespace/name`) of the rules that it was made of. */
  readonly rules: readonly string[];
}

interface HostInScope {
  readonly scope: Scope;
  readonly hostname: string;
}

/**
 * The policy for a host as a client sees it, undefined where no rule speaks of it.
 *
 * Rules of the client's namespace come first, then those of the service's, then those of the root
 * namespace (Istio, "DestinationRule"); in each, an exact host comes before wildcards. Rules for the
 * same host in the same namespace are merged: all subsets, and the policy of the oldest that has one.
 */
export const destinationPolicy = query(
  'destinationPolicy',
  (view, key: HostInScope & { readonly serviceNamespace: string }): DestinationPolicy | undefined => {
    const { rootNamespace, defaultDestinationRuleExportTo } = settingsOf(view);
    const candidates = [key.hostname, ...wildcardsOf(key.hostname)].map((host) =>
      view.keysBy(destinationRulesByHost, host).flatMap((rule) => view.row(destinationRules, rule) ?? []),
    );
    for (const namespace of new Set([key.scope.namespace, key.serviceNamespace, rootNamespace])) {
      for (const rules of candidates) {
        const fitting = rules.filter(
          (rule) =>
            rule.namespace === namespace &&
            isExportedTo(
              rule.spec.exportTo ?? defaultDestinationRuleExportTo,
              namespace,
              key.scope.namespace,
            ) &&
            appliesTo(rule, key.scope),
        );
        if (fitting.length > 0) return merge(fitting);
      }
    }
    return undefined;
  },
  { keyText: (key) => `${scopeText(key.scope)} ${key.serviceNamespace}/${key.hostname}` },
);

function appliesTo(rule: DestinationRule, scope: Scope): boolean {
  const wanted = rule.spec.workloadSelector?.matchLabels;
  return wanted === undefined || (rule.namespace === scope.namespace && selects(wanted, scope.labels));
}

function merge(rules: readonly DestinationRule[]): DestinationPolicy {
  // A rule for some workloads alone is not mixed with those for all.
  const selective = rules.filter((rule) => rule.spec.workloadSelector !== undefined);
  const used = (selective.length > 0 ? selective : rules).toSorted(byAge);
  const subsets = new Map<string, Subset>();
  for (const rule of used) {
    for (const subset of rule.spec.subsets ?? []) {
      if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
    }
  }
  return {
    trafficPolicy: used.find((rule) => rule.spec.trafficPolicy !== undefined)?.spec.trafficPolicy,
    subsets: [...subsets.values()],
    rules: used.map(objectKey),
  };
}

/**
 * The VirtualService that decides about a host for sidecars of a scope; undefined where none does.
 *
 * The most specific host wins, then the older object, as Istio does.
 */
export const meshVirtualService = query(
  'meshVirtualService',
  (view, key: HostInScope): VirtualService | undefined => {
    for (const host of [key.hostname, ...wildcardsOf(key.hostname)]) {
      const found = virtualServicesFor(view, key.scope, 'mesh', host).find((rule) =>
        isImported(view, key.scope, rule.namespace, host),
      );
      if (found !== undefined) return found;
    }
    return undefined;
  },
  { keyText: (key) => `${scopeText(key.scope)} ${key.hostname}` },
);

/** VirtualServices that name exactly this host for this gateway and are seen from the scope, the oldest first. */
export function virtualServicesFor(
  view: View,
  scope: Scope,
  gateway: string,
  host: string,
): VirtualService[] {
  const { defaultVirtualServiceExportTo } = settingsOf(view);
  return view
    .keysBy(virtualServicesByHost, `${gateway} ${host}`)
    .flatMap((key) => view.row(virtualServices, key) ?? [])
    .filter((rule) =>
      isExportedTo(rule.spec.exportTo ?? defaultVirtualServiceExportTo, rule.namespace, scope.namespace),
    )
    .sort(byAge);
}
