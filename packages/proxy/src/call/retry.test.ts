import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromJson } from '@lateen/protocol';
import { createGrpcServer, GrpcError } from '@lateen/protocol/grpc';
import { GrpcService } from '@lateen/protocol/envoy/config/core/v3';
import { RateLimitService, type RateLimitResponse } from '@lateen/protocol/envoy/service/ratelimit/v3';
import { decodeGrpcService } from '../decode/grpc-service.ts';
import { Scope } from '../decode/scope.ts';
import type { RetryPolicy } from '../model/index.ts';
import { compileRetryPolicy } from '../route/retry-policy.ts';
import { cluster, until, upstream, type Closers } from '../testing/harness.ts';
import { http2Cluster } from '../testing/http2-peers.ts';
import { grpcTarget } from './grpc-target.ts';
import { callGrpc, callHttp, type CallRequest, type GrpcResult } from './index.ts';
import { startClusters } from './testing/cluster-harness.ts';

const policy: RetryPolicy = {
  retryOn: ['5xx'],
  retriableStatusCodes: [],
  retriableHeaders: [],
  numRetries: 2,
  backoffBaseMs: 1,
  backoffMaxMs: 1,
  avoidPreviousHosts: false,
  hostSelectionMaxAttempts: 1,
  retriableRequestHeaders: [],
  rateLimitedResetHeaders: [],
};
const post: CallRequest = {
  method: 'POST',
  path: '/',
  authority: 'svc',
  headers: [['content-length', '5']],
  body: Buffer.from('hello'),
  timeoutMs: 5_000,
};

/** A server that answers its requests with these statuses, one after the other; 0: it breaks the connection. */
async function answering(t: Closers, statuses: readonly number[]) {
  const bodies: string[] = [];
  const { port } = await upstream(t, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const status = statuses[bodies.push(body) - 1] ?? 500;
      if (status === 0) request.socket.destroy();
      else response.writeHead(status).end(`answer ${bodies.length}`);
    });
  });
  const { context, ref } = startClusters(t, [cluster('up', [port])]);
  const ask = (request: Partial<CallRequest>): Promise<string> =>
    new Promise((resolve) => {
      callHttp(context, ref('up'), { ...post, ...request }, (result) =>
        resolve(result.kind === 'failure' ? result.reason : `${result.status} ${result.body.toString()}`),
      );
    });
  return { bodies, ask, context, ref };
}

test('a call is made again as its policy says, with its body, and counted', async (t) => {
  const { ask, bodies, ref } = await answering(t, [503, 0, 200]);
  assert.equal(await ask({ retry: compileRetryPolicy(policy) }), '200 answer 3');
  assert.deepEqual(bodies, ['hello', 'hello', 'hello']);
  const { cluster: used } = ref('up');
  assert.deepEqual([used?.stats.n.upstreamRqRetry, used?.breakers('default').retries], [2, 0]);
});

test('a call has its last answer when no try is left, or when the policy does not speak of it', async (t) => {
  const { ask, bodies } = await answering(t, [503, 503, 503, 404, 500]);
  assert.equal(await ask({ retry: compileRetryPolicy(policy) }), '503 answer 3');
  assert.equal(await ask({ retry: compileRetryPolicy(policy) }), '404 answer 4');
  assert.equal(await ask({}), '500 answer 5');
  assert.equal(bodies.length, 5);
});

test('a call that is cancelled while it waits to be made again is over', async (t) => {
  const { context, ref, bodies } = await answering(t, [503]);
  const retry = compileRetryPolicy({ ...policy, backoffBaseMs: 60_000, backoffMaxMs: 60_000 });
  const call = callHttp(context, ref('up'), { ...post, retry }, () => assert.fail('nobody waits for it'));
  const breakers = ref('up').cluster?.breakers('default');
  await until(() => breakers?.retries === 1);
  call.cancel();
  assert.deepEqual([breakers?.retries, breakers?.requests, bodies.length], [0, 0, 1]);
});

test('the policy of a service of gRPC says by which statuses it is called again', async (t) => {
  const message = fromJson(GrpcService, {
    envoy_grpc: {
      cluster_name: 'limits',
      retry_policy: { retry_back_off: { base_interval: '0.2s', max_interval: '4s' } },
    },
    retry_policy: {
      retry_on: 'unavailable',
      num_retries: 1,
      retry_back_off: { base_interval: '0.001s', max_interval: '3s' },
    },
  });
  assert.ok(message.ok);
  const service = decodeGrpcService(Scope.root(), message.value);
  assert.deepEqual(service.reopening, { baseMs: 200, maxMs: 4_000 });
  let calls = 0;
  const server = createGrpcServer();
  server.unary(RateLimitService.shouldRateLimit, (): RateLimitResponse => {
    calls++;
    if (calls % 2 === 1) throw new GrpcError(calls === 3 ? 'PERMISSION_DENIED' : 'UNAVAILABLE', 'not now');
    return { overallCode: 'OK' };
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  const { context, ref } = startClusters(t, [http2Cluster('limits', [port])]);
  const target = grpcTarget(service, { clusterRef: ref }, 5_000);
  const ask = (): Promise<GrpcResult<unknown>> =>
    new Promise((resolve) => {
      callGrpc(context, target, RateLimitService.shouldRateLimit, { domain: 'd' }, resolve);
    });
  assert.equal((await ask()).kind, 'answer');
  assert.equal(calls, 2);
  const denied = await ask();
  assert.deepEqual([denied.kind, calls], ['failure', 3]);
});
