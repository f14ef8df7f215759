import * as core from '@lateen/protocol/envoy/config/core/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import * as trace from '@lateen/protocol/envoy/config/trace/v3';
import * as uuid from '@lateen/protocol/envoy/extensions/request_id/uuid/v3';
import type { HttpConnectionManager_Tracing } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as hcm from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as tags from '@lateen/protocol/envoy/type/tracing/v3';
import type { Percent } from '@lateen/protocol/envoy/type/v3';
import type {
  CustomTag,
  Fraction,
  RequestIdOptions,
  RouteTracing,
  TraceProvider,
  Tracing,
} from '../model/index.ts';
import { decodeFraction } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { typeNameOf } from './typed-any.ts';
import type { Scope } from './scope.ts';

const tracingPolicy = fieldPolicy(
  hcm.HttpConnectionManager_Tracing,
  [
    'clientSampling',
    'randomSampling',
    'overallSampling',
    'customTags',
    'provider',
    'maxPathTagLength',
    'spawnUpstreamSpan',
  ],
  { verbose: 'spans have tags and no events' },
);
const routeTracingPolicy = fieldPolicy(route.Tracing, [
  'clientSampling',
  'randomSampling',
  'overallSampling',
  'customTags',
]);
const tagPolicy = fieldPolicy(tags.CustomTag, ['tag', 'literal', 'environment', 'requestHeader', 'metadata']);
const zipkinPolicy = fieldPolicy(
  trace.ZipkinConfig,
  [
    'collectorCluster',
    'collectorEndpoint',
    'collectorHostname',
    'collectorEndpointVersion',
    'traceId128bit',
    'sharedSpanContext',
  ],
  { splitSpansForRequest: 'spawn_upstream_span of the connection manager says it' },
);
const otelPolicy = fieldPolicy(trace.OpenTelemetryConfig, ['grpcService', 'httpService', 'serviceName'], {
  resourceDetectors: 'the resource is the service',
  sampler: 'the sampling of the connection manager holds',
});
const httpServicePolicy = fieldPolicy(core.HttpService, ['httpUri', 'requestHeadersToAdd']);
const requestIdPolicy = fieldPolicy(uuid.UuidRequestIdConfig, [
  'packTraceReason',
  'useRequestIdForTraceSampling',
]);

export const tracingPolicies = [
  tracingPolicy,
  routeTracingPolicy,
  tagPolicy,
  zipkinPolicy,
  otelPolicy,
  httpServicePolicy,
  requestIdPolicy,
];

/** Envoy's `max_path_tag_length` where it is not set. */
const defaultPathTagLength = 256;
const defaultTimeoutMs = 5_000;

/** How requests of a connection manager are traced. */
export function decodeTracing(scope: Scope, message: HttpConnectionManager_Tracing): Tracing {
  scope.check(tracingPolicy, message);
  const provider = decodeProvider(scope.at('provider'), message);
  return {
    sampling: {
      client: percent(message.clientSampling, 100),
      random: percent(message.randomSampling, 10_000),
      overall: percent(message.overallSampling, 100),
    },
    customTags: decodeTags(scope.at('customTags'), message.customTags),
    maxPathTagLength: message.maxPathTagLength ?? defaultPathTagLength,
    spawnUpstreamSpan: message.spawnUpstreamSpan ?? false,
    ...(provider === undefined ? {} : { provider }),
  };
}

/** What a route says of tracing; shares that it does not name are whole. */
export function decodeRouteTracing(scope: Scope, message: route.Tracing): RouteTracing {
  scope.check(routeTracingPolicy, message);
  const share = (field: 'clientSampling' | 'randomSampling' | 'overallSampling'): Fraction =>
    message[field] === undefined
      ? { numerator: 100, denominator: 100 }
      : decodeFraction(scope.at(field), message[field]);
  return {
    sampling: {
      client: share('clientSampling'),
      random: share('randomSampling'),
      overall: share('overallSampling'),
    },
    customTags: decodeTags(scope.at('customTags'), message.customTags),
  };
}

/** The request id extension: the one of UUIDs. */
export function decodeRequestId(
  scope: Scope,
  message: hcm.RequestIDExtension | undefined,
): { readonly requestIdOptions?: RequestIdOptions } {
  if (message?.typedConfig === undefined) return {};
  const at = scope.at('typedConfig');
  if (typeNameOf(message.typedConfig) !== uuid.UuidRequestIdConfig.typeName) {
    at.fail(`${typeNameOf(message.typedConfig)} is not supported: request ids are UUIDs`);
    return {};
  }
  const config = at.unpack(uuid.UuidRequestIdConfig, message.typedConfig) ?? {};
  at.check(requestIdPolicy, config);
  return {
    requestIdOptions: {
      packTraceReason: config.packTraceReason ?? true,
      usedForSampling: config.useRequestIdForTraceSampling ?? true,
    },
  };
}

function percent(value: Percent | undefined, denominator: 100 | 10_000): Fraction {
  const share = value === undefined ? 100 : (value.value ?? 0);
  return { numerator: Math.floor((share * denominator) / 100), denominator };
}

