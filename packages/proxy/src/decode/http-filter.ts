import type { Any } from '@lateen/protocol';
import type { CorsPolicy as RouteCorsMessage } from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import * as cors from '@lateen/protocol/envoy/extensions/filters/http/cors/v3';
import * as fault from '@lateen/protocol/envoy/extensions/filters/http/fault/v3';
import * as localRateLimit from '@lateen/protocol/envoy/extensions/filters/http/local_ratelimit/v3';
import * as rbac from '@lateen/protocol/envoy/extensions/filters/http/rbac/v3';
import * as router from '@lateen/protocol/envoy/extensions/filters/http/router/v3';
import type { HttpFilter as HttpFilterMessage } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as hcm from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as faultCommon from '@lateen/protocol/envoy/extensions/filters/common/fault/v3';
import type {
  CorsPolicy,
  FaultPolicy,
  HttpFilter,
  HttpFilterConfig,
  LocalRateLimit,
} from '../model/index.ts';
import { decodeFraction, decodeRuntimeFraction, decodeStringMatch } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMatch } from './headers.ts';
import { decodeRbacRules } from './rbac.ts';
import type { Scope } from './scope.ts';

const noRuntime = 'faults are not changed by runtime';

const filterPolicy = fieldPolicy(hcm.HttpFilter, ['name', 'typedConfig', 'isOptional', 'disabled']);
const routerPolicy = fieldPolicy(
  router.Router,
  ['suppressEnvoyHeaders', 'respectExpectedRqTimeout', 'upstreamHttpFilters'],
  {
    dynamicStats: 'statistics are always kept',
    startChildSpan: 'a request has one span',
    upstreamLogOptions: 'only of use with upstream_log, which is refused',
    strictCheckHeaders: 'an x-envoy header that cannot be read is passed over',
    suppressGrpcRequestFailureCodeStats: 'adds statistics only',
  },
);
const corsFields = [
  'allowOriginStringMatch',
  'allowMethods',
  'allowHeaders',
  'exposeHeaders',
  'maxAge',
  'allowCredentials',
  'filterEnabled',
  'forwardNotMatchingPreflights',
] as const;
const corsIgnored = {
  shadowEnabled: 'adds statistics only',
  allowPrivateNetworkAccess: 'private network access is not announced',
};
const corsPolicyPolicy = fieldPolicy(cors.CorsPolicy, corsFields, corsIgnored);
const routeCorsPolicy = fieldPolicy(route.CorsPolicy, corsFields, corsIgnored);
const faultPolicyPolicy = fieldPolicy(
  fault.HTTPFault,
  ['delay', 'abort', 'upstreamCluster', 'headers', 'maxActiveFaults'],
  {
    delayPercentRuntime: noRuntime,
    abortPercentRuntime: noRuntime,
    delayDurationRuntime: noRuntime,
    abortHttpStatusRuntime: noRuntime,
    maxActiveFaultsRuntime: noRuntime,
    responseRateLimitPercentRuntime: noRuntime,
    abortGrpcStatusRuntime: noRuntime,
    disableDownstreamClusterStats: 'adds statistics only',
    filterMetadata: 'nothing of this proxy reads it',
  },
);
const delayPolicy = fieldPolicy(faultCommon.FaultDelay, ['fixedDelay', 'headerDelay', 'percentage']);
const abortPolicy = fieldPolicy(fault.FaultAbort, ['httpStatus', 'grpcStatus', 'headerAbort', 'percentage']);
const localRateLimitPolicy = fieldPolicy(
  localRateLimit.LocalRateLimit,
  ['statPrefix', 'status', 'tokenBucket', 'filterEnabled', 'filterEnforced'],
  {
    stage: 'there is one stage',
    enableXRatelimitHeaders: 'x-ratelimit headers are not sent',
    vhRateLimits: 'the limit of the route holds',
    alwaysConsumeDefaultTokenBucket: 'there is one bucket',
    rateLimitedAsResourceExhausted: 'a limited gRPC request ends with UNAVAILABLE',
  },
);

export const httpFilterPolicies = [
  filterPolicy,
  routerPolicy,
  corsPolicyPolicy,
  routeCorsPolicy,
  faultPolicyPolicy,
  delayPolicy,
  abortPolicy,
  localRateLimitPolicy,
];

/** Facts of the listener that some filters are made from. */
export interface FilterContext {
  readonly trafficDirection: 'unspecified' | 'inbound' | 'outbound';
}

/**
 * Filters that Istio names and whose configuration the proxy does not need: what they do is part of it, or
 * belongs to its telemetry. By the full name of the configuration, or by the filter's own name.
 */
const builtIn: Readonly<
  Record<string, HttpFilterConfig['kind'] & ('none' | 'peer_metadata' | 'istio_stats')>
