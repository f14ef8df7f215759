import type { Permission, Policy, Principal } from '@lateen/protocol/envoy/config/rbac/v3';
import * as rbacConfig from '@lateen/protocol/envoy/config/rbac/v3';
import type { RBAC as HttpRbac } from '@lateen/protocol/envoy/extensions/filters/http/rbac/v3';
import * as httpRbac from '@lateen/protocol/envoy/extensions/filters/http/rbac/v3';
import type { RBAC as NetworkRbac } from '@lateen/protocol/envoy/extensions/filters/network/rbac/v3';
import * as networkRbac from '@lateen/protocol/envoy/extensions/filters/network/rbac/v3';
import { UriTemplateMatchConfig } from '@lateen/protocol/envoy/extensions/path/match/uri_template/v3';
import type { FilterStateMatcher, PathMatcher } from '@lateen/protocol/envoy/type/matcher/v3';
import type { StringMatch } from '../model/index.ts';
import type { RbacCondition, RbacPolicy, RbacRules } from '../model/rbac.ts';
import { decodeCidr, decodeStringMatch } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMatch } from './headers.ts';
import type { Scope } from './scope.ts';
import { decodeMetadataMatch } from './metadata-match.ts';

const statistics = 'adds statistics only';

const httpPolicy = fieldPolicy(httpRbac.RBAC, ['rules', 'shadowRules', 'shadowRulesStatPrefix'], {
  rulesStatPrefix: statistics,
  trackPerRuleStats: statistics,
});
const networkPolicy = fieldPolicy(networkRbac.RBAC, [
  'rules',
  'shadowRules',
  'statPrefix',
  'shadowRulesStatPrefix',
  'enforcementType',
]);
const rulesPolicy = fieldPolicy(rbacConfig.RBAC, ['action', 'policies'], {
  auditLoggingOptions: 'decisions are in the access log',
});
const policyPolicy = fieldPolicy(rbacConfig.Policy, ['permissions', 'principals']);
const permissionPolicy = fieldPolicy(rbacConfig.Permission, [
  'andRules',
  'orRules',
  'any',
  'header',
  'urlPath',
  'destinationIp',
  'destinationPort',
  'destinationPortRange',
  'notRule',
  'requestedServerName',
  'metadata',
  'uriTemplate',
]);
const principalPolicy = fieldPolicy(rbacConfig.Principal, [
  'andIds',
  'orIds',
  'any',
  'authenticated',
  'sourceIp',
  'directRemoteIp',
  'remoteIp',
  'header',
  'urlPath',
  'filterState',
  'metadata',
  'notId',
]);

export const rbacPolicies = [
  httpPolicy,
  networkPolicy,
  rulesPolicy,
  policyPolicy,
  permissionPolicy,
  principalPolicy,
];

interface DecodedRules {
  readonly rules?: RbacRules;
  readonly shadowRules?: RbacRules;
  readonly shadowPrefix?: string;
}

/** The rules of an RBAC filter for HTTP. */
export function decodeRbacRules(scope: Scope, message: HttpRbac): DecodedRules {
  scope.check(httpPolicy, message);
  const prefix = message.shadowRulesStatPrefix;
  return { ...decodeBoth(scope, message), ...(prefix === undefined ? {} : { shadowPrefix: prefix }) };
}

/** The rules of an RBAC filter for connections. */
export function decodeNetworkRbacRules(
  scope: Scope,
  message: NetworkRbac,
): DecodedRules & { readonly isContinuous: boolean } {
  scope.check(networkPolicy, message);
  const prefix = message.shadowRulesStatPrefix;
  const decoded = decodeBoth(scope, message);
  for (const field of ['rules', 'shadowRules'] as const) {
    const policies = decoded[field]?.policies ?? [];
    const conditions = policies.flatMap(({ permissions, principals }) => [...permissions, ...principals]);
    // As Envoy: a rule that can never be met lets pass whom it was to keep out.
    if (conditions.some(looksAtHeaders)) scope.at(field).fail('must not look at headers of connections');
  }
  return {
    ...decoded,
    ...(prefix === undefined ? {} : { shadowPrefix: prefix }),
    isContinuous: message.enforcementType === 'CONTINUOUS',
  };
}

function looksAtHeaders(condition: RbacCondition): boolean {
  if (condition.kind === 'not') return looksAtHeaders(condition.condition);
  if (condition.kind === 'and' || condition.kind === 'or') return condition.conditions.some(looksAtHeaders);
  return condition.kind === 'header';
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
  return {
    action: scope.at('action').choice(message.action, actions, 'allow'),
    // In the order of their names, so that the policy that is named in a log is always the same.
    policies: Object.entries(message.policies ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, policy]) => decodePolicy(scope.at('policies').entry(name), name, policy)),
  };
}

function decodePolicy(scope: Scope, name: string, policy: Policy): RbacPolicy {
  scope.check(policyPolicy, policy);
  return {
    name,
    permissions: (policy.permissions ?? []).map((p, i) => decodePermission(scope.at('permissions').at(i), p)),
    principals: (policy.principals ?? []).map((p, i) => decodePrincipal(scope.at('principals').at(i), p)),
  };
}

