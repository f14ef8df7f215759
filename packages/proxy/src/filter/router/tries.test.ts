import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { freePort } from '@lateen/testkit/free-port';
import { listenerFromJson } from '../../testing/envoy-config.ts';
import {
  defaultForward,
  defaultRoute,
  defaultRouteConfiguration,
  defaultThresholds,
  defaultVirtualHost,
  defaultUpstreamHttp,
  type ForwardAction,
  type RetryPolicy,
} from '../../model/index.ts';
import {
  ask,
  cluster,
  endpoint,
  httpListener,
  keptAccessLog,
  portOf,
  serveHttp,
  startDataPlane,
  statOf,
  until,
  upstream,
  type Closers,
} from '../../testing/harness.ts';

const retry: RetryPolicy = {
  retryOn: ['5xx'],
  retriableStatusCodes: [],
  retriableHeaders: [],
  numRetries: 2,
  backoffBaseMs: 1,
  backoffMaxMs: 2,
  avoidPreviousHosts: false,
  hostSelectionMaxAttempts: 3,
  retriableRequestHeaders: [],
  rateLimitedResetHeaders: [],
};

const forward = (more: Partial<ForwardAction> = {}): ForwardAction => ({ ...defaultForward('up'), ...more });

/** Fails so often, then answers with the number of the request. */
async function failing(t: Closers, times: number, status = 503): Promise<number> {
  let asked = 0;
  const { port } = await upstream(t, (_request, response) => {
    asked++;
    response.statusCode = asked > times ? 200 : status;
    response.end(String(asked));
  });
  return port;
}

/** Never answers. */
async function silent(t: Closers): Promise<number> {
  const { port } = await upstream(t, (request) => void request.resume());
  return port;
}

test('clients of the mesh ask for tries by headers, and endpoints do not see those', async (t) => {
  let asked = 0;
  const seen: string[] = [];
  const { port: up } = await upstream(t, (request, response) => {
    seen.push(...Object.keys(request.headers).filter((name) => /retry|retries|rq-timeout-ms$/.test(name)));
    response.statusCode = ++asked > 2 ? 200 : 502;
    response.end();
  });
  const { port, dataPlane } = await serveHttp(t, [defaultRoute(forward())], [cluster('up', [up])]);
  const headers = { 'x-envoy-retry-on': 'gateway-error', 'x-envoy-max-retries': '2' };
  assert.equal((await ask(port, '/', { headers })).status, 200);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_retry'), 2);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_retry_success'), 1);
  assert.deepEqual([...new Set(seen)], ['x-envoy-expected-rq-timeout-ms']);
});

test('further conditions come by headers: status codes, names of headers, gRPC statuses', async (t) => {
  const cases: [Record<string, string>, Record<string, string>, number][] = [
    [{ 'x-envoy-retry-on': 'retriable-status-codes', 'x-envoy-retriable-status-codes': '418, 419' }, {}, 418],
    [
      { 'x-envoy-retry-on': 'retriable-headers', 'x-envoy-retriable-header-names': 'x-again' },
      { 'x-again': 'y' },
      200,
    ],
    [{ 'x-envoy-retry-grpc-on': 'resource-exhausted' }, { 'grpc-status': '8' }, 200],
    [{ 'x-envoy-retry-on': 'envoy-ratelimited' }, { 'x-envoy-ratelimited': 'true' }, 429],
  ];
  for (const [headers, answer, status] of cases) {
    let asked = 0;
    const { port: up } = await upstream(t, (_request, response) => {
      if (++asked === 1) response.writeHead(status, answer).end('first');
      else response.end('second');
    });
    const { port } = await serveHttp(t, [defaultRoute(forward())], [cluster('up', [up])]);
    const got = await ask(port, '/', { headers });
    assert.equal(got.body, 'second', JSON.stringify(headers));
  }
});

test('an answer that was rate limited is not tried again by other conditions', async (t) => {
  let asked = 0;
  const { port: up } = await upstream(t, (_request, response) => {
    asked++;
    response.writeHead(503, { 'x-envoy-ratelimited': 'true' }).end();
  });
  const { port } = await serveHttp(t, [defaultRoute(forward({ retryPolicy: retry }))], [cluster('up', [up])]);
  assert.equal((await ask(port)).status, 503);
  assert.equal(asked, 1);
});