/** Tags of spans and of records. */
export function decodeTags(scope: Scope, list: readonly tags.CustomTag[] | undefined): readonly CustomTag[] {
  return (list ?? []).flatMap((message, i) => {
    const tag = decodeTag(scope.at(i), message);
    return tag === undefined ? [] : [tag];
  });
}

function decodeTag(scope: Scope, message: tags.CustomTag): CustomTag | undefined {
  scope.check(tagPolicy, message);
  const tag = message.tag ?? '';
  if (tag === '') scope.at('tag').fail('must not be empty');
  if (message.literal !== undefined) {
    return { tag, kind: 'literal', value: message.literal.value ?? '', defaultValue: '' };
  }
  if (message.environment !== undefined) {
    const { name: value = '', defaultValue = '' } = message.environment;
    return { tag, kind: 'environment', value, defaultValue };
  }
  if (message.requestHeader !== undefined) {
    const { name = '', defaultValue = '' } = message.requestHeader;
    return { tag, kind: 'header', value: name.toLowerCase(), defaultValue };
  }
  if (message.metadata !== undefined) {
    const { kind, metadataKey, defaultValue = '' } = message.metadata;
    const path = (metadataKey?.path ?? []).map((segment) => segment.key ?? '');
    const namespace = metadataKey?.key ?? '';
    if (kind?.route !== undefined)
      return { tag, kind: 'metadata', of: 'route', namespace, path, defaultValue };
    if (kind?.cluster !== undefined)
      return { tag, kind: 'metadata', of: 'cluster', namespace, path, defaultValue };
    if (kind?.host !== undefined) return { tag, kind: 'metadata', of: 'host', namespace, path, defaultValue };
    // Filters of this proxy leave no metadata with a request: the default is all there can be.
    return { tag, kind: 'literal', value: defaultValue, defaultValue: '' };
  }
  scope.fail('must have one of literal, environment, request_header, metadata');
  return undefined;
}

function decodeProvider(scope: Scope, message: HttpConnectionManager_Tracing): TraceProvider | undefined {
  const { provider } = message;
  if (provider === undefined) return undefined;
  const at = scope.at('typedConfig');
  switch (typeNameOf(provider.typedConfig)) {
    case trace.ZipkinConfig.typeName: {
      const config = at.unpack(trace.ZipkinConfig, provider.typedConfig) ?? {};
      at.check(zipkinPolicy, config);
      const version = config.collectorEndpointVersion ?? 'HTTP_JSON';
      if (version !== 'HTTP_JSON')
        at.at('collectorEndpointVersion').fail(`${version} is not supported: use HTTP_JSON`);
      const hostname = config.collectorHostname ?? '';
      return {
        kind: 'zipkin',
        cluster: config.collectorCluster ?? '',
        path: config.collectorEndpoint ?? '/api/v2/spans',
        hostname: hostname === '' ? (config.collectorCluster ?? '') : hostname,
        traceId128bit: config.traceId128bit ?? false,
        sharedSpanContext: config.sharedSpanContext ?? true,
      };
    }
    case trace.OpenTelemetryConfig.typeName: {
      const config = at.unpack(trace.OpenTelemetryConfig, provider.typedConfig) ?? {};
      at.check(otelPolicy, config);
      return decodeOpenTelemetry(at, config);
    }
    default:
      scope.fail(`tracer "${provider.name}" is not supported: use zipkin or OpenTelemetry`);
      return undefined;
  }
}

function decodeOpenTelemetry(at: Scope, config: trace.OpenTelemetryConfig): TraceProvider {
  const service = config.serviceName ?? '';
  const { httpService, grpcService } = config;
  if (httpService !== undefined) {
    at.at('httpService').check(httpServicePolicy, httpService);
    const { uri = '', cluster = '', timeout = defaultTimeoutMs } = httpService.httpUri ?? {};
    const [, hostname = '', path = ''] = /^[a-z]+:\/\/([^/]*)(\/.*)?$/i.exec(uri) ?? [];
    return {
      kind: 'otlp_http',
      cluster,
      service,
      hostname: hostname === '' ? cluster : hostname,
      path: path === '' ? '/v1/traces' : path,
      headers: (httpService.requestHeadersToAdd ?? []).map(({ header }) => headerOf(header)),
      timeoutMs: timeout,
    };
  }
  const target = grpcService?.envoyGrpc;
  const cluster = target?.clusterName ?? '';
  if (cluster === '') at.fail('must have http_service or grpc_service.envoy_grpc');
  const authority = target?.authority ?? '';
  return {
    kind: 'otlp_grpc',
    cluster,
    service,
    hostname: authority === '' ? cluster : authority,
    path: '',
    headers: (grpcService?.initialMetadata ?? []).map(headerOf),
    timeoutMs: grpcService?.timeout ?? defaultTimeoutMs,
  };
}

function headerOf(header: core.HeaderValue | undefined): { readonly name: string; readonly value: string } {
  return { name: (header?.key ?? '').toLowerCase(), value: header?.value ?? '' };
}
