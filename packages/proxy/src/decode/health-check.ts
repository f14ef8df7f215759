import type {
  HealthCheck as HealthCheckMessage,
  HealthCheck_Payload,
} from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import type { HealthCheck } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const fixedInterval = 'checks are made at one interval';
const notLogged = 'health checks are counted, not logged';

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
  ],
  {
    initialJitter: fixedInterval,
    intervalJitter: fixedInterval,
    intervalJitterPercent: fixedInterval,
    noTrafficInterval: fixedInterval,
    noTrafficHealthyInterval: fixedInterval,
    unhealthyInterval: fixedInterval,
    unhealthyEdgeInterval: fixedInterval,
    healthyEdgeInterval: fixedInterval,
    reuseConnection: 'each check is a connection of its own',
    eventLogPath: notLogged,
    eventLogger: notLogged,
    eventService: notLogged,
    alwaysLogHealthCheckFailures: notLogged,
    alwaysLogHealthCheckSuccess: notLogged,
  },
);
const httpPolicy = fieldPolicy(core.HealthCheck_HttpHealthCheck, ['host', 'path', 'expectedStatuses'], {
  responseBufferSize: 'bodies are not read',
});
const tcpPolicy = fieldPolicy(core.HealthCheck_TcpHealthCheck, ['send', 'receive']);
const grpcPolicy = fieldPolicy(core.HealthCheck_GrpcHealthCheck, ['serviceName', 'authority']);

export const healthCheckPolicies = [checkPolicy, httpPolicy, tcpPolicy, grpcPolicy];

/** An active health check of a cluster. */
export function decodeHealthCheck(scope: Scope, message: HealthCheckMessage): HealthCheck {
  scope.check(checkPolicy, message);
  for (const field of ['timeout', 'interval'] as const) {
    if ((message[field] ?? 0) <= 0) scope.at(field).fail('must be more than 0s');
  }
  return {
    timeoutMs: message.timeout ?? 0,
    intervalMs: message.interval ?? 0,
    unhealthyThreshold: message.unhealthyThreshold ?? 1,
    healthyThreshold: message.healthyThreshold ?? 1,
    check: decodeCheck(scope, message),
  };
}

function decodeCheck(scope: Scope, message: HealthCheckMessage): HealthCheck['check'] {
  if (message.httpHealthCheck !== undefined) {
    const http = message.httpHealthCheck;
    scope.at('httpHealthCheck').check(httpPolicy, http);
    if (http.path === undefined) scope.at('httpHealthCheck').at('path').fail('must not be empty');
    const expected = (http.expectedStatuses ?? []).map((r) => ({ start: r.start ?? 0, end: r.end ?? 0 }));
    return {
      kind: 'http',
      host: http.host ?? '',
      path: http.path ?? '/',
      expectedStatuses: expected.length === 0 ? [{ start: 200, end: 201 }] : expected,
    };
  }
  if (message.grpcHealthCheck !== undefined) {
    scope.at('grpcHealthCheck').check(grpcPolicy, message.grpcHealthCheck);
    const { serviceName = '', authority = '' } = message.grpcHealthCheck;
    return { kind: 'grpc', service: serviceName, authority };
  }
  const tcp = message.tcpHealthCheck;
  if (tcp === undefined)
    scope.fail('must have one of http_health_check, tcp_health_check, grpc_health_check');
  else scope.at('tcpHealthCheck').check(tcpPolicy, tcp);
  return {
    kind: 'tcp',
    ...(tcp?.send === undefined ? {} : { send: payloadOf(scope.at('tcpHealthCheck').at('send'), tcp.send) }),
    receive: (tcp?.receive ?? []).map((p, i) => payloadOf(scope.at('tcpHealthCheck').at('receive').at(i), p)),
  };
}

/** Text is written in hexadecimal. */
function payloadOf(scope: Scope, payload: HealthCheck_Payload): Uint8Array {
  if (payload.binary !== undefined) return payload.binary.slice();
  const text = payload.text ?? '';
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) scope.at('text').fail('must be bytes in hexadecimal, as 48690a');
  return Buffer.from(text, 'hex');
}