test('an endpoint that names a time to come back is left alone until then', async (t) => {
  let asked = 0;
  const { port: up } = await upstream(t, (_request, response) => {
    if (++asked > 1) {
      response.end();
      return;
    }
    const soon = Math.ceil((Date.now() + 100) / 1_000);
    response.writeHead(429, { 'x-reset': String(soon), 'x-ignored': 'soon' }).end();
    resetAt = soon * 1_000;
  });
  let resetAt = 0;
  const policy: RetryPolicy = {
    ...retry,
    retryOn: ['retriable-status-codes'],
    retriableStatusCodes: [429],
    rateLimitedResetHeaders: [
      { name: 'x-ignored', format: 'seconds' },
      { name: 'x-reset', format: 'unix' },
    ],
  };
  const { port, dataPlane } = await serveHttp(
    t,
    [defaultRoute(forward({ retryPolicy: policy }))],
    [cluster('up', [up])],
  );
  assert.equal((await ask(port)).status, 200);
  assert.ok(Date.now() >= resetAt - 5, 'it came back too early');
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_retry_backoff_ratelimited'), 1);
});

test('further tries leave out canaries, and hosts with metadata that the policy names', async (t) => {
  const good = await failing(t, 0);
  for (const [metadata, policy] of [
    [{ canary: true }, { omitCanaryHosts: true }],
    [{ stage: 'beta' }, { omitHostsWith: [{ 'envoy.lb': { stage: 'beta' } }] }],
  ] as const) {
    const bad = await failing(t, 1_000);
    const { port } = await serveHttp(
      t,
      [
        defaultRoute(
          forward({ retryPolicy: { ...retry, numRetries: 1, hostSelectionMaxAttempts: 5, ...policy } }),
        ),
      ],
      [cluster('up', [endpoint(bad, { metadata: { 'envoy.lb': metadata } }), good])],
    );
    for (let i = 0; i < 8; i++) assert.equal((await ask(port)).status, 200);
  }
});

test('a client may limit its time, of all and of one try, and endpoints are told', async (t) => {
  const expected: (string | undefined)[] = [];
  const { port: up } = await upstream(t, (request) => {
    expected.push(request.headers['x-envoy-expected-rq-timeout-ms'] as string | undefined);
  });
  const log = keptAccessLog('%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%');
  const { port, dataPlane } = await serveHttp(
    t,
    [defaultRoute(forward())],
    [cluster('up', [up])],
    { accessLogs: log.accessLogs },
    log.options,
  );
  const all = await ask(port, '/', { headers: { 'x-envoy-upstream-rq-timeout-ms': '400' } });
  assert.equal(all.status, 504);
  const one = await ask(port, '/', {
    headers: { 'x-envoy-upstream-rq-per-try-timeout-ms': '250', 'x-envoy-retry-on': '5xx' },
  });
  assert.equal(one.status, 504);
  assert.deepEqual(expected, ['400', '250', '250']);
  assert.deepEqual(log.lines, ['UT response_timeout', 'URX,UT upstream_per_try_timeout']);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_per_try_timeout'), 2);
});

test('a gRPC deadline limits the request where the route lets it, up to its cap', async (t) => {
  const deadlines: (string | undefined)[] = [];
  const { port: up } = await upstream(t, (request) => {
    deadlines.push(request.headers['grpc-timeout'] as string | undefined);
  });
  const { port } = await serveHttp(
    t,
    [defaultRoute(forward({ maxGrpcTimeoutMs: 60, grpcTimeoutOffsetMs: 5 }))],
    [cluster('up', [up])],
  );
  for (const value of ['30m', '10S']) {
    const headers = { 'content-type': 'application/grpc', 'grpc-timeout': value };
    const { status, headers: answer } = await ask(port, '/s/m', { method: 'POST', headers });
    assert.equal(status, 200);
    assert.equal(answer['grpc-message'], 'upstream request timeout');
  }
  assert.deepEqual(deadlines, ['25m', '60m']);
});