> = {
  'istio.metadata_exchange': 'peer_metadata',
  'envoy.filters.http.peer_metadata': 'peer_metadata',
  'io.istio.http.peer_metadata.Config': 'peer_metadata',
  'istio.stats': 'istio_stats',
  'stats.PluginConfig': 'istio_stats',
  'istio.alpn': 'none',
  'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig': 'none',
  'envoy.filters.http.grpc_stats': 'none',
  'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig': 'none',
};

/** The name of the type that an Any holds. */
export function typeNameOf(any: Any | undefined): string {
  return (any?.typeUrl ?? '').replace(/^.*\//, '');
}

/** A filter of a connection manager. */
export function decodeHttpFilter(
  scope: Scope,
  message: HttpFilterMessage,
  context: FilterContext,
): HttpFilter {
  scope.check(filterPolicy, message);
  const name = message.name ?? '';
  return {
    name,
    config: decodeConfig(scope, message, context),
    disabled: message.disabled ?? false,
  };
}

function decodeConfig(scope: Scope, message: HttpFilterMessage, context: FilterContext): HttpFilterConfig {
  const name = message.name ?? '';
  const type = typeNameOf(message.typedConfig);
  const at = scope.at('typedConfig');
  const kind = builtIn[type] ?? builtIn[name];
  if (kind === 'istio_stats') {
    return { kind, reporter: context.trafficDirection === 'inbound' ? 'server' : 'client' };
  }
  if (kind !== undefined) return { kind };
  switch (type) {
    case router.Router.typeName: {
      const config = at.unpack(router.Router, message.typedConfig) ?? {};
      at.check(routerPolicy, config);
      for (const [i, filter] of (config.upstreamHttpFilters ?? []).entries()) {
        if (filter.name !== 'envoy.filters.http.upstream_codec') {
          at.at('upstreamHttpFilters').at(i).fail(`HTTP filter "${filter.name}" is not supported here`);
        }
      }
      return {
        kind: 'router',
        suppressEnvoyHeaders: config.suppressEnvoyHeaders ?? false,
        ...(config.respectExpectedRqTimeout === true ? { respectExpectedTimeout: true } : {}),
      };
    }
    case cors.Cors.typeName:
      return { kind: 'cors' };
    case fault.HTTPFault.typeName: {
      const config = at.unpack(fault.HTTPFault, message.typedConfig) ?? {};
      return { kind: 'fault', policy: decodeFault(at, config) };
    }
    case rbac.RBAC.typeName:
      return { kind: 'rbac', ...decodeRbacRules(at, at.unpack(rbac.RBAC, message.typedConfig) ?? {}) };
    case localRateLimit.LocalRateLimit.typeName: {
      const config = at.unpack(localRateLimit.LocalRateLimit, message.typedConfig) ?? {};
      return { kind: 'local_rate_limit', limit: decodeLocalRateLimit(at, config) };
    }
    default:
      if (message.isOptional !== true) {
        scope.fail(`HTTP filter "${name}" (${type === '' ? 'no configuration' : type}) is not supported`);
      }
      return { kind: 'none' };
  }
}

/** What routes, virtual hosts and tables set for filters, by the filter's name. */
export function decodeRouteFilterConfig(
  scope: Scope,
  configs: Readonly<Record<string, Any>> | undefined,
): Readonly<Record<string, HttpFilterConfig>> {
  if (configs === undefined) return noConfigs;
  const result: Record<string, HttpFilterConfig> = {};
  for (const [name, any] of Object.entries(configs)) {
    const config = decodePerRoute(scope.at(name), name, any, false);
    if (config !== undefined) result[name] = config;
  }
  return result;
}

const noConfigs: Readonly<Record<string, HttpFilterConfig>> = {};

function decodePerRoute(
  scope: Scope,
  name: string,
  any: Any | undefined,
  optional: boolean,
): HttpFilterConfig | undefined {
  const type = typeNameOf(any);
  switch (type) {
    case route.FilterConfig.typeName: {
      const config = scope.unpack(route.FilterConfig, any) ?? {};
      if (config.disabled === true) return { kind: 'disabled' };
      if (config.config === undefined) return undefined;
      return decodePerRoute(scope.at('config'), name, config.config, config.isOptional ?? false);
    }
    case cors.CorsPolicy.typeName: {
      const config = scope.unpack(cors.CorsPolicy, any) ?? {};
      scope.check(corsPolicyPolicy, config);
      return { kind: 'cors', policy: corsOf(scope, config) };
    }
    case fault.HTTPFault.typeName:
      return { kind: 'fault', policy: decodeFault(scope, scope.unpack(fault.HTTPFault, any) ?? {}) };
    case rbac.RBACPerRoute.typeName: {
      const config = scope.unpack(rbac.RBACPerRoute, any)?.rbac;
      if (config === undefined) return { kind: 'disabled' };
      return { kind: 'rbac', ...decodeRbacRules(scope.at('rbac'), config) };
    }
    case localRateLimit.LocalRateLimit.typeName: {
      const config = scope.unpack(localRateLimit.LocalRateLimit, any) ?? {};
      return { kind: 'local_rate_limit', limit: decodeLocalRateLimit(scope, config) };
    }
    default:
      // Filters that the proxy has built in have nothing to configure for a route.
      if (builtIn[name] === undefined && builtIn[type] === undefined && !optional) {
        scope.fail(`configuration ${type} is not supported`);
      }
      return undefined;
  }
}

/** The CORS policy of a route or virtual host in Envoy's older place. */
export function decodeCorsPolicy(scope: Scope, message: RouteCorsMessage): CorsPolicy {
  scope.check(routeCorsPolicy, message);
  return corsOf(scope, message);
}

function corsOf(scope: Scope, message: cors.CorsPolicy): CorsPolicy {
  return {
    allowOrigins: (message.allowOriginStringMatch ?? []).map((origin, i) =>
      decodeStringMatch(scope.at('allowOriginStringMatch').at(i), origin),
    ),
    allowMethods: message.allowMethods ?? '',
    allowHeaders: message.allowHeaders ?? '',
    exposeHeaders: message.exposeHeaders ?? '',
    maxAge: message.maxAge ?? '',
    allowCredentials: message.allowCredentials ?? false,
    ...(message.filterEnabled === undefined
      ? {}
      : { enabled: decodeRuntimeFraction(scope.at('filterEnabled'), message.filterEnabled) }),
    forwardNotMatchingPreflights: message.forwardNotMatchingPreflights ?? true,
  };
}

function decodeFault(scope: Scope, message: fault.HTTPFault): FaultPolicy {
  scope.check(faultPolicyPolicy, message);
  const delay = message.delay === undefined ? undefined : decodeDelay(scope.at('delay'), message.delay);
  const abort = message.abort === undefined ? undefined : decodeAbort(scope.at('abort'), message.abort);
  return {
    ...(delay === undefined ? {} : { delay }),
    ...(abort === undefined ? {} : { abort }),
    headers: (message.headers ?? []).map((header, i) => decodeHeaderMatch(scope.at('headers').at(i), header)),
    upstreamCluster: message.upstreamCluster ?? '',
    ...(message.maxActiveFaults === undefined ? {} : { maxActiveFaults: message.maxActiveFaults }),
  };
}

function decodeDelay(scope: Scope, message: faultCommon.FaultDelay): NonNullable<FaultPolicy['delay']> {
  scope.check(delayPolicy, message);
  const fraction = decodeFraction(scope.at('percentage'), message.percentage);
  if (message.headerDelay !== undefined) return { fromHeader: true, fraction };
  const fixedMs = message.fixedDelay ?? 0;
  if (fixedMs <= 0) scope.at('fixedDelay').fail('must be more than 0s');
  return { fixedMs, fraction };
}

function decodeAbort(scope: Scope, message: fault.FaultAbort): NonNullable<FaultPolicy['abort']> {
  scope.check(abortPolicy, message);
  const fraction = decodeFraction(scope.at('percentage'), message.percentage);
  if (message.headerAbort !== undefined) return { kind: 'header', fraction };
  if (message.grpcStatus !== undefined) return { kind: 'grpc', status: message.grpcStatus, fraction };
  const status = message.httpStatus ?? 0;
  if (status < 200 || status > 599) scope.at('httpStatus').fail(`${status} is not a status from 200 to 599`);
  return { kind: 'http', status, fraction };
}

function decodeLocalRateLimit(scope: Scope, message: localRateLimit.LocalRateLimit): LocalRateLimit {
  scope.check(localRateLimitPolicy, message);
  const bucket = message.tokenBucket;
  if (bucket === undefined) scope.at('tokenBucket').fail('must be set');
  const status = message.status?.code;
  return {
    statPrefix: message.statPrefix ?? '',
    maxTokens: bucket?.maxTokens ?? 0,
    tokensPerFill: bucket?.tokensPerFill ?? 1,
    fillIntervalMs: bucket?.fillInterval ?? 1_000,
    // The codes' names are not their numbers; only those that limit are of use.
    status: statusNumber(status),
    ...(message.filterEnabled === undefined
      ? {}
      : { enabled: decodeRuntimeFraction(scope.at('filterEnabled'), message.filterEnabled) }),
    ...(message.filterEnforced === undefined
      ? {}
      : { enforced: decodeRuntimeFraction(scope.at('filterEnforced'), message.filterEnforced) }),
  };
}

function statusNumber(code: string | number | undefined): number {
  if (typeof code === 'number') return code < 400 ? 429 : code;
  if (code === 'ServiceUnavailable') return 503;
  return 429;
}
