import { headerName, names } from '../../codec/header-name.ts';
import type { HealthCheck } from '../../model/cluster.ts';
import { applyProbeHeaders } from './probe-headers.ts';
import type { ProbeResult } from './probe.ts';
import type { ProbeConversation } from './stream-probe.ts';

type GrpcCheck = Extract<HealthCheck['check'], { kind: 'grpc' }>;

const prefixBytes = 5;
const contentType = 'application/grpc';
const trailersName = headerName('te');
/** `grpc.health.v1.HealthCheckResponse`: field 1, a varint; 1 is SERVING. */
const statusTag = 0x08;
const serving = 1;

/** `grpc.health.v1.HealthCheckRequest` with its length before it: field 1 is the name of the service. */
function requestBody(service: string): Buffer {
  const name = Buffer.from(service, 'utf8');
  const length: number[] = [];
  for (let left = name.length; ; left = Math.floor(left / 128)) {
    if (left < 128) {
      length.push(left);
      break;
    }
    length.push((left % 128) + 128);
  }
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...length]), name]);
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Asks by `grpc.health.v1.Health/Check`. */
export function grpcConversation(check: GrpcCheck, clusterName: string): ProbeConversation {
  return {
    protocol: 'http2',
    body: requestBody(check.service),
    fillHead(head) {
      head.method = 'POST';
      head.path = '/grpc.health.v1.Health/Check';
      head.authority = check.authority || clusterName;
      head.acceptsTrailers = true;
      head.headers.add(names.contentType, contentType);
      head.headers.add(trailersName, 'trailers');
      head.headers.add(names.userAgent, 'Envoy/HC');
      applyProbeHeaders(head.headers, check.headers);
    },
    judgeHead(head) {
      if (head.status !== 200) return 'refused';
      const status = head.headers.get(names.grpcStatus);
      // A head that is the whole answer carries no message.
      return status !== undefined && status !== '0' ? 'refused' : undefined;
    },
    judgeEnd(body, trailers): ProbeResult {
      if (trailers?.get(names.grpcStatus) !== '0') return 'refused';
      if (body.length < prefixBytes + 2 || body[0] !== 0) return 'refused';
      return body[prefixBytes] === statusTag && body[prefixBytes + 1] === serving ? 'success' : 'refused';
    },
  };
}
