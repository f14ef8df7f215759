import { GrpcMethodList, GrpcMethodList_Service } from '@lateen/protocol/envoy/config/core/v3';
import type { Any } from '@lateen/protocol';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import { AdaptiveConcurrency } from '@lateen/protocol/envoy/extensions/filters/http/adaptive_concurrency/v3';
import { AdmissionControl } from '@lateen/protocol/envoy/extensions/filters/http/admission_control/v3';
import { BandwidthLimit } from '@lateen/protocol/envoy/extensions/filters/http/bandwidth_limit/v3';
import { CdnLoopConfig } from '@lateen/protocol/envoy/extensions/filters/http/cdn_loop/v3';
import * as buffer from '@lateen/protocol/envoy/extensions/filters/http/buffer/v3';
import { FilterConfig as GrpcStats } from '@lateen/protocol/envoy/extensions/filters/http/grpc_stats/v3';
import { GrpcWeb } from '@lateen/protocol/envoy/extensions/filters/http/grpc_web/v3';
import { HealthCheck } from '@lateen/protocol/envoy/extensions/filters/http/health_check/v3';
import * as headerMutation from '@lateen/protocol/envoy/extensions/filters/http/header_mutation/v3';
import { Decompressor } from '@lateen/protocol/envoy/extensions/filters/http/decompressor/v3';
import * as compressor from '@lateen/protocol/envoy/extensions/filters/http/compressor/v3';
import * as csrf from '@lateen/protocol/envoy/extensions/filters/http/csrf/v3';
import * as cors from '@lateen/protocol/envoy/extensions/filters/http/cors/v3';
import * as extAuthz from '@lateen/protocol/envoy/extensions/filters/http/ext_authz/v3';
import * as jwtAuthn from '@lateen/protocol/envoy/extensions/filters/http/jwt_authn/v3';
import * as fault from '@lateen/protocol/envoy/extensions/filters/http/fault/v3';
import * as localRateLimit from '@lateen/protocol/envoy/extensions/filters/http/local_ratelimit/v3';
import { OriginalSrc } from '@lateen/protocol/envoy/extensions/filters/http/original_src/v3';
import * as onDemand from '@lateen/protocol/envoy/extensions/filters/http/on_demand/v3';
import * as rateLimit from '@lateen/protocol/envoy/extensions/filters/http/ratelimit/v3';
import * as rbac from '@lateen/protocol/envoy/extensions/filters/http/rbac/v3';
import * as router from '@lateen/protocol/envoy/extensions/filters/http/router/v3';
import * as setMetadata from '@lateen/protocol/envoy/extensions/filters/http/set_metadata/v3';
import { UpstreamCodec } from '@lateen/protocol/envoy/extensions/filters/http/upstream_codec/v3';
import * as statefulSession from '@lateen/protocol/envoy/extensions/filters/http/stateful_session/v3';
import type { HttpFilter as HttpFilterMessage } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as hcm from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import type { HttpFilter, HttpFilterConfig } from '../model/index.ts';
import { FilterConfig as AlpnConfig } from '@lateen/protocol/istio/envoy/config/filter/http/alpn/v2alpha1';
import { decodeAccessLogs } from './access-log.ts';
import { decodeAdaptiveConcurrency } from './adaptive-concurrency.ts';
import { decodeAdmissionControl } from './admission-control.ts';
import { decodeBandwidthLimit } from './bandwidth-limit.ts';
import { decodeCdnLoop } from './cdn-loop.ts';
import { decodeCompressor, decodeCompressorRoute } from './compressor.ts';
import { corsOf, corsPolicyPolicy } from './cors.ts';
import { decodeDecompressor } from './decompressor.ts';
import { decodeCsrf } from './csrf.ts';
import { decodeExtAuthz, decodeExtAuthzRoute } from './ext-authz.ts';
import { decodeJwtAuthn, decodeJwtRoute } from './jwt-authn.ts';
import { decodeDiscovered } from './discovered.ts';
import { decodeFault } from './fault.ts';
import { fieldPolicy } from './field-policy.ts';
import { FilterConfig as AuthnConfig } from '@lateen/protocol/istio/envoy/config/filter/http/authn/v2alpha1';
import { decodeIstioAuthn } from './istio-authn.ts';
import { decodeIstioAlpn } from './istio-alpn.ts';
import { decodeIstioStats } from './istio-stats.ts';
import { decodeOnDemand } from './on-demand.ts';
import {
  decodeGlobalRateLimit,
  decodeLocalRateLimit,
  decodeLocalRateLimitPerRoute,
  decodeRateLimitPerRoute,
} from './rate-limits.ts';
import { decodeRbacRules } from './rbac.ts';
import { decodeHealthCheckFilter } from './health-check-filter.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';
import { decodeSetMetadata } from './set-metadata.ts';
import { decodeStatefulSession, decodeStatefulSessionRoute } from './stateful-session.ts';
import {
  decodeBuffer,
  decodeBufferPerRoute,
  decodeHeaderMutation,
  decodeOriginalSrc,
} from './small-filters.ts';

