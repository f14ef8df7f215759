import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGrpcServer, GrpcError } from '@lateen/protocol/grpc';
import { RateLimitService, type RateLimitResponse } from '@lateen/protocol/envoy/service/ratelimit/v3';
import { defaultThresholds, type Cluster } from '../model/index.ts';
import { cluster, tcpUpstream, upstream, type Closers } from '../testing/harness.ts';
import { http2Cluster } from '../testing/http2-peers.ts';
import { callGrpc, callHttp, type CallRequest, type GrpcResult } from './index.ts';
import { startClusters } from './testing/cluster-harness.ts';

const get: CallRequest = { method: 'GET', path: '/', authority: 'svc', headers: [], timeoutMs: 2_000 };

/** What tests look at after the headers are gone. */
type Outcome = { status: number; body: string; type: string | undefined } | string;

function callOne(t: Closers, model: Cluster, request: Partial<CallRequest> = {}): Promise<Outcome> {
  const { context, ref } = startClusters(t, [model]);
  return new Promise((resolve) => {
    callHttp(context, ref(model.name), { ...get, ...request }, (result) => {
      if (result.kind === 'failure') return resolve(result.reason);
      const headers: Record<string, string> = {};
      result.headers.forEach((name, value) => (headers[name.toLowerCase()] = value));
      resolve({ status: result.status, body: result.body.toString(), type: headers['content-type'] });
    });
  });
}

test('a request with a body is answered whole', async (t) => {
  const { port } = await upstream(t, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response.setHeader('content-type', 'text/x');
      response.end(`${request.method} ${request.url} ${request.headers.host} ${body}`);
    });
  });
  const answer = await callOne(t, cluster('up', [port]), {
    method: 'POST',
    path: '/p?q=1',
    headers: [['content-length', '5']],
    body: Buffer.from('hello'),
  });
  assert.deepEqual(answer, { status: 200, body: 'POST /p?q=1 svc hello', type: 'text/x' });
});

test('every way in which there is no answer has its name', async (t) => {
  const silent = await tcpUpstream(t, () => {});
  const closing = await tcpUpstream(t, (socket) => socket.destroy());
  const { port: large } = await upstream(t, (_, response) => void response.end('x'.repeat(100)));
  const { context, ref } = startClusters(t, []);
  const unknown = new Promise((resolve) => {
    callHttp(context, ref('nobody'), get, (result) => resolve(result.kind === 'failure' && result.reason));
  });
  assert.equal(await unknown, 'no_cluster');
  assert.equal(await callOne(t, cluster('empty', [])), 'no_host');
  assert.equal(await callOne(t, cluster('silent', [silent]), { timeoutMs: 30 }), 'timeout');
  assert.equal(await callOne(t, cluster('closing', [closing])), 'reset');
  assert.equal(await callOne(t, cluster('large', [large]), { maxBodyBytes: 99 }), 'too_large');
  const none = { ...defaultThresholds, maxRequests: 0 };
  const closed = cluster('closed', [large], { circuitBreakers: { default: none, high: none } });
  assert.equal(await callOne(t, closed), 'overflow');
});

test('answers to calls count for their cluster by their status, and 503 where there is none', async (t) => {
  const { port } = await upstream(t, (_, response) => void response.writeHead(404).end());
  const closing = await tcpUpstream(t, (socket) => socket.destroy());
  const { context, ref } = startClusters(t, [cluster('up', [port]), cluster('closing', [closing])]);
  for (const name of ['up', 'closing'])
    await new Promise((resolve) => callHttp(context, ref(name), get, resolve));
  assert.equal(ref('up').cluster?.stats.n.upstreamRq4xx, 1);
  assert.equal(ref('up').cluster?.stats.n.upstreamRqCompleted, 1);
  assert.equal(ref('closing').cluster?.stats.n.upstreamRq5xx, 1);
});

test('a call that is cancelled is not heard of, and gives its place back', async (t) => {
  const asked = Promise.withResolvers<void>();
  const { port } = await upstream(t, () => asked.resolve());
  const { context, ref } = startClusters(t, [cluster('up', [port])]);
  const call = callHttp(context, ref('up'), get, () => assert.fail('nobody waits for it'));
  await asked.promise;
  assert.equal(ref('up').cluster?.breakers('default').requests, 1);
  call.cancel();
  call.cancel();
  assert.equal(ref('up').cluster?.breakers('default').requests, 0);
});

test('a unary method of gRPC is called by the cluster, and its status is told', async (t) => {
  const server = createGrpcServer();
  server.unary(RateLimitService.shouldRateLimit, ({ domain }): RateLimitResponse => {
    if (domain === 'bad') throw new GrpcError('PERMISSION_DENIED', 'not you');
    return { overallCode: domain === 'full' ? 'OVER_LIMIT' : 'OK' };
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  const { context, ref } = startClusters(t, [http2Cluster('limits', [port])]);
  const ask = (domain: string): Promise<GrpcResult<RateLimitResponse>> =>
    new Promise((resolve) => {
      const target = { cluster: ref('limits'), timeoutMs: 1_000, metadata: [] };
      callGrpc(context, target, RateLimitService.shouldRateLimit, { domain }, resolve);
    });
  assert.deepEqual(await ask('full'), { kind: 'answer', message: { overallCode: 'OVER_LIMIT' } });
  assert.deepEqual(await ask('bad'), { kind: 'failure', timedOut: false, status: 7, detail: 'not you' });
});