function decodePermission(scope: Scope, message: Permission): RbacCondition {
  scope.check(permissionPolicy, message);
  const set = (field: 'andRules' | 'orRules') =>
    (message[field]?.rules ?? []).map((rule, i) => decodePermission(scope.at(field).at('rules').at(i), rule));
  if (message.andRules !== undefined) return { kind: 'and', conditions: set('andRules') };
  if (message.orRules !== undefined) return { kind: 'or', conditions: set('orRules') };
  if (message.notRule !== undefined) {
    return { kind: 'not', condition: decodePermission(scope.at('notRule'), message.notRule) };
  }
  if (message.header !== undefined) {
    return { kind: 'header', header: decodeHeaderMatch(scope.at('header'), message.header) };
  }
  if (message.urlPath !== undefined) return decodePath(scope.at('urlPath'), message.urlPath);
  if (message.destinationIp !== undefined) {
    return { kind: 'destination_ip', range: decodeCidr(scope.at('destinationIp'), message.destinationIp) };
  }
  if (message.destinationPort !== undefined) {
    const start = message.destinationPort;
    return { kind: 'destination_port', start, end: start + 1 };
  }
  if (message.destinationPortRange !== undefined) {
    const { start = 0, end = 0 } = message.destinationPortRange;
    const at = scope.at('destinationPortRange');
    if (start < 0 || end > 65_536) at.fail('must be within 0 and 65536');
    if (start >= end) at.fail('must end after its start, which is the first port of it');
    return { kind: 'destination_port', start, end };
  }
  if (message.requestedServerName !== undefined) {
    const name = decodeStringMatch(scope.at('requestedServerName'), message.requestedServerName);
    return { kind: 'server_name', name };
  }
  if (message.metadata !== undefined) {
    return { kind: 'metadata', match: decodeMetadataMatch(scope.at('metadata'), message.metadata) };
  }
  if (message.uriTemplate !== undefined) {
    const at = scope.at('uriTemplate').at('typedConfig');
    const config = at.unpack(UriTemplateMatchConfig, message.uriTemplate.typedConfig);
    return { kind: 'path_template', template: config?.pathTemplate ?? '' };
  }
  if (message.any !== true) scope.fail('must have one rule that is supported');
  return { kind: 'any' };
}

function decodePrincipal(scope: Scope, message: Principal): RbacCondition {
  scope.check(principalPolicy, message);
  const set = (field: 'andIds' | 'orIds') =>
    (message[field]?.ids ?? []).map((id, i) => decodePrincipal(scope.at(field).at('ids').at(i), id));
  if (message.andIds !== undefined) return { kind: 'and', conditions: set('andIds') };
  if (message.orIds !== undefined) return { kind: 'or', conditions: set('orIds') };
  if (message.notId !== undefined) {
    return { kind: 'not', condition: decodePrincipal(scope.at('notId'), message.notId) };
  }
  if (message.authenticated !== undefined) {
    const name = message.authenticated.principalName;
    if (name === undefined) return { kind: 'authenticated' };
    const at = scope.at('authenticated').at('principalName');
    return { kind: 'authenticated', name: decodeStringMatch(at, name) };
  }
  if (message.filterState !== undefined) {
    return {
      kind: 'peer_principal',
      name: decodePeerPrincipal(scope.at('filterState'), message.filterState),
    };
  }
  if (message.sourceIp !== undefined) {
    return { kind: 'source_ip', range: decodeCidr(scope.at('sourceIp'), message.sourceIp) };
  }
  if (message.directRemoteIp !== undefined) {
    return {
      kind: 'direct_remote_ip',
      range: decodeCidr(scope.at('directRemoteIp'), message.directRemoteIp),
    };
  }
  if (message.remoteIp !== undefined) {
    return { kind: 'remote_ip', range: decodeCidr(scope.at('remoteIp'), message.remoteIp) };
  }
  if (message.header !== undefined) {
    return { kind: 'header', header: decodeHeaderMatch(scope.at('header'), message.header) };
  }
  if (message.urlPath !== undefined) return decodePath(scope.at('urlPath'), message.urlPath);
  if (message.metadata !== undefined) {
    return { kind: 'metadata', match: decodeMetadataMatch(scope.at('metadata'), message.metadata) };
  }
  if (message.any !== true) scope.fail('must have one identity that is supported');
  return { kind: 'any' };
}

function decodePath(scope: Scope, message: PathMatcher): RbacCondition {
  return { kind: 'path', path: decodeStringMatch(scope.at('path'), message.path) };
}

/** Istio keeps the peer's name in filter state; here it comes from the connection itself. */
function decodePeerPrincipal(scope: Scope, message: FilterStateMatcher): StringMatch {
  if (message.key !== 'io.istio.peer_principal') scope.at('key').fail(`"${message.key}" is not known`);
  return decodeStringMatch(scope.at('stringMatch'), message.stringMatch);
}
