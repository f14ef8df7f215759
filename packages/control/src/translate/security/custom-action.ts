import type { AuthorizationPolicy } from '../../model/config-object.ts';
import { httpRbac, networkRbac, ruleSets } from './rbac-filter.ts';
import type { RuleContext } from './rbac-rule.ts';
import type { SecurityFilters } from './security-filters.ts';

/** Ends the names of rules that refuse because nobody can be asked (Istio's word). */
const badCustomSuffix = '-deny-due-to-bad-CUSTOM-action';

/** Refuses what policies would have had somebody asked about: their provider is not there. */
function refusing(
  policies: readonly AuthorizationPolicy[],
  context: Pick<RuleContext, 'carries' | 'trustDomains'>,
): ReturnType<typeof ruleSets> {
  const { rules } = ruleSets(policies, 'DENY', context, 'istio-ext-authz-');
  if (rules === undefined) return {};
  const renamed = Object.entries(rules.policies ?? {}).map(([name, policy]) => [
    `${name}${badCustomSuffix}`,
    policy,
  ]);
  return { rules: { ...rules, policies: Object.fromEntries(renamed) } };
}

/** What policies with action CUSTOM become. */
export function customFilters(
  policies: readonly AuthorizationPolicy[],
  trustDomains: readonly string[],
): SecurityFilters {
  const custom = policies.filter(({ spec }) => spec.action === 'CUSTOM');
  if (custom.length === 0) return { http: [], network: [] };
  return {
    http: [httpRbac(refusing(custom, { carries: 'http', trustDomains }))],
    network: [networkRbac(refusing(custom, { carries: 'tcp', trustDomains }))],
  };
}