const filterPolicy = fieldPolicy(hcm.HttpFilter, [
  'name',
  'typedConfig',
  'configDiscovery',
  'isOptional',
  'disabled',
]);
const routerPolicy = fieldPolicy(
  router.Router,
  [
    'suppressEnvoyHeaders',
    'respectExpectedRqTimeout',
    'strictCheckHeaders',
    'upstreamHttpFilters',
    'upstreamLog',
    'upstreamLogOptions',
  ],
  {
    dynamicStats: 'statistics are always kept',
    startChildSpan: 'a request has one span',
    suppressGrpcRequestFailureCodeStats: 'adds statistics only',
  },
);

const upstreamLogPolicy = fieldPolicy(router.Router_UpstreamAccessLogOptions, [
  'flushUpstreamLogOnUpstreamStream',
  'upstreamLogFlushInterval',
]);
const grpcStatsPolicy = fieldPolicy(GrpcStats, [
  'emitFilterState',
  'statsForAllMethods',
  'individualMethodStatsAllowlist',
  'enableUpstreamStats',
  'replaceDotsInGrpcServiceName',
]);
const grpcMethodsPolicy = fieldPolicy(GrpcMethodList, ['services']);
const grpcServicePolicy = fieldPolicy(GrpcMethodList_Service, ['name', 'methodNames']);

export const httpFilterPolicies = [
  filterPolicy,
  routerPolicy,
  upstreamLogPolicy,
  grpcStatsPolicy,
  grpcMethodsPolicy,
  grpcServicePolicy,
];

/** Where the router logs its tries. */
function decodeAttemptLogs(
  scope: Scope,
  { upstreamLog, upstreamLogOptions: options }: router.Router,
): Pick<
  Extract<HttpFilterConfig, { kind: 'router' }>,
  'attemptLogs' | 'attemptLogIntervalMs' | 'logsReadyAttempts'
> {
  if (options !== undefined) scope.at('upstreamLogOptions').check(upstreamLogPolicy, options);
  const intervalMs = options?.upstreamLogFlushInterval ?? 0;
  if (options?.upstreamLogFlushInterval !== undefined && intervalMs < 1) {
    scope.at('upstreamLogOptions').at('upstreamLogFlushInterval').fail('must be at least 1 ms');
  }
  if (upstreamLog === undefined) return {};
  return {
    attemptLogs: decodeAccessLogs(scope.at('upstreamLog'), upstreamLog),
    attemptLogIntervalMs: intervalMs,
    logsReadyAttempts: options?.flushUpstreamLogOnUpstreamStream ?? false,
  };
}

function decodeGrpcStats(config: GrpcStats): Omit<Extract<HttpFilterConfig, { kind: 'grpc_stats' }>, 'kind'> {
  const listed = (config.individualMethodStatsAllowlist?.services ?? []).flatMap(
    ({ name = '', methodNames }) => (methodNames ?? []).map((method) => `${name}/${method}`),
  );
  const named = config.individualMethodStatsAllowlist === undefined ? 'none' : new Set(listed);
  return {
    emitFilterState: config.emitFilterState ?? false,
    options: {
      methods: config.statsForAllMethods === true ? 'all' : named,
      hasTimes: config.enableUpstreamStats ?? false,
      replacesDots: config.replaceDotsInGrpcServiceName ?? false,
    },
  };
}

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
};

const noPrograms = 'programs of others are not run inside of the proxy';
/** Filters that are not to come, and why. */
const never: Readonly<Record<string, string>> = {
  'envoy.extensions.filters.http.lua.v3.Lua': noPrograms,
  'envoy.extensions.filters.http.wasm.v3.Wasm': noPrograms,
  'envoy.extensions.filters.http.golang.v3alpha.Config': noPrograms,
};

