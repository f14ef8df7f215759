import type { HttpStatus, TokenBucket } from '@lateen/protocol/envoy/type/v3';
import * as common from '@lateen/protocol/envoy/extensions/common/ratelimit/v3';
import * as local from '@lateen/protocol/envoy/extensions/filters/http/local_ratelimit/v3';
import * as global from '@lateen/protocol/envoy/extensions/filters/http/ratelimit/v3';
import * as service from '@lateen/protocol/envoy/config/ratelimit/v3';
import { StatusCode } from '@lateen/protocol/envoy/type/v3';
import type { GlobalRateLimit, HttpFilterConfig, LocalRateLimit, TokenBucketConfig } from '../model/index.ts';
import { decodeRuntimeFraction } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeGrpcService } from './grpc-service.ts';
import { decodeHeaderAdditions } from './headers.ts';
import { hostRateLimits } from './rate-limit-rules.ts';
import type { Scope } from './scope.ts';

const localPolicy = fieldPolicy(local.LocalRateLimit, [
  'statPrefix',
  'status',
  'tokenBucket',
  'filterEnabled',
  'filterEnforced',
  'requestHeadersToAddWhenNotEnforced',
  'responseHeadersToAdd',
  'descriptors',
  'stage',
  'localRateLimitPerDownstreamConnection',
  'enableXRatelimitHeaders',
  'vhRateLimits',
  'alwaysConsumeDefaultTokenBucket',
  'rateLimitedAsResourceExhausted',
]);
const localDescriptorPolicy = fieldPolicy(common.LocalRateLimitDescriptor, ['entries', 'tokenBucket']);
const globalPolicy = fieldPolicy(global.RateLimit, [
  'domain',
  'stage',
  'requestType',
  'timeout',
  'failureModeDeny',
  'rateLimitedAsResourceExhausted',
  'rateLimitService',
  'enableXRatelimitHeaders',
  'disableXEnvoyRatelimitedHeader',
  'rateLimitedStatus',
  'responseHeadersToAdd',
  'statusOnError',
  'statPrefix',
]);
const servicePolicy = fieldPolicy(service.RateLimitServiceConfig, ['grpcService'], {
  transportApiVersion: 'v3 is the only one',
});
const perRoutePolicy = fieldPolicy(global.RateLimitPerRoute, ['vhRateLimits', 'domain']);

export const rateLimitPolicies = [
  localPolicy,
  localDescriptorPolicy,
  globalPolicy,
  servicePolicy,
  perRoutePolicy,
];

const headerVersions: Readonly<Record<string, boolean>> = { OFF: false, DRAFT_VERSION_03: true };
const defaultTimeoutMs = 20;

/** The number of a status; Envoy takes those from 400 on, and `otherwise` in place of the rest. */
export function errorStatus(status: HttpStatus | undefined, otherwise: number): number {
  const { code } = status ?? {};
  const number = typeof code === 'string' ? StatusCode.byName.get(code) : code;
  return number === undefined || number < 400 ? otherwise : number;
}

/** How a bucket is filled. */
export function decodeBucket(scope: Scope, bucket: TokenBucket | undefined): TokenBucketConfig {
  if (bucket === undefined) scope.fail('must be set');
  const { fillInterval = 1_000 } = bucket ?? {};
  if (fillInterval < 50) scope.at('fillInterval').fail('must be at least 50 ms');
  return {
    maxTokens: bucket?.maxTokens ?? 0,
    tokensPerFill: bucket?.tokensPerFill ?? 1,
    fillIntervalMs: fillInterval,
  };
}

