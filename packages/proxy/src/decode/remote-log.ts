import type { Any } from '@lateen/protocol';
import * as grpc from '@lateen/protocol/envoy/extensions/access_loggers/grpc/v3';
import * as openTelemetry from '@lateen/protocol/envoy/extensions/access_loggers/open_telemetry/v3';
import type { AnyValue, KeyValueList } from '@lateen/protocol/opentelemetry/proto/common/v1';
import * as otlp from '@lateen/protocol/opentelemetry/proto/common/v1';
import type { JsonValue, LogAttributes, LogService, RemoteLogSink } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeGrpcService } from './grpc-service.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';
import { decodeTags } from './tracing.ts';

const commonPolicy = fieldPolicy(
  grpc.CommonGrpcAccessLogConfig,
  ['logName', 'grpcService', 'transportApiVersion', 'bufferFlushInterval', 'bufferSizeBytes', 'customTags'],
  {
    filterStateObjectsToLog: 'there is no filter state to tell of',
    grpcStreamRetryPolicy: 'what a service does not take is lost and counted',
  },
);
const httpPolicy = fieldPolicy(grpc.HttpGrpcAccessLogConfig, [
  'commonConfig',
  'additionalRequestHeadersToLog',
  'additionalResponseHeadersToLog',
  'additionalResponseTrailersToLog',
]);
const tcpPolicy = fieldPolicy(grpc.TcpGrpcAccessLogConfig, ['commonConfig']);
const openTelemetryPolicy = fieldPolicy(
  openTelemetry.OpenTelemetryAccessLogConfig,
  ['commonConfig', 'disableBuiltinLabels', 'resourceAttributes', 'body', 'attributes', 'statPrefix'],
  { formatters: "the commands of Envoy's formatter extensions are known" },
);

export const remoteLogPolicies = [
  commonPolicy,
  httpPolicy,
  tcpPolicy,
  openTelemetryPolicy,
  fieldPolicy(otlp.KeyValueList, ['values']),
  fieldPolicy(otlp.KeyValue, ['key', 'value']),
  fieldPolicy(otlp.ArrayValue, ['values']),
  fieldPolicy(otlp.AnyValue, [
    'stringValue',
    'boolValue',
    'intValue',
    'doubleValue',
    'arrayValue',
    'kvlistValue',
  ]),
];

/** A logger that tells a service; undefined for other types. */
export function decodeRemoteLog(scope: Scope, any: Any | undefined): RemoteLogSink | undefined {
  const lower = (names: readonly string[] = []): readonly string[] => names.map((name) => name.toLowerCase());
  switch (typeNameOf(any)) {
    case grpc.HttpGrpcAccessLogConfig.typeName: {
      const config = scope.unpack(grpc.HttpGrpcAccessLogConfig, any) ?? {};
      scope.check(httpPolicy, config);
      return {
        kind: 'grpc',
        protocol: 'http',
        to: decodeLogService(scope.at('commonConfig'), config.commonConfig ?? {}),
        requestHeaders: lower(config.additionalRequestHeadersToLog),
        responseHeaders: lower(config.additionalResponseHeadersToLog),
        responseTrailers: lower(config.additionalResponseTrailersToLog),
      };
    }
    case grpc.TcpGrpcAccessLogConfig.typeName: {
      const config = scope.unpack(grpc.TcpGrpcAccessLogConfig, any) ?? {};
      scope.check(tcpPolicy, config);
      const to = decodeLogService(scope.at('commonConfig'), config.commonConfig ?? {});
      const none = { requestHeaders: [], responseHeaders: [], responseTrailers: [] };
      return { kind: 'grpc', protocol: 'tcp', to, ...none };
    }
    case openTelemetry.OpenTelemetryAccessLogConfig.typeName: {
      const config = scope.unpack(openTelemetry.OpenTelemetryAccessLogConfig, any) ?? {};
      scope.check(openTelemetryPolicy, config);
      const { body } = config;
      return {
        kind: 'open_telemetry',
        to: decodeLogService(scope.at('commonConfig'), config.commonConfig ?? {}),
        builtinLabels: config.disableBuiltinLabels !== true,
        resource: decodeAttributes(config.resourceAttributes),
        ...(body === undefined ? {} : { body: decodeAnyValue(body) }),
        attributes: decodeAttributes(config.attributes),
        statPrefix: config.statPrefix ?? '',
      };
    }
    default:
      return undefined;
  }
}

function decodeLogService(scope: Scope, config: grpc.CommonGrpcAccessLogConfig): LogService {
  scope.check(commonPolicy, config);
  scope.at('transportApiVersion').choice(config.transportApiVersion, { AUTO: 3, V3: 3 }, 3);
  return {
    service: decodeGrpcService(scope.at('grpcService'), config.grpcService),
    logName: config.logName ?? '',
    bufferBytes: config.bufferSizeBytes ?? 16_384,
    flushIntervalMs: config.bufferFlushInterval ?? 1_000,
    customTags: decodeTags(scope.at('customTags'), config.customTags),
  };
}

function decodeAttributes(list: KeyValueList | undefined): LogAttributes {
  return (list?.values ?? []).map(({ key = '', value }) => [key, decodeAnyValue(value ?? {})]);
}

function decodeAnyValue(value: AnyValue): JsonValue {
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(decodeAnyValue);
  if (value.kvlistValue !== undefined) return Object.fromEntries(decodeAttributes(value.kvlistValue));
  return value.stringValue ?? value.boolValue ?? value.intValue ?? value.doubleValue ?? '';
}