/** A filter of a connection manager. */
export function decodeHttpFilter(
  scope: Scope,
  message: HttpFilterMessage,
  context: FilterContext,
): HttpFilter {
  scope.check(filterPolicy, message);
  const name = message.name ?? '';
  const { configDiscovery } = message;
  if (configDiscovery !== undefined) {
    const at = scope.at('configDiscovery');
    const standard = (typedConfig: Any): HttpFilterConfig =>
      decodeConfig(at.at('defaultConfig'), { name, typedConfig }, context);
    const config = decodeDiscovered(at, configDiscovery, name, standard);
    return { name, config, disabled: message.disabled ?? false };
  }
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
  const kind = builtIn[type] ?? (type === AlpnConfig.typeName ? undefined : builtIn[name]);
  if (kind === 'istio_stats') return decodeIstioStats(at, message.typedConfig, context.trafficDirection);
  if (kind !== undefined) return { kind };
  switch (type) {
    case router.Router.typeName: {
      const config = at.unpack(router.Router, message.typedConfig) ?? {};
      at.check(routerPolicy, config);
      for (const [i, filter] of (config.upstreamHttpFilters ?? []).entries()) {
        if (typeNameOf(filter.typedConfig) !== UpstreamCodec.typeName) {
          at.at('upstreamHttpFilters').at(i).fail(`HTTP filter "${filter.name}" is not supported here`);
        }
      }
      return {
        kind: 'router',
        suppressEnvoyHeaders: config.suppressEnvoyHeaders ?? false,
        ...(config.respectExpectedRqTimeout === true ? { respectExpectedTimeout: true } : {}),
        ...(config.strictCheckHeaders === undefined ? {} : { strictHeaders: config.strictCheckHeaders }),
        ...decodeAttemptLogs(at, config),
      };
    }
    case GrpcStats.typeName: {
      const config = at.unpack(GrpcStats, message.typedConfig) ?? {};
      at.check(grpcStatsPolicy, config);
      return { kind: 'grpc_stats', ...decodeGrpcStats(config) };
    }
    case AlpnConfig.typeName:
      return { kind: 'istio_alpn', override: decodeIstioAlpn(at, message.typedConfig) };
    case AuthnConfig.typeName:
      return {
        kind: 'istio_authn',
        rules: decodeIstioAuthn(at, at.unpack(AuthnConfig, message.typedConfig) ?? {}),
      };
    case cors.Cors.typeName:
      return { kind: 'cors' };
    case buffer.Buffer.typeName:
      return decodeBuffer(at, at.unpack(buffer.Buffer, message.typedConfig) ?? {});
    case headerMutation.HeaderMutation.typeName:
      return decodeHeaderMutation(at, at.unpack(headerMutation.HeaderMutation, message.typedConfig) ?? {});
    case compressor.Compressor.typeName: {
      const config = at.unpack(compressor.Compressor, message.typedConfig) ?? {};
      return { kind: 'compressor', compressor: decodeCompressor(at, config) };
    }
    case statefulSession.StatefulSession.typeName: {
      const config = at.unpack(statefulSession.StatefulSession, message.typedConfig) ?? {};
      return { kind: 'stateful_session', session: decodeStatefulSession(at, config) };
    }
    case csrf.CsrfPolicy.typeName: {
      const config = at.unpack(csrf.CsrfPolicy, message.typedConfig) ?? {};
      return { kind: 'csrf', policy: decodeCsrf(at, config) };
    }
    case Decompressor.typeName: {
      const config = at.unpack(Decompressor, message.typedConfig) ?? {};
      return { kind: 'decompressor', decompressor: decodeDecompressor(at, config) };
    }
    case BandwidthLimit.typeName: {
      const config = at.unpack(BandwidthLimit, message.typedConfig) ?? {};
      return { kind: 'bandwidth_limit', limit: decodeBandwidthLimit(at, config, false) };
    }
    case AdaptiveConcurrency.typeName: {
      const config = at.unpack(AdaptiveConcurrency, message.typedConfig) ?? {};
      return { kind: 'adaptive_concurrency', rules: decodeAdaptiveConcurrency(at, config) };
    }
    case OriginalSrc.typeName:
      return decodeOriginalSrc(at, at.unpack(OriginalSrc, message.typedConfig) ?? {});
    case CdnLoopConfig.typeName:
      return decodeCdnLoop(at, at.unpack(CdnLoopConfig, message.typedConfig) ?? {});
    case AdmissionControl.typeName: {
      const config = at.unpack(AdmissionControl, message.typedConfig) ?? {};
      return { kind: 'admission_control', rules: decodeAdmissionControl(at, config) };
    }
    case setMetadata.Config.typeName: {
      const config = at.unpack(setMetadata.Config, message.typedConfig) ?? {};
      return { kind: 'set_metadata', entries: decodeSetMetadata(at, config) };
    }
    case GrpcWeb.typeName:
      return { kind: 'grpc_web' };
    case fault.HTTPFault.typeName: {
      const config = at.unpack(fault.HTTPFault, message.typedConfig) ?? {};
      return { kind: 'fault', policy: decodeFault(at, config) };
    }
    case rbac.RBAC.typeName:
      return { kind: 'rbac', ...decodeRbacRules(at, at.unpack(rbac.RBAC, message.typedConfig) ?? {}) };
    case HealthCheck.typeName:
      return decodeHealthCheckFilter(at, at.unpack(HealthCheck, message.typedConfig) ?? {});
    case onDemand.OnDemand.typeName:
      return decodeOnDemand(at, at.unpack(onDemand.OnDemand, message.typedConfig) ?? {});
    case localRateLimit.LocalRateLimit.typeName: {
      const config = at.unpack(localRateLimit.LocalRateLimit, message.typedConfig) ?? {};
      return { kind: 'local_rate_limit', limit: decodeLocalRateLimit(at, config) };
    }
    case extAuthz.ExtAuthz.typeName: {
      const config = at.unpack(extAuthz.ExtAuthz, message.typedConfig) ?? {};
      return { kind: 'ext_authz', config: decodeExtAuthz(at, config) };
    }
    case jwtAuthn.JwtAuthentication.typeName: {
      const config = at.unpack(jwtAuthn.JwtAuthentication, message.typedConfig) ?? {};
      return { kind: 'jwt_authn', config: decodeJwtAuthn(at, config) };
    }
    case rateLimit.RateLimit.typeName: {
      const config = at.unpack(rateLimit.RateLimit, message.typedConfig) ?? {};
      return { kind: 'rate_limit', limit: decodeGlobalRateLimit(at, config) };
    }
    default:
      if (message.isOptional !== true && type in never) {
        scope.fail(`HTTP filter "${name}" (${type}) is not supported: ${never[type]}`);
      } else if (message.isOptional !== true) {
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
    const config = decodePerRoute(scope.entry(name), name, any, false);
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
      if (config.config === undefined) return { kind: 'enabled' };
      return decodePerRoute(scope.at('config'), name, config.config, config.isOptional ?? false);
    }
    case cors.CorsPolicy.typeName: {
      const config = scope.unpack(cors.CorsPolicy, any) ?? {};
      scope.check(corsPolicyPolicy, config);
      return { kind: 'cors', policy: corsOf(scope, config) };
    }
    case compressor.CompressorPerRoute.typeName:
      return decodeCompressorRoute(scope, scope.unpack(compressor.CompressorPerRoute, any) ?? {});
    case statefulSession.StatefulSessionPerRoute.typeName:
      return decodeStatefulSessionRoute(
        scope,
        scope.unpack(statefulSession.StatefulSessionPerRoute, any) ?? {},
      );
    case BandwidthLimit.typeName: {
      const config = scope.unpack(BandwidthLimit, any) ?? {};
      return { kind: 'bandwidth_limit', limit: decodeBandwidthLimit(scope, config, true) };
    }
    case csrf.CsrfPolicy.typeName:
      return { kind: 'csrf', policy: decodeCsrf(scope, scope.unpack(csrf.CsrfPolicy, any) ?? {}) };
    case buffer.BufferPerRoute.typeName:
      return decodeBufferPerRoute(scope, scope.unpack(buffer.BufferPerRoute, any) ?? {});
    case headerMutation.HeaderMutationPerRoute.typeName: {
      const { mutations = {} } = scope.unpack(headerMutation.HeaderMutationPerRoute, any) ?? {};
      return decodeHeaderMutation(scope, { mutations });
    }
    case fault.HTTPFault.typeName:
      return { kind: 'fault', policy: decodeFault(scope, scope.unpack(fault.HTTPFault, any) ?? {}) };
    case rbac.RBACPerRoute.typeName: {
      const config = scope.unpack(rbac.RBACPerRoute, any)?.rbac;
      if (config === undefined) return { kind: 'disabled' };
      return { kind: 'rbac', ...decodeRbacRules(scope.at('rbac'), config) };
    }
    case onDemand.PerRouteConfig.typeName:
      return decodeOnDemand(scope, scope.unpack(onDemand.PerRouteConfig, any) ?? {});
    case localRateLimit.LocalRateLimit.typeName: {
      const config = scope.unpack(localRateLimit.LocalRateLimit, any) ?? {};
      return { kind: 'local_rate_limit', limit: decodeLocalRateLimitPerRoute(scope, config) };
    }
    case extAuthz.ExtAuthzPerRoute.typeName:
      return decodeExtAuthzRoute(scope, scope.unpack(extAuthz.ExtAuthzPerRoute, any) ?? {});
    case jwtAuthn.PerRouteConfig.typeName:
      return decodeJwtRoute(scope, scope.unpack(jwtAuthn.PerRouteConfig, any) ?? {});
    case rateLimit.RateLimitPerRoute.typeName:
      return decodeRateLimitPerRoute(scope, scope.unpack(rateLimit.RateLimitPerRoute, any) ?? {});
    default:
      // Filters that the proxy has built in have nothing to configure for a route.
      if (builtIn[name] === undefined && builtIn[type] === undefined && !optional) {
        scope.fail(`configuration ${type} is not supported`);
      }
      return undefined;
  }
}
