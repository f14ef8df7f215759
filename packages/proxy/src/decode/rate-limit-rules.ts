import * as route from '@lateen/protocol/envoy/config/route/v3';
import * as metadata from '@lateen/protocol/envoy/type/metadata/v3';
import type { HostRateLimits, MetadataKey, RateLimitAction, RateLimitRule } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMatch } from './headers.ts';
import { decodeQueryParameter } from './route-match.ts';
import type { Scope } from './scope.ts';

const rulePolicy = fieldPolicy(route.RateLimit, ['stage', 'disableKey', 'actions', 'limit']);
const actionPolicy = fieldPolicy(route.RateLimit_Action, [
  'sourceCluster',
  'destinationCluster',
  'requestHeaders',
  'remoteAddress',
  'genericKey',
  'headerValueMatch',
  'dynamicMetadata',
  'metadata',
  'maskedRemoteAddress',
  'queryParameterValueMatch',
]);
const keyPolicy = fieldPolicy(metadata.MetadataKey, ['key', 'path']);

export const rateLimitRulePolicies = [rulePolicy, actionPolicy, keyPolicy];

/** What of requests is counted, for filters of rate limits. */
export function decodeRateLimits(
  scope: Scope,
  list: readonly route.RateLimit[] | undefined,
): readonly RateLimitRule[] {
  return (list ?? []).map((rule, i) => decodeRule(scope.at(i), rule));
}

function decodeRule(scope: Scope, message: route.RateLimit): RateLimitRule {
  scope.check(rulePolicy, message);
  const limit = message.limit?.dynamicMetadata?.metadataKey;
  return {
    stage: message.stage ?? 0,
    ...(message.disableKey === undefined
      ? {}
      : {
          enabled: scope.live({
            numerator: 100,
            denominator: 100,
            runtimeKey: `ratelimit.${message.disableKey}.http_filter_enabled`,
          }),
        }),
    actions: (message.actions ?? []).map((action, i) => decodeAction(scope.at('actions').at(i), action)),
    ...(limit === undefined
      ? {}
      : { limit: decodeMetadataKey(scope.at('limit').at('dynamicMetadata').at('metadataKey'), limit) }),
  };
}

/** A place within metadata. */
export function decodeMetadataKey(scope: Scope, message: metadata.MetadataKey | undefined): MetadataKey {
  scope.check(keyPolicy, message ?? {});
  return {
    namespace: message?.key ?? '',
    path: (message?.path ?? []).map(({ key = '' }) => key),
  };
}

function decodeAction(scope: Scope, action: route.RateLimit_Action): RateLimitAction {
  scope.check(actionPolicy, action);
  if (action.sourceCluster !== undefined) return { kind: 'source_cluster' };
  if (action.destinationCluster !== undefined) return { kind: 'destination_cluster' };
  if (action.remoteAddress !== undefined) return { kind: 'remote_address' };
  if (action.maskedRemoteAddress !== undefined) {
    const { v4PrefixMaskLen = 32, v6PrefixMaskLen = 128 } = action.maskedRemoteAddress;
    return {
      kind: 'masked_remote_address',
      v4PrefixLength: v4PrefixMaskLen,
      v6PrefixLength: v6PrefixMaskLen,
    };
  }
  if (action.requestHeaders !== undefined) {
    const { headerName = '', descriptorKey = '', skipIfAbsent = false } = action.requestHeaders;
    return { kind: 'request_headers', header: headerName, key: descriptorKey, skipIfAbsent };
  }
  if (action.genericKey !== undefined) {
    const { descriptorKey = '', descriptorValue = '' } = action.genericKey;
    return { kind: 'generic_key', key: descriptorKey || 'generic_key', value: descriptorValue };
  }
  if (action.headerValueMatch !== undefined) {
    const { descriptorKey = '', descriptorValue = '', expectMatch = true } = action.headerValueMatch;
    const at = scope.at('headerValueMatch').at('headers');
    return {
      kind: 'header_value_match',
      key: descriptorKey || 'header_match',
      value: descriptorValue,
      expectMatch,
      headers: (action.headerValueMatch.headers ?? []).map((one, i) => decodeHeaderMatch(at.at(i), one)),
    };
  }
  if (action.queryParameterValueMatch !== undefined) {
    const match = action.queryParameterValueMatch;
    const at = scope.at('queryParameterValueMatch').at('queryParameters');
    return {
      kind: 'query_parameter_value_match',
      key: match.descriptorKey || 'query_match',
      value: match.descriptorValue ?? '',
      expectMatch: match.expectMatch ?? true,
      parameters: (match.queryParameters ?? []).map((one, i) => decodeQueryParameter(at.at(i), one)),
    };
  }
  return decodeMetadataAction(scope, action);
}

function decodeMetadataAction(scope: Scope, action: route.RateLimit_Action): RateLimitAction {
  const field = action.metadata === undefined ? 'dynamicMetadata' : 'metadata';
  const message: route.RateLimit_Action_MetaData | undefined = action.metadata ?? action.dynamicMetadata;
  if (message === undefined) scope.fail('must have an action that is supported');
  const sources = { DYNAMIC: 'dynamic', ROUTE_ENTRY: 'route' } as const;
  return {
    kind: 'metadata',
    key: message?.descriptorKey ?? '',
    source: scope.at(field).at('source').choice<'dynamic' | 'route'>(message?.source, sources, 'dynamic'),
    metadata: decodeMetadataKey(scope.at(field).at('metadataKey'), message?.metadataKey),
    defaultValue: message?.defaultValue ?? '',
    skipIfAbsent: message?.skipIfAbsent ?? false,
  };
}

/** Envoy's `VhRateLimitsOptions`. */
export const hostRateLimits: Readonly<Record<string, HostRateLimits>> = {
  OVERRIDE: 'override',
  INCLUDE: 'include',
  IGNORE: 'ignore',
};
