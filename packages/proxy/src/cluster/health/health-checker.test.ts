import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { HealthCheck } from '../../model/index.ts';
import { cluster, endpoint, tcpUpstream, upstream } from '../../testing/harness.ts';
import { check, checked } from './testing/checked.ts';

test('a host is healthy after its first check, unhealthy by its answer at once, and healthy again by the threshold', async (t) => {
  let status = 200;
  const seen: string[] = [];
  const { port } = await upstream(t, (request, response) => {
    seen.push(`${request.method} ${request.headers.host}${request.url} ${request.headers['user-agent']}`);
    response.statusCode = status;
    response.end('x'.repeat(10_000));
  });
  const { dataPlane, next, healthy, stat } = await checked(
    t,
    cluster('checked', [port], { healthChecks: [check] }),
  );
  assert.equal(healthy(), false);
  await next(0);
  assert.equal(healthy(), true);
  assert.equal(stat('health_check.healthy'), 1);
  assert.deepEqual(seen, ['GET checked/healthz Envoy/HC']);
  status = 503;
  await next(40_000);
  assert.equal(healthy(), false);
  status = 200;
  await next(60_000);
  assert.equal(healthy(), false);
  await next(60_000);
  assert.equal(healthy(), true);
  assert.equal(stat('membership_healthy'), 1);
  // What checks cost is no traffic of the cluster and its host.
  for (const name of ['upstream_cx_total', 'upstream_cx_rx_bytes_total', 'upstream_cx_tx_bytes_total'])
    assert.equal(stat(name), 0, name);
  assert.equal(dataPlane.clusters()[0]?.endpoints[0]?.stats.cx_total, 0);
});

test('statuses that may be tried again and connections that fail count up to the threshold', async (t) => {
  let answer: 'ok' | 'retriable' | 'break' = 'ok';
  const { port } = await upstream(t, (request, response) => {
    if (answer === 'break') {
      request.socket.destroy();
      return;
    }
    response.statusCode = answer === 'ok' ? 200 : 429;
    response.end();
  });
  const { next, healthy, stat } = await checked(t, cluster('checked', [port], { healthChecks: [check] }));
  await next(0);
  answer = 'retriable';
  await next(40_000);
  assert.equal(healthy(), true);
  answer = 'break';
  await next(40_000);
  assert.equal(healthy(), false);
  assert.equal(stat('health_check.network_failure'), 1);
  assert.equal(stat('health_check.failure'), 2);
});

test('a host that does not answer in time has failed', async (t) => {
  let silent = false;
  const { port } = await upstream(t, (_, response) => void (silent || response.end()));
  const strict = { ...check, unhealthyThreshold: 1 };
  const { clock, next, healthy, stat, dataPlane } = await checked(
    t,
    cluster('checked', [port], { healthChecks: [strict] }),
  );
  await next(0);
  assert.equal(healthy(), true);
  silent = true;
  clock.advance(40_000);
  clock.advance(999);
  assert.equal(healthy(), true);
  clock.advance(1);
  assert.equal(healthy(), false);
  assert.equal(stat('health_check.network_failure'), 1);
  assert.equal(dataPlane.clusters()[0]?.endpoints[0]?.checkTimedOut, true);
  silent = false;
  await next(60_000);
  assert.equal(dataPlane.clusters()[0]?.endpoints[0]?.checkTimedOut, false);
});

test('a host that says so by its answer is degraded, until it does not', async (t) => {
  let degraded = true;
  const { port } = await upstream(t, (_, response) => {
    if (degraded) response.setHeader('x-envoy-degraded', '');
    response.end();
  });
  const { next, healthy, stat, dataPlane } = await checked(
    t,
    cluster('checked', [port], { healthChecks: [check] }),
  );
  const seen = () => [
    dataPlane.clusters()[0]?.endpoints[0]?.degradedByCheck,
    stat('health_check.healthy'),
    stat('health_check.degraded'),
    stat('membership_healthy'),
    stat('membership_degraded'),
  ];
  await next(0);
  assert.equal(healthy(), true);
  assert.deepEqual(seen(), [true, 1, 1, 0, 1]);
  degraded = false;
  await next(40_000);
  assert.deepEqual(seen(), [false, 1, 0, 1, 0]);
});

test('TCP: bytes are sent, and blocks have to come back in their order', async (t) => {
  let answer = 'hello +PONG\r\n and ready';
  const got: string[] = [];
  const port = await tcpUpstream(t, (socket) => {
    socket.on('data', (bytes) => {
      got.push(bytes.toString());
      socket.write(answer.slice(0, 7));
      socket.end(answer.slice(7));
    });
  });
  const tcp: HealthCheck = {
    ...check,
    unhealthyThreshold: 1,
    check: { kind: 'tcp', send: Buffer.from('PING'), receive: [Buffer.from('PONG'), Buffer.from('ready')] },
  };
  const { next, healthy } = await checked(t, cluster('checked', [port], { healthChecks: [tcp] }));
  await next(0);
  assert.equal(healthy(), true);
  assert.deepEqual(got, ['PING']);
  answer = 'ready PONG';
  await next(40_000);
  assert.equal(healthy(), false);
});

test('TCP without bytes: a connection is enough', async (t) => {
  const port = await tcpUpstream(t, () => {});
  const tcp: HealthCheck = { ...check, check: { kind: 'tcp', receive: [] } };
  const { next, healthy } = await checked(t, cluster('checked', [port], { healthChecks: [tcp] }));
  await next(0);
  assert.equal(healthy(), true);
});

test('gRPC: the service has to say that it is serving', async (t) => {
  let status = 1;
  const asked: { path: string | undefined; body: Buffer }[] = [];
  const server: Http2Server = createHttp2Server();
  server.on('stream', (anyStream, headers) => {
    const stream = anyStream as ServerHttp2Stream;
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      asked.push({ path: headers[':path'], body: Buffer.concat(chunks) });
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 0x08, status]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const grpc: HealthCheck = { ...check, check: { kind: 'grpc', service: 'shop.Cart', authority: '' } };
  const { next, healthy } = await checked(t, cluster('checked', [port], { healthChecks: [grpc] }));
  await next(0);
  assert.equal(healthy(), true);
  assert.equal(asked[0]?.path, '/grpc.health.v1.Health/Check');
  assert.deepEqual(
    asked[0]?.body,
    Buffer.concat([Buffer.from([0, 0, 0, 0, 11, 0x0a, 9]), Buffer.from('shop.Cart')]),
  );
  status = 2;
  await next(40_000);
  assert.equal(healthy(), false);
});

test('an endpoint can be checked at another port than it serves at', async (t) => {
  const { port } = await upstream(t, (_, response) => response.end());
  const one = endpoint(1, { healthCheckPort: port });
  const { next, healthy } = await checked(t, cluster('checked', [one], { healthChecks: [check] }));
  await next(0);
  assert.equal(healthy(), true);
});

test('hosts that leave are checked no more, and a cluster that goes leaves no timer', async (t) => {
  const { port } = await upstream(t, (_, response) => response.end());
  const { clock, dataPlane, next } = await checked(t, cluster('checked', [port], { healthChecks: [check] }));
  await next(0);
  await dataPlane.update({ clusters: { set: [cluster('checked', [], { healthChecks: [check] })] } });
  const waiting = clock.pending;
  await dataPlane.update({ clusters: { remove: ['checked'] } });
  assert.ok(clock.pending <= waiting);
  clock.advance(120_000);
  assert.equal(dataPlane.clusters().length, 0);
});
