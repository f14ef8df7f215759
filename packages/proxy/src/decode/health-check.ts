import type {
  HeaderValueOption,
  HealthCheck as HealthCheckMessage,
  HealthCheck_Payload,
} from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import { HealthCheckEventFileSink } from '@lateen/protocol/envoy/extensions/health_check/event_sinks/file/v3';
import { Redis } from '@lateen/protocol/envoy/extensions/health_checkers/redis/v3';
import type { Int64Range } from '@lateen/protocol/envoy/type/v3';
import type { HeaderOperations, HealthCheck, StatusRange } from '../model/index.ts';
import { decodeStringMatch } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderAdditions } from './headers.ts';
import { decodeProxyProtocolConfig } from './proxy-protocol.ts';
import type { Scope } from './scope.ts';

const checkPolicy = fieldPolicy(
  core.HealthCheck,
  [
    'timeout',
    'interval',
    'unhealthyThreshold',
    'healthyThreshold',
    'httpHealthCheck',
    'tcpHealthCheck',
    'grpcHealthCheck',
    'initialJitter',
    'intervalJitter',
    'intervalJitterPercent',
    'noTrafficInterval',
    'noTrafficHealthyInterval',
    'unhealthyInterval',
    'unhealthyEdgeInterval',
    'healthyEdgeInterval',
    'reuseConnection',
    'eventLogPath',
    'eventLogger',
    'alwaysLogHealthCheckFailures',
    'alwaysLogHealthCheckSuccess',
    'customHealthCheck',
  ],
  {
    eventService: 'events are written into files only',
  },
);
const httpPolicy = fieldPolicy(
  core.HealthCheck_HttpHealthCheck,
  [
    'host',
    'path',
    'expectedStatuses',
    'retriableStatuses',
    'method',
    'codecClientType',
    'requestHeadersToAdd',
    'requestHeadersToRemove',
    'serviceNameMatcher',
  ],
  {
    responseBufferSize: 'bodies are not read',
  },
);
const tcpPolicy = fieldPolicy(core.HealthCheck_TcpHealthCheck, ['send', 'receive', 'proxyProtocolConfig']);
const grpcPolicy = fieldPolicy(core.HealthCheck_GrpcHealthCheck, [
  'serviceName',
  'authority',
  'initialMetadata',
]);

const customPolicy = fieldPolicy(core.HealthCheck_CustomHealthCheck, ['name', 'typedConfig']);
const redisPolicy = fieldPolicy(Redis, ['key']);
const eventSinkPolicy = fieldPolicy(HealthCheckEventFileSink, ['eventLogPath']);

export const healthCheckPolicies = [
  checkPolicy,
  httpPolicy,
  tcpPolicy,
  grpcPolicy,
  customPolicy,
  redisPolicy,
  eventSinkPolicy,
];

/** An active health check of a cluster. */
export function decodeHealthCheck(scope: Scope, message: HealthCheckMessage): HealthCheck {
  scope.check(checkPolicy, message);
  for (const field of ['timeout', 'interval'] as const) {
    if ((message[field] ?? 0) <= 0) scope.at(field).fail('must be more than 0s');
  }
  const intervalMs = message.interval ?? 0;
  const unhealthyIntervalMs = message.unhealthyInterval ?? intervalMs;
  const noTrafficIntervalMs = message.noTrafficInterval ?? 60_000;
  return {
    timeoutMs: message.timeout ?? 0,
    intervalMs,
    initialJitterMs: message.initialJitter ?? 0,
    intervalJitterMs: message.intervalJitter ?? 0,
    intervalJitterPercent: message.intervalJitterPercent ?? 0,
    noTrafficIntervalMs,
    noTrafficHealthyIntervalMs: message.noTrafficHealthyInterval ?? noTrafficIntervalMs,
    unhealthyIntervalMs,
    unhealthyEdgeIntervalMs: message.unhealthyEdgeInterval ?? unhealthyIntervalMs,
    healthyEdgeIntervalMs: message.healthyEdgeInterval ?? intervalMs,
    unhealthyThreshold: message.unhealthyThreshold ?? 1,
    healthyThreshold: message.healthyThreshold ?? 1,
    ...(message.reuseConnection === false ? { reuseConnection: false } : {}),
    ...eventsOf(scope, message),
    check: decodeCheck(scope, message),
  };
}

