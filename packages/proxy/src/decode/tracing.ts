import * as trace from '@lateen/protocol/envoy/config/trace/v3';
import type { HttpConnectionManager_Tracing } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as hcm from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import type { CustomTag } from '@lateen/protocol/envoy/type/tracing/v3';
import type { Tracing } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { typeNameOf } from './http-filter.ts';
import type { Scope } from './scope.ts';

const tracingPolicy = fieldPolicy(
  hcm.HttpConnectionManager_Tracing,
  ['clientSampling', 'randomSampling', 'overallSampling', 'verbose', 'customTags', 'provider'],
  {
    maxPathTagLength: 'paths are written whole, up to the limit of a request head',
    spawnUpstreamSpan: 'a request has one span',
  },
);
const zipkinPolicy = fieldPolicy(
  trace.ZipkinConfig,
  ['collectorCluster', 'collectorEndpoint', 'collectorHostname', 'collectorEndpointVersion'],
  {
    traceId128bit: 'trace ids are as long as they came, 128 bits where they are new',
    sharedSpanContext: 'client and server have a span each',
    splitSpansForRequest: 'client and server have a span each',
  },
);
const otelPolicy = fieldPolicy(trace.OpenTelemetryConfig, ['grpcService', 'httpService', 'serviceName'], {
  resourceDetectors: 'the resource is the node',
  sampler: 'the sampling of the connection manager holds',
});

export const tracingPolicies = [tracingPolicy, zipkinPolicy, otelPolicy];

/** How requests of a connection manager are traced. */
export function decodeTracing(scope: Scope, message: HttpConnectionManager_Tracing): Tracing {
  scope.check(tracingPolicy, message);
  const provider = decodeProvider(scope.at('provider'), message);
  const percent = (value: { readonly value?: number | undefined } | undefined): number =>
    value === undefined ? 100 : (value.value ?? 0);
  return {
    clientSampling: percent(message.clientSampling),
    randomSampling: percent(message.randomSampling),
    overallSampling: percent(message.overallSampling),
    verbose: message.verbose ?? false,
    customTags: (message.customTags ?? []).flatMap((tag, i) => decodeTag(scope.at('customTags').at(i), tag)),
    ...(provider === undefined ? {} : { provider }),
  };
}

function decodeTag(scope: Scope, tag: CustomTag): Tracing['customTags'][number][] {
  const name = tag.tag ?? '';
  if (tag.literal !== undefined) {
    return [{ tag: name, kind: 'literal', value: tag.literal.value ?? '', defaultValue: '' }];
  }
  if (tag.environment !== undefined) {
    const { name: value = '', defaultValue = '' } = tag.environment;
    return [{ tag: name, kind: 'environment', value, defaultValue }];
  }
  if (tag.requestHeader !== undefined) {
    const { name: value = '', defaultValue = '' } = tag.requestHeader;
    return [{ tag: name, kind: 'header', value: value.toLowerCase(), defaultValue }];
  }
  // Tags from metadata describe what other filters found out; a span without one is still right.
  if (tag.metadata === undefined)
    scope.fail('must have one of literal, environment, request_header, metadata');
  return [];
}

function decodeProvider(scope: Scope, message: HttpConnectionManager_Tracing): Tracing['provider'] {
  const { provider } = message;
  if (provider === undefined) return undefined;
  const at = scope.at('typedConfig');
  switch (typeNameOf(provider.typedConfig)) {
    case trace.ZipkinConfig.typeName: {
      const config = at.unpack(trace.ZipkinConfig, provider.typedConfig) ?? {};
      at.check(zipkinPolicy, config);
      return {
        kind: 'zipkin',
        cluster: config.collectorCluster ?? '',
        path: config.collectorEndpoint ?? '/api/v2/spans',
        hostname: config.collectorHostname ?? config.collectorCluster ?? '',
      };
    }
    case trace.OpenTelemetryConfig.typeName: {
      const config = at.unpack(trace.OpenTelemetryConfig, provider.typedConfig) ?? {};
      at.check(otelPolicy, config);
      const http = config.httpService?.httpUri;
      const service = config.serviceName ?? '';
      if (http !== undefined) {
        const path = /^[a-z]+:\/\/[^/]*(\/.*)$/i.exec(http.uri ?? '')?.[1] ?? '/v1/traces';
        return { kind: 'otlp_http', cluster: http.cluster ?? '', service, path };
      }
      const cluster = config.grpcService?.envoyGrpc?.clusterName;
      if (cluster === undefined) at.fail('must have http_service or grpc_service.envoy_grpc');
      return { kind: 'otlp_grpc', cluster: cluster ?? '', service, path: '' };
    }
    default:
      scope.fail(`tracer "${provider.name}" is not supported: use zipkin or OpenTelemetry`);
      return undefined;
  }
}