test('a try on which nothing moves is given up, one that goes on is not', async (t) => {
  const clock = new TestClock();
  const going = Promise.withResolvers<ServerResponse>();
  const { port: up } = await upstream(t, (request, response) => {
    if (request.url === '/still') {
      clock.advance(100);
      return;
    }
    response.write('a');
    going.resolve(response);
  });
  const { port, dataPlane } = await serveHttp(
    t,
    [defaultRoute(forward({ retryPolicy: { ...retry, retryOn: [], perTryIdleTimeoutMs: 80 } }))],
    [cluster('up', [up])],
    {},
    { clock },
  );
  const moves = request({ port, path: '/moves', agent: false }).end();
  const [answer] = (await once(moves, 'response')) as [IncomingMessage];
  const endpointAnswer = await going.promise;
  let body = '';
  for await (const chunk of answer) {
    body += String(chunk);
    if (body.length === 5) endpointAnswer.end();
    if (body.length >= 5) continue;
    // Less than the limit each time, and three times as much together.
    clock.advance(60);
    endpointAnswer.write('a');
  }
  assert.equal(body, 'aaaaa');
  assert.equal((await ask(port, '/still')).status, 504);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_per_try_idle_timeout'), 1);
});

test('a stream of a cluster lasts no longer than the cluster says', async (t) => {
  const up = await silent(t);
  const log = keptAccessLog('%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%');
  const { port, dataPlane } = await serveHttp(
    t,
    [defaultRoute(forward())],
    [cluster('up', [up], { http: { ...defaultUpstreamHttp, maxStreamDurationMs: 40 } })],
    { accessLogs: log.accessLogs },
    log.options,
  );
  assert.equal((await ask(port)).status, 504);
  assert.deepEqual(log.lines, ['504 UMSDR upstream_max_stream_duration_reached']);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_max_duration_reached'), 1);
});

test('a hedged try goes on beside the next one, and the first answer is taken', async (t) => {
  let asked = 0;
  let lost = 0;
  const bodies: string[] = [];
  const { port: up } = await upstream(t, (request, response) => {
    const mine = ++asked;
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      if (mine === 2) response.end('second');
    });
    response.on('close', () => {
      if (!response.writableFinished) lost++;
      if (lost === 1) firstLost.resolve();
    });
  });
  const firstLost = Promise.withResolvers<void>();
  const { port, dataPlane } = await serveHttp(
    t,
    [
      defaultRoute(
        forward({
          retryPolicy: { ...retry, retryOn: [], perTryTimeoutMs: 40 },
          hedgePolicy: { hedgeOnPerTryTimeout: true },
        }),
      ),
    ],
    [cluster('up', [up])],
  );
  const answer = await ask(port, '/', { method: 'POST', body: 'hello' });
  assert.equal(answer.body, 'second');
  await firstLost.promise;
  assert.deepEqual(bodies, ['hello', 'hello']);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_retry'), 1);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_active'), 0);
});

test('a hedged first try may still answer after the second was sent', async (t) => {
  let first: (() => void) | undefined;
  let asked = 0;
  const { port: up } = await upstream(t, (_request, response) => {
    if (++asked === 1) first = () => response.end('first');
    else first?.();
  });
  const { port, dataPlane } = await serveHttp(
    t,
    [
      defaultRoute(
        forward({
          retryPolicy: { ...retry, perTryTimeoutMs: 30, numRetries: 1 },
          hedgePolicy: { hedgeOnPerTryTimeout: true },
        }),
      ),
    ],
    [cluster('up', [up])],
  );
  assert.equal((await ask(port)).body, 'first');
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_active'), 0);
});

test('a hedged request starts with one try, whatever its policy says', async (t) => {
  let asked = 0;
  const { port: up } = await upstream(t, (_request, response) => {
    asked++;
    response.end('x');
  });
  const hosts = [
    {
      name: 'all',
      domains: ['*'],
      routes: [
        {
          match: { prefix: '/' },
          route: {
            cluster: 'up',
            hedge_policy: { initial_requests: 3, additional_request_chance: { numerator: 100 } },
          },
        },
      ],
    },
  ];
  const dataPlane = startDataPlane(t);
  const { refused } = await dataPlane.update({
    clusters: { set: [cluster('up', [up])] },
    listeners: { set: [listenerFromJson({ route_config: { name: 'routes', virtual_hosts: hosts } })] },
  });
  assert.deepEqual(refused, []);
  assert.equal((await ask(portOf(dataPlane))).status, 200);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_total'), 1);
  assert.equal(asked, 1);
});

