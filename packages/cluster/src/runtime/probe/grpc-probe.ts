import { connect } from 'node:http2';
import type { ProbeOutcome } from './probe-target.ts';

const serving = 1;

/** A length-prefixed gRPC frame with `HealthCheckRequest{service = 1}`. */
function requestFrame(service: string): Buffer {
  const name = Buffer.from(service).subarray(0, 127);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Asks `grpc.health.v1.Health/Check`; good where the answer is SERVING. */
export function probeGrpc(
  host: string,
  port: number,
  service: string,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const session = connect(`http://${host}:${port}`);
    const finish = (outcome: ProbeOutcome): void => {
      session.destroy();
      resolve(outcome);
    };
    session.setTimeout(timeoutMs, () =>
      finish({ ok: false, message: `timeout: no answer within ${timeoutMs}ms` }),
    );
    session.on('error', (error) => finish({ ok: false, message: error.message }));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', (error) => finish({ ok: false, message: error.message }));
    stream.on('end', () => {
      const body = Buffer.concat(chunks).subarray(5);
      // `HealthCheckResponse{status = 1}`, a varint below 128.
      if (body[0] === 0x08 && body[1] === serving) finish({ ok: true });
      else finish({ ok: false, message: `service unhealthy (responded with "${body[1] ?? 'nothing'}")` });
    });
    stream.end(requestFrame(service));
  });
}