/** A limit of a filter, which may have no bucket where routes have limits of their own. */
export function decodeLocalRateLimit(scope: Scope, message: local.LocalRateLimit): LocalRateLimit {
  scope.check(localPolicy, message);
  return {
    place: scope.path,
    statPrefix: message.statPrefix ?? '',
    ...(message.tokenBucket === undefined
      ? {}
      : { bucket: decodeBucket(scope.at('tokenBucket'), message.tokenBucket) }),
    status: errorStatus(message.status, 429),
    ...(message.filterEnabled === undefined
      ? {}
      : { enabled: decodeRuntimeFraction(scope.at('filterEnabled'), message.filterEnabled) }),
    ...(message.filterEnforced === undefined
      ? {}
      : { enforced: decodeRuntimeFraction(scope.at('filterEnforced'), message.filterEnforced) }),
    descriptors: (message.descriptors ?? []).map((descriptor, i) => {
      const at = scope.at('descriptors').at(i);
      at.check(localDescriptorPolicy, descriptor);
      return {
        entries: (descriptor.entries ?? []).map(({ key = '', value = '' }) => [key, value] as const),
        bucket: decodeBucket(at.at('tokenBucket'), descriptor.tokenBucket),
      };
    }),
    stage: message.stage ?? 0,
    hostRateLimits: scope.at('vhRateLimits').choice(message.vhRateLimits, hostRateLimits, 'override'),
    alwaysTakeDefault: message.alwaysConsumeDefaultTokenBucket ?? true,
    perConnection: message.localRateLimitPerDownstreamConnection ?? false,
    xRateLimitHeaders: scope
      .at('enableXRatelimitHeaders')
      .choice(message.enableXRatelimitHeaders, headerVersions, false),
    resourceExhausted: message.rateLimitedAsResourceExhausted ?? false,
    responseHeaders: decodeHeaderAdditions(scope.at('responseHeadersToAdd'), message.responseHeadersToAdd),
    requestHeadersWhenNotEnforced: decodeHeaderAdditions(
      scope.at('requestHeadersToAddWhenNotEnforced'),
      message.requestHeadersToAddWhenNotEnforced,
    ),
  };
}

export function decodeLocalRateLimitPerRoute(scope: Scope, message: local.LocalRateLimit): LocalRateLimit {
  if (message.tokenBucket === undefined) scope.at('tokenBucket').fail('must be set where it is for a route');
  return decodeLocalRateLimit(scope, message);
}

export function decodeGlobalRateLimit(scope: Scope, message: global.RateLimit): GlobalRateLimit {
  scope.check(globalPolicy, message);
  const config = message.rateLimitService ?? {};
  const at = scope.at('rateLimitService');
  at.check(servicePolicy, config);
  const types = { '': 'both', internal: 'internal', external: 'external', both: 'both' } as const;
  return {
    domain: message.domain ?? '',
    stage: message.stage ?? 0,
    requestType: scope
      .at('requestType')
      .choice<'internal' | 'external' | 'both'>(message.requestType, types, 'both'),
    service: decodeGrpcService(at.at('grpcService'), config.grpcService),
    timeoutMs: message.timeout ?? defaultTimeoutMs,
    failureModeDeny: message.failureModeDeny ?? false,
    xRateLimitHeaders: scope
      .at('enableXRatelimitHeaders')
      .choice(message.enableXRatelimitHeaders, headerVersions, false),
    limitedHeader: message.disableXEnvoyRatelimitedHeader !== true,
    status: errorStatus(message.rateLimitedStatus, 429),
    statusOnError: errorStatus(message.statusOnError, 500),
    responseHeaders: decodeHeaderAdditions(scope.at('responseHeadersToAdd'), message.responseHeadersToAdd),
    resourceExhausted: message.rateLimitedAsResourceExhausted ?? false,
    statPrefix: message.statPrefix ?? '',
  };
}

/** What a route changes for the filter. */
export function decodeRateLimitPerRoute(
  scope: Scope,
  message: global.RateLimitPerRoute,
): Extract<HttpFilterConfig, { kind: 'rate_limit_route' }> {
  scope.check(perRoutePolicy, message);
  return {
    kind: 'rate_limit_route',
    hostRateLimits: scope.at('vhRateLimits').choice(message.vhRateLimits, hostRateLimits, 'override'),
    domain: message.domain ?? '',
  };
}
