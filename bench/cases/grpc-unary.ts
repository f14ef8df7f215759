import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callOnce } from '../grpc-check.ts';
import { envoy, haproxy, lateen } from '../peer.ts';
import { proxyCase } from '../proxy-case.ts';
import { startNginx } from '../upstream.ts';

const config = (name: string): string => fileURLToPath(new URL(`grpc-unary/${name}`, import.meta.url));

const authority = 'reviews.example';
const method = '/bench.Echo/Say';
const connections = 8;
const messageBytes = 128;
const message = Buffer.alloc(messageBytes, 'x');

/** gRPC's frame around a message. */
function framed(payload: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length, 1);
  return Buffer.concat([head, payload]);
}

/** One hop of unary gRPC calls: a message and trailers back for a message. */
export const grpcUnary = proxyCase({
  name: 'grpc-unary',
  summary: `gRPC unary, one service by host and path, ${connections} connections of 10 streams, ${messageBytes} bytes both ways, one core`,
  lineups: [
    { peer: lateen, configs: [config('bootstrap.yaml')] },
    { peer: haproxy, configs: [config('haproxy.cfg')] },
    { peer: envoy, configs: [config('bootstrap.yaml')] },
  ],
  protocol: 'http2',
  path: method,
  headers: { Host: authority, 'content-type': 'application/grpc', te: 'trailers' },
  body: framed(message),
  connections,
  check,
  countsRequests: true,
  startUpstream(workDir) {
    writeFileSync(join(workDir, 'answer'), framed(message));
    return startNginx(workDir, config('upstream.conf'));
  },
});

/** A real client takes the answer with its trailers; calls of others are refused. */
async function check(name: string, port: number): Promise<void> {
  const answer = await callOnce(port, authority, method, message);
  if (!answer.equals(message)) throw new Error(`${name} answers ${answer.length} bytes, not the message`);
  for (const [host, path] of [
    ['ratings.example', method],
    [authority, '/bench.Other/Say'],
  ] as const) {
    const refused = await callOnce(port, host, path, message).then(
      () => false,
      () => true,
    );
    if (!refused) throw new Error(`${name} passes ${path} of ${host} on`);
  }
}
