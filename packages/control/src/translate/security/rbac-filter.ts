import { packAny } from '@lateen/protocol';
import type { Filter } from '@lateen/protocol/envoy/config/listener/v3';
import type { Policy, RBAC, RBAC_Action } from '@lateen/protocol/envoy/config/rbac/v3';
import { RBAC as HttpRbac } from '@lateen/protocol/envoy/extensions/filters/http/rbac/v3';
import type { HttpFilter } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import { RBAC as NetworkRbac } from '@lateen/protocol/envoy/extensions/filters/network/rbac/v3';
import type { AuthorizationPolicy } from '../../model/config-object.ts';
import { neverPolicy, rbacPolicy, type RuleContext } from './rbac-rule.ts';

/** Rules that are enforced, and those of policies that are only tried (annotation `istio.io/dry-run`). */
export interface RuleSets {
  readonly rules?: RBAC;
  readonly shadowRules?: RBAC;
}

const dryRun = ({ annotations }: AuthorizationPolicy): boolean =>
  /^(1|t|true)$/i.test(annotations['istio.io/dry-run'] ?? '');

/** The rules of policies with one action, under the names that logs give them. */
export function ruleSets(
  policies: readonly AuthorizationPolicy[],
  action: RBAC_Action,
  context: Pick<RuleContext, 'carries' | 'trustDomains'>,
  namePrefix = '',
): RuleSets {
  const enforced: Record<string, Policy> = {};
  const tried: Record<string, Policy> = {};
  for (const policy of policies) {
    const into = dryRun(policy) ? tried : enforced;
    const nameOf = (index: number): string =>
      `${namePrefix}ns[${policy.namespace}]-policy[${policy.name}]-rule[${index}]`;
    const rules = policy.spec.rules ?? [];
    if (rules.length === 0) into[nameOf(0)] = neverPolicy;
    for (const [index, rule] of rules.entries()) {
      const made = rbacPolicy(rule, {
        ...context,
        strict: action === 'ALLOW',
        namespace: policy.namespace,
      });
      if (made !== undefined) into[nameOf(index)] = made;
    }
  }
  // A policy of which no rule can be judged here still allows nobody.
  const isTried = policies.some(dryRun);
  const isEnforced = policies.some((policy) => !dryRun(policy));
  return {
    ...(isEnforced ? { rules: { action, policies: enforced } } : {}),
    ...(isTried ? { shadowRules: { action, policies: tried } } : {}),
  };
}

const shadowPrefixes: Readonly<Record<string, string>> = {
  ALLOW: 'istio_dry_run_allow_',
  DENY: 'istio_dry_run_deny_',
};

function withPrefix(sets: RuleSets): RuleSets & { readonly shadowRulesStatPrefix?: string } {
  const prefix = shadowPrefixes[String(sets.shadowRules?.action)];
  return { ...sets, ...(prefix === undefined ? {} : { shadowRulesStatPrefix: prefix }) };
}

export function httpRbac(sets: RuleSets & Pick<HttpRbac, 'shadowRulesStatPrefix'>): HttpFilter {
  return {
    name: 'envoy.filters.http.rbac',
    typedConfig: packAny(HttpRbac, { ...withPrefix(sets), ...sets }),
  };
}

export function networkRbac(sets: RuleSets & Pick<NetworkRbac, 'shadowRulesStatPrefix'>): Filter {
  return {
    name: 'envoy.filters.network.rbac',
    typedConfig: packAny(NetworkRbac, { ...withPrefix(sets), ...sets, statPrefix: 'tcp.' }),
  };
}

/** Policies that are judged by the proxy itself, in the order in which it asks them. */
const ownActions = [
  ['AUDIT', 'LOG'],
  ['DENY', 'DENY'],
  ['ALLOW', 'ALLOW'],
] as const;

/** The rules of the actions AUDIT, DENY and ALLOW, one set each; only of those that there are. */
export function ownRuleSets(
  policies: readonly AuthorizationPolicy[],
  context: Pick<RuleContext, 'carries' | 'trustDomains'>,
): readonly RuleSets[] {
  return ownActions.flatMap(([name, action]) => {
    const those = policies.filter(({ spec }) => (spec.action ?? 'ALLOW') === name);
    return those.length === 0 ? [] : [ruleSets(those, action, context)];
  });
}
