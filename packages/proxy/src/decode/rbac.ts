import { toJson } from '@lateen/protocol';
import * as rbacConfig from '@lateen/protocol/envoy/config/rbac/v3';
import type { RBAC as HttpRbac } from '@lateen/protocol/envoy/extensions/filters/http/rbac/v3';
import * as httpRbac from '@lateen/protocol/envoy/extensions/filters/http/rbac/v3';
import type { RBAC as NetworkRbac } from '@lateen/protocol/envoy/extensions/filters/network/rbac/v3';
import * as networkRbac from '@lateen/protocol/envoy/extensions/filters/network/rbac/v3';
import type { JsonValue, RbacRules } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const statistics = 'adds statistics only';

const httpPolicy = fieldPolicy(httpRbac.RBAC, ['rules', 'shadowRules'], {
  rulesStatPrefix: statistics,
  shadowRulesStatPrefix: statistics,
  trackPerRuleStats: statistics,
});
const networkPolicy = fieldPolicy(networkRbac.RBAC, ['rules', 'shadowRules', 'statPrefix'], {
  shadowRulesStatPrefix: statistics,
  enforcementType: 'rules are enforced at the first bytes',
});
const rulesPolicy = fieldPolicy(rbacConfig.RBAC, ['action', 'policies'], {
  auditLoggingOptions: 'decisions are in the access log',
});
const policyPolicy = fieldPolicy(rbacConfig.Policy, ['permissions', 'principals']);

export const rbacPolicies = [httpPolicy, networkPolicy, rulesPolicy, policyPolicy];

interface DecodedRules {
  readonly rules?: RbacRules;
  readonly shadowRules?: RbacRules;
}

/** The rules of an RBAC filter for HTTP. */
export function decodeRbacRules(scope: Scope, message: HttpRbac): DecodedRules {
  scope.check(httpPolicy, message);
  return decodeBoth(scope, message);
}

/** The rules of an RBAC filter for connections. */
export function decodeNetworkRbacRules(scope: Scope, message: NetworkRbac): DecodedRules {
  scope.check(networkPolicy, message);
  return decodeBoth(scope, message);
}

function decodeBoth(scope: Scope, message: HttpRbac | NetworkRbac): DecodedRules {
  return {
    ...(message.rules === undefined ? {} : { rules: decodeRules(scope.at('rules'), message.rules) }),
    ...(message.shadowRules === undefined
      ? {}
      : { shadowRules: decodeRules(scope.at('shadowRules'), message.shadowRules) }),
  };
}

const actions: Readonly<Record<string, RbacRules['action']>> = { ALLOW: 'allow', DENY: 'deny', LOG: 'log' };

function decodeRules(scope: Scope, message: rbacConfig.RBAC): RbacRules {
  scope.check(rulesPolicy, message);
  const policies: Record<string, RbacRules['policies'][string]> = {};
  for (const [name, policy] of Object.entries(message.policies ?? {})) {
    scope.at('policies').at(name).check(policyPolicy, policy);
    policies[name] = {
      permissions: (policy.permissions ?? []).map((p) => toJson(rbacConfig.Permission, p) as JsonValue),
      principals: (policy.principals ?? []).map((p) => toJson(rbacConfig.Principal, p) as JsonValue),
    };
  }
  return { action: scope.at('action').choice(message.action, actions, 'allow'), policies };
}
