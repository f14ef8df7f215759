import * as core from '@lateen/protocol/envoy/config/core/v3';
import type {
  ProxyProtocolConfig,
  ProxyProtocolPassThroughTLVs,
} from '@lateen/protocol/envoy/config/core/v3';
import * as filter from '@lateen/protocol/envoy/extensions/filters/listener/proxy_protocol/v3';
import type { ProxyProtocolRules } from '../model/listener.ts';
import type { ProxyProtocolTransport } from '../model/tls.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const filterPolicy = fieldPolicy(filter.ProxyProtocol, [
  'rules',
  'allowRequestsWithoutProxyProtocol',
  'passThroughTlvs',
  'disallowedVersions',
  'statPrefix',
]);
const rulePolicy = fieldPolicy(filter.ProxyProtocol_Rule, ['tlvType', 'onTlvPresent']);
const passThroughPolicy = fieldPolicy(core.ProxyProtocolPassThroughTLVs, ['matchType', 'tlvType']);
const configPolicy = fieldPolicy(core.ProxyProtocolConfig, ['version', 'passThroughTlvs']);

export const proxyProtocolPolicies = [filterPolicy, rulePolicy, passThroughPolicy, configPolicy];

/** Where the rule of a field names no namespace. */
const standardNamespace = 'envoy.filters.listener.proxy_protocol';

/** What a listener takes where it is only said that it takes the PROXY protocol. */
export const standardProxyProtocolRules: ProxyProtocolRules = {
  disallowed: [],
  allowWithout: false,
  metadata: [],
  passThrough: [],
  statPrefix: '',
};

/** What a listener takes of the PROXY protocol. */
export function decodeProxyProtocolRules(scope: Scope, message: filter.ProxyProtocol): ProxyProtocolRules {
  scope.check(filterPolicy, message);
  const disallowed = (message.disallowedVersions ?? []).map((version) => versionOf(version));
  if (disallowed.includes(1) && disallowed.includes(2))
    scope.at('disallowedVersions').fail('must leave one version that is allowed');
  return {
    disallowed,
    allowWithout: message.allowRequestsWithoutProxyProtocol ?? false,
    metadata: (message.rules ?? []).flatMap((rule, i) => {
      scope.at('rules').at(i).check(rulePolicy, rule);
      const { metadataNamespace = '', key = '' } = rule.onTlvPresent ?? {};
      // A rule without a pair does nothing.
      if (rule.onTlvPresent === undefined) return [];
      const namespace = metadataNamespace === '' ? standardNamespace : metadataNamespace;
      return [{ type: rule.tlvType ?? 0, namespace, key }];
    }),
    passThrough: decodePassThrough(scope.at('passThroughTlvs'), message.passThroughTlvs),
    statPrefix: message.statPrefix ?? '',
  };
}

/** The header that an endpoint is sent. */
export function decodeProxyProtocolConfig(
  scope: Scope,
  message: ProxyProtocolConfig,
): ProxyProtocolTransport {
  scope.check(configPolicy, message);
  return {
    version: versionOf(message.version),
    passThrough: decodePassThrough(scope.at('passThroughTlvs'), message.passThroughTlvs),
  };
}

function versionOf(version: ProxyProtocolConfig['version']): 1 | 2 {
  return version === 'V2' ? 2 : 1;
}

function decodePassThrough(
  scope: Scope,
  message: ProxyProtocolPassThroughTLVs | undefined,
): 'all' | readonly number[] {
  if (message === undefined) return [];
  scope.check(passThroughPolicy, message);
  const kinds = { INCLUDE_ALL: 'all', INCLUDE: 'some' } as const;
  const kind = scope.at('matchType').choice<'all' | 'some'>(message.matchType, kinds, 'all');
  return kind === 'all' ? 'all' : (message.tlvType ?? []);
}
