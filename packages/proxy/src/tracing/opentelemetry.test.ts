import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { ask, upstream } from '../testing/harness.ts';
import { decodeOtlp } from '../testing/otlp.ts';
import { proxy, traced, untilStat } from './testing/traced-proxy.ts';

test('spans go to collectors of OpenTelemetry by HTTP, and requests carry traceparent', async (t) => {
  const bodies: Buffer[] = [];
  const collector = await upstream(t, (request, response) => {
    assert.equal(request.url, '/v1/traces');
    assert.equal(request.headers['content-type'], 'application/x-protobuf');
    assert.equal(request.headers['x-key'], 'secret');
    request.on('data', (chunk: Buffer) => bodies.push(chunk));
    request.on('end', () => response.end());
  });
  const seen: Record<string, unknown>[] = [];
  const app = await upstream(t, (request, response) => {
    seen.push(request.headers);
    response.end();
  });
  const clock = new TestClock(1_795_000_000_123);
  const { dataPlane, port } = await proxy(t, 'inbound', {
    backend: app.port,
    collector: collector.port,
    tracing: traced({
      kind: 'otlp_http',
      cluster: 'zipkin',
      hostname: 'otel',
      path: '/v1/traces',
      service: 'reviews',
      headers: [{ name: 'x-key', value: 'secret' }],
      timeoutMs: 1_000,
    }),
    clock,
  });
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  await ask(port, '/', { headers: { traceparent, tracestate: 'vendor=x' } });
  clock.advance(5_000);
  await untilStat(dataPlane, 'tracing.opentelemetry.reports_sent', 1);
  const { resource, spans } = decodeOtlp(Buffer.concat(bodies));
  assert.equal(resource['service.name'], 'reviews');
  const [span] = spans;
  assert.equal(span?.traceId, '0af7651916cd43dd8448eb211c80319c');
  assert.equal(span?.parentId, 'b7ad6b7169203331');
  assert.equal(span?.kind, 2);
  assert.equal(span?.state, 'vendor=x');
  assert.equal(span?.attributes['http.status_code'], '200');
  assert.equal(span?.startNs / 1_000_000n, 1_795_000_000_123n);
  assert.ok(span.endNs > span.startNs);
  assert.equal(seen[0]?.['traceparent'], `00-0af7651916cd43dd8448eb211c80319c-${span.id}-01`);
  assert.equal(seen[0]?.['tracestate'], 'vendor=x');
});

test('spans go to collectors of OpenTelemetry by gRPC', async (t) => {
  const bodies: Buffer[] = [];
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    assert.equal(headers[':path'], '/opentelemetry.proto.collector.trace.v1.TraceService/Export');
    assert.equal(headers['content-type'], 'application/grpc');
    assert.equal(headers['te'], 'trailers');
    stream.on('data', (chunk: Buffer) => bodies.push(chunk));
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.alloc(5));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const app = await upstream(t, (_request, response) => response.end());
  const clock = new TestClock();
  const { dataPlane, port } = await proxy(t, 'outbound', {
    backend: app.port,
    collector: address.port,
    collectorIsHttp2: true,
    tracing: traced({
      kind: 'otlp_grpc',
      cluster: 'zipkin',
      hostname: 'otel',
      path: '',
      service: '',
      headers: [],
      timeoutMs: 1_000,
    }),
    clock,
  });
  t.after(() => server.close());
  await ask(port);
  clock.advance(5_000);
  await untilStat(dataPlane, 'tracing.opentelemetry.reports_sent', 1);
  const message = Buffer.concat(bodies);
  assert.equal(message.readUInt32BE(1), message.length - 5);
  const { resource, spans } = decodeOtlp(message.subarray(5));
  assert.equal(resource['service.name'], 'unknown_service:envoy');
  assert.equal(spans[0]?.kind, 3);
});