function decodeCheck(scope: Scope, message: HealthCheckMessage): HealthCheck['check'] {
  if (message.httpHealthCheck !== undefined) {
    const http = message.httpHealthCheck;
    scope.at('httpHealthCheck').check(httpPolicy, http);
    if (http.path === undefined) scope.at('httpHealthCheck').at('path').fail('must not be empty');
    const expected = rangesOf(scope.at('httpHealthCheck').at('expectedStatuses'), http.expectedStatuses);
    return {
      kind: 'http',
      host: http.host ?? '',
      path: http.path ?? '/',
      method: http.method === undefined || http.method === 'METHOD_UNSPECIFIED' ? 'GET' : String(http.method),
      protocol: scope
        .at('httpHealthCheck')
        .at('codecClientType')
        .choice(http.codecClientType, { HTTP1: 'http1', HTTP2: 'http2' } as const, 'http1'),
      retriableStatuses: rangesOf(
        scope.at('httpHealthCheck').at('retriableStatuses'),
        http.retriableStatuses,
      ),
      ...headersOf(
        scope.at('httpHealthCheck').at('requestHeadersToAdd'),
        http.requestHeadersToAdd,
        http.requestHeadersToRemove,
      ),
      ...(http.serviceNameMatcher === undefined
        ? {}
        : {
            serviceName: decodeStringMatch(
              scope.at('httpHealthCheck').at('serviceNameMatcher'),
              http.serviceNameMatcher,
            ),
          }),
      expectedStatuses: expected.length === 0 ? [{ start: 200, end: 201 }] : expected,
    };
  }
  if (message.grpcHealthCheck !== undefined) {
    scope.at('grpcHealthCheck').check(grpcPolicy, message.grpcHealthCheck);
    const { serviceName = '', authority = '', initialMetadata } = message.grpcHealthCheck;
    const at = scope.at('grpcHealthCheck').at('initialMetadata');
    return { kind: 'grpc', service: serviceName, authority, ...headersOf(at, initialMetadata, []) };
  }
  if (message.customHealthCheck !== undefined) {
    return decodeCustom(scope.at('customHealthCheck'), message.customHealthCheck);
  }
  const tcp = message.tcpHealthCheck;
  if (tcp === undefined)
    scope.fail(
      'must have one of http_health_check, tcp_health_check, grpc_health_check, custom_health_check',
    );
  else scope.at('tcpHealthCheck').check(tcpPolicy, tcp);
  return {
    kind: 'tcp',
    ...(tcp?.send === undefined ? {} : { send: payloadOf(scope.at('tcpHealthCheck').at('send'), tcp.send) }),
    ...(tcp?.proxyProtocolConfig === undefined
      ? {}
      : {
          proxyProtocol: decodeProxyProtocolConfig(
            scope.at('tcpHealthCheck').at('proxyProtocolConfig'),
            tcp.proxyProtocolConfig,
          ),
        }),
    receive: (tcp?.receive ?? []).map((p, i) => payloadOf(scope.at('tcpHealthCheck').at('receive').at(i), p)),
  };
}

function decodeCustom(scope: Scope, message: core.HealthCheck_CustomHealthCheck): HealthCheck['check'] {
  scope.check(customPolicy, message);
  const at = scope.at('typedConfig');
  const redis = at.unpack(Redis, message.typedConfig);
  if (redis !== undefined) at.check(redisPolicy, redis);
  return { kind: 'redis', key: redis?.key ?? '' };
}

/** Where events are written: the older field and the file sinks. */
function eventsOf(scope: Scope, message: HealthCheckMessage): Pick<HealthCheck, 'events'> {
  const paths = message.eventLogPath === undefined ? [] : [message.eventLogPath];
  message.eventLogger?.forEach((sink, i) => {
    const at = scope.at('eventLogger').at(i).at('typedConfig');
    const file = at.unpack(HealthCheckEventFileSink, sink.typedConfig);
    if (file?.eventLogPath !== undefined) paths.push(file.eventLogPath);
  });
  if (paths.length === 0) return {};
  return {
    events: {
      paths,
      everyFailure: message.alwaysLogHealthCheckFailures ?? false,
      everySuccess: message.alwaysLogHealthCheckSuccess ?? false,
    },
  };
}

function headersOf(
  scope: Scope,
  add: readonly HeaderValueOption[] | undefined,
  remove: readonly string[] | undefined,
): { readonly headers?: HeaderOperations } {
  const headers = { add: decodeHeaderAdditions(scope, add), remove: remove ?? [] };
  return headers.add.length === 0 && headers.remove.length === 0 ? {} : { headers };
}

function rangesOf(scope: Scope, ranges: readonly Int64Range[] = []): StatusRange[] {
  return ranges.map(({ start = 0, end = 0 }, i) => {
    if (start < 100) scope.at(i).at('start').fail('must be at least 100');
    if (end > 600) scope.at(i).at('end').fail('must be at most 600: it is not included');
    if (start >= end) scope.at(i).fail('must begin before its end, which is not included');
    return { start, end };
  });
}

/** Text is written in hexadecimal. */
function payloadOf(scope: Scope, payload: HealthCheck_Payload): Uint8Array {
  if (payload.binary !== undefined) return payload.binary.slice();
  const text = payload.text ?? '';
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) scope.at('text').fail('must be bytes in hexadecimal, as 48690a');
  return Buffer.from(text, 'hex');
}