test('a try after a time-out says so where the virtual host asks for it', async (t) => {
  const seen: (string | undefined)[] = [];
  const { port: up } = await upstream(t, (request, response) => {
    seen.push(request.headers['x-envoy-is-timeout-retry'] as string | undefined);
    if (seen.length > 1) response.writeHead(seen.length === 2 ? 503 : 200).end();
  });
  const { dataPlane, port } = await serveHttp(t, [], [cluster('up', [up])]);
  const route = defaultRoute(forward({ retryPolicy: { ...retry, perTryTimeoutMs: 30 } }));
  const host = { ...defaultVirtualHost('all', ['*'], [route]), includeIsTimeoutRetryHeader: true };
  assert.ok(port > 0);
  await dataPlane.update({
    listeners: { set: [httpListener(defaultRouteConfiguration('routes', [host]))] },
  });
  assert.equal((await ask(portOf(dataPlane))).status, 200);
  assert.deepEqual(seen, [undefined, 'true', 'false']);
});

test('a request that retries keeps its place among those that may, and another without one is an overflow, not at its limit', async (t) => {
  const up = await failing(t, Number.POSITIVE_INFINITY);
  const { port: late } = await upstream(t, (_request, response) => {
    response.statusCode = 503;
    response.end();
  });
  const one = { ...defaultThresholds, maxRetries: 1 };
  const limited = (name: string, at: number, thresholds: typeof one) => ({
    ...cluster(name, [at]),
    circuitBreakers: { default: thresholds, high: thresholds },
  });
  const log = keptAccessLog('%RESPONSE_FLAGS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%');
  const to = (name: string, path: string) => {
    const route = defaultRoute({ ...defaultForward(name), retryPolicy: retry });
    return { ...route, match: { ...route.match, path: { kind: 'prefix', value: path } as const } };
  };
  const { dataPlane, port } = await serveHttp(
    t,
    [to('none', '/none'), to('up', '/')],
    [limited('up', up, one), limited('none', late, { ...one, maxRetries: 0 })],
    { accessLogs: log.accessLogs },
    log.options,
  );
  assert.equal((await ask(port)).body, '3');
  assert.equal((await ask(port, '/none')).status, 503);
  assert.deepEqual(log.lines, ['URX 3', 'UO 1']);
  const counted = (cluster: string): readonly number[] =>
    ['', '_overflow', '_limit_exceeded'].map((what) =>
      statOf(dataPlane, `cluster.${cluster}.upstream_rq_retry${what}`),
    );
  assert.deepEqual(
    [counted('up'), counted('none')],
    [
      [2, 0, 1],
      [0, 1, 0],
    ],
  );
});

test('a body that grows too large for the next try while that is waited for is refused', async (t) => {
  const up = await failing(t, 1);
  const slow = { ...retry, backoffBaseMs: 3_600_000, backoffMaxMs: 3_600_000 };
  const route = { ...defaultRoute(forward({ retryPolicy: slow })), bufferLimitBytes: 10 };
  const log = keptAccessLog('%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%');
  const { dataPlane, port } = await serveHttp(
    t,
    [route],
    [cluster('up', [up])],
    { accessLogs: log.accessLogs },
    log.options,
  );
  const socket = connect(port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n12345');
  await until(() => statOf(dataPlane, 'cluster.up.upstream_rq_retry') === 1);
  socket.write('678901');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 507 /);
  socket.destroy();
  assert.deepEqual(log.lines, ['507 request_payload_exceeded_retry_buffer_limit']);
  assert.equal(statOf(dataPlane, 'cluster.up.retry_or_shadow_abandoned'), 1);
});

test('an answer that comes by a further try has no failure of the transport, as with Envoy', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end());
  const closed = await freePort();
  const log = keptAccessLog('%RESPONSE_CODE% %UPSTREAM_TRANSPORT_FAILURE_REASON%');
  const { port, dataPlane } = await serveHttp(
    t,
    [
      defaultRoute(
        forward({ retryPolicy: { ...retry, retryOn: ['connect-failure'], avoidPreviousHosts: true } }),
      ),
    ],
    [cluster('up', [up, closed])],
    { accessLogs: log.accessLogs },
    log.options,
  );
  for (let i = 0; i < 4; i++) assert.equal((await ask(port)).status, 200);
  assert.ok(statOf(dataPlane, 'cluster.up.upstream_cx_connect_fail') > 0);
  assert.deepEqual(new Set(log.lines), new Set(['200 -']));
});
