import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import {
  defaultForward,
  defaultListener,
  defaultFilterChain,
  defaultTcpProxy,
  defaultRoute,
  defaultRouteConfiguration,
  defaultVirtualHost,
  type Route,
} from './model/index.ts';
import {
  ask,
  cluster,
  exchangeRaw,
  httpListener,
  portOf,
  routeTable,
  routeTo,
  serveHttp,
  startDataPlane,
  tcpUpstream,
  upstream,
} from './testing/harness.ts';

test('a request is led to its cluster and the answer back, with the headers that the mesh adds', async (t) => {
  const { port: up } = await upstream(t, (request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ url: request.url, headers: request.headers }));
  });
  const { port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])], { serverName: 'istio-envoy' });
  const { status, headers, body } = await ask(port, '/a/b?c=d', {
    headers: { 'X-Case': 'Kept', host: 'svc.example' },
  });
  assert.equal(status, 200);
  assert.equal(headers['server'], 'istio-envoy');
  assert.match(String(headers['x-envoy-upstream-service-time']), /^\d+$/);
  const seen = JSON.parse(body) as { url: string; headers: Record<string, string> };
  assert.equal(seen.url, '/a/b?c=d');
  assert.equal(seen.headers['host'], 'svc.example');
  assert.equal(seen.headers['x-case'], 'Kept');
  assert.equal(seen.headers['x-forwarded-proto'], 'http');
  assert.match(seen.headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/);
});

test('bytes, connection times and request times are counted for both sides', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('x'.repeat(10_000)));
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  await ask(port, '/', { method: 'POST', body: 'y'.repeat(5_000) });
  const stats = dataPlane.stats.text();
  const value = (name: string): number =>
    Number(new RegExp(`^${name.replaceAll('.', '\\.')}: (\\d+)$`, 'm').exec(stats)?.[1]);
  for (const [name, least] of [
    ['http.http.downstream_cx_rx_bytes_total', 5_000],
    ['http.http.downstream_cx_tx_bytes_total', 10_000],
    ['cluster.up.upstream_cx_tx_bytes_total', 5_000],
    ['cluster.up.upstream_cx_rx_bytes_total', 10_000],
  ] as const) {
    assert.ok(value(name) > least && value(name) < least + 500, `${name}: ${value(name)}`);
  }
  assert.match(stats, /^cluster\.up\.upstream_rq_time: P0/m);
  assert.match(stats, /^cluster\.up\.upstream_cx_connect_ms: P0/m);
});

test('bodies of any size and framing pass unchanged in both directions', async (t) => {
  const { port: up } = await upstream(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const all = Buffer.concat(chunks);
      if (request.url === '/chunked') {
        for (let at = 0; at < all.length; at += 7_000) response.write(all.subarray(at, at + 7_000));
        response.end();
      } else {
        response.setHeader('content-length', all.length);
        response.end(all);
      }
    });
  });
  const { port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  for (const size of [0, 1, 1_000, 70_000, 3_000_000]) {
    const body = 'abcdefghij'.repeat(size / 10 + 1).slice(0, size);
    for (const path of ['/chunked', '/length']) {
      const answer = await ask(port, path, { method: 'POST', body });
      assert.equal(answer.status, 200);
      assert.ok(answer.body === body, `${path} ${size}: ${answer.body.length}`);
    }
  }
});

test('requests go by weight, the same request count to each share within its bound', async (t) => {
  const counts = { a: 0, b: 0 };
  const { port: a } = await upstream(t, (_request, response) => void (counts.a++, response.end('a')));
  const { port: b } = await upstream(t, (_request, response) => void (counts.b++, response.end('b')));
  const none = { add: [], remove: [] };
  const weighted = (name: string, weight: number) => ({
    name,
    weight,
    requestHeaders: none,
    responseHeaders: none,
    filterConfig: {},
  });
  const route: Route = defaultRoute({
    ...defaultForward(''),
    cluster: { kind: 'weighted', clusters: [weighted('a', 75), weighted('b', 25)] },
  });
  let seed = 4711;
  const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const { port } = await serveHttp(t, [route], [cluster('a', [a]), cluster('b', [b])], {}, { random });
  for (let i = 0; i < 200; i++) await ask(port);
  assert.equal(counts.a + counts.b, 200);
  assert.ok(Math.abs(counts.a - 150) < 25, `${counts.a} of 200`);
});

test('no route is 404 NR, no cluster 503 NC, no endpoint 503 UH, a refused connection 503 UF', async (t) => {
  const lines: string[] = [];
  const closed = await tcpUpstream(t, () => {});
  const match = (value: string) => ({
    match: { ...routeTo('').match, path: { kind: 'exact' as const, value } },
  });
  const routes = [
    { ...routeTo('missing'), ...match('/nc') },
    { ...routeTo('empty'), ...match('/uh') },
    { ...routeTo('refused'), ...match('/uf') },
  ];
  const { port, dataPlane } = await serveHttp(
    t,
    routes,
    [cluster('empty', []), cluster('refused', [1]), cluster('unused', [closed])],
    {
      accessLogs: [
        {
          name: 'log',
          sink: { kind: 'stdout' },
          format: { kind: 'text', text: '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n' },
        },
      ],
    },
    { writeAccessLog: (_sink, text) => void lines.push(text.trim()) },
  );
  const answers = [];
  for (const path of ['/nr', '/nc', '/uh', '/uf']) answers.push(await ask(port, path));
  assert.deepEqual(
    answers.map((a) => a.status),
    [404, 503, 503, 503],
  );
  assert.deepEqual(
    answers.slice(0, 3).map((a) => a.body),
    ['', '', 'no healthy upstream'],
  );
  assert.equal(
    answers[3]?.body,
    'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure',
  );
  assert.deepEqual(lines, [
    '404 NR route_not_found',
    '503 NC cluster_not_found',
    '503 UH no_healthy_upstream',
    '503 UF upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}',
  ]);
  assert.match(dataPlane.stats.text(), /^cluster\.refused\.upstream_cx_connect_fail: 1$/m);
});

test('an endpoint that closes without an answer is 503 UC, one that breaks off resets the client', async (t) => {
  const up = await tcpUpstream(t, (socket) => {
    socket.on('data', (bytes) => {
      if (bytes.toString().startsWith('POST /before')) socket.destroy();
      else socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this');
    });
  });
  const { port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  const before = await ask(port, '/before', { method: 'POST', body: 'x' });
  assert.equal(before.status, 503);
  assert.match(before.body, /reset reason: connection termination$/);
  await assert.rejects(ask(port, '/after'));
});

test('a kept connection that the endpoint has closed unseen costs no request', async (t) => {
  let accepted = 0;
  const up = await tcpUpstream(t, (socket) => {
    accepted++;
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      // The second request on the same connection finds it dead.
      socket.once('data', () => socket.resetAndDestroy());
    });
  });
  const { port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  assert.equal((await ask(port)).status, 200);
  assert.equal((await ask(port)).status, 200);
  assert.equal(accepted, 2);
  assert.equal((await ask(port, '/', { method: 'POST', body: 'may not be sent twice' })).status, 503);
});

test('retries follow the policy: another host, the count in the header, and URX when they are used up', async (t) => {
  let tries = 0;
  const attemptsSeen: (string | undefined)[] = [];
  const { port: up } = await upstream(t, (request, response) => {
    tries++;
    attemptsSeen.push(request.headers['x-envoy-attempt-count'] as string | undefined);
    response.statusCode = request.url === '/always' || tries < 3 ? 503 : 200;
    response.end(String(tries));
  });
  const retryPolicy = {
    retryOn: ['5xx'],
    retriableStatusCodes: [],
    retriableHeaders: [],
    numRetries: 2,
    backoffBaseMs: 1,
    backoffMaxMs: 5,
    avoidPreviousHosts: false,
    hostSelectionMaxAttempts: 1,
    retriableRequestHeaders: [],
    rateLimitedResetHeaders: [],
  };
  const lines: string[] = [];
  const dataPlane = startDataPlane(t, { writeAccessLog: (_sink, text) => void lines.push(text.trim()) });
  const routes = [defaultRoute({ ...defaultForward('up'), retryPolicy })];
  const counting = { ...defaultVirtualHost('all', ['*'], routes), includeRequestAttemptCount: true };
  await dataPlane.update({
    clusters: { set: [cluster('up', [up])] },
    listeners: {
      set: [
        httpListener(defaultRouteConfiguration('routes', [counting]), {
          accessLogs: [
            { name: 'log', sink: { kind: 'stdout' }, format: { kind: 'text', text: '%RESPONSE_FLAGS%' } },
          ],
        }),
      ],
    },
  });
  const port = portOf(dataPlane);
  const good = await ask(port, '/', { method: 'POST', body: 'kept for the next try' });
  assert.equal(good.body, '3');
  assert.deepEqual(attemptsSeen, ['1', '2', '3']);
  const bad = await ask(port, '/always');
  assert.equal(bad.status, 503);
  assert.equal(tries, 6);
  assert.deepEqual(lines, ['-', 'URX']);
});

test('a request that takes too long is 504 UT, and the endpoint hears of it', async (t) => {
  const gone = Promise.withResolvers<void>();
  const { port: up } = await upstream(t, (request) => void request.socket.on('close', () => gone.resolve()));
  const { port } = await serveHttp(
    t,
    [defaultRoute({ ...defaultForward('up'), timeoutMs: 50 })],
    [cluster('up', [up])],
  );
  const { status, body } = await ask(port);
  assert.equal(status, 504);
  assert.equal(body, 'upstream request timeout');
  await gone.promise;
});

test('what a client abandons is abandoned at the endpoint', async (t) => {
  const started = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const { port: up } = await upstream(t, (request) => {
    started.resolve();
    request.socket.on('close', () => gone.resolve());
  });
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await started.promise;
  socket.destroy();
  await gone.promise;
  assert.match(dataPlane.stats.text(), /^http\.http\.downstream_rq_rx_reset: 1$/m);
});

test('a slow reader does not make the proxy hold the answer', async (t) => {
  const total = 32 * 1024 * 1024;
  let written = 0;
  const { port: up } = await upstream(t, (_request, response) => {
    const block = Buffer.alloc(64 * 1024, 'x');
    const more = (): void => {
      while (written < total) {
        written += block.length;
        if (!response.write(block)) {
          response.once('drain', more);
          return;
        }
      }
      response.end();
    };
    more();
  });
  const { port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(written < total / 2, `${written} bytes were taken from the endpoint`);
  let received = 0;
  socket.on('data', (chunk) => (received += chunk.length));
  socket.resume();
  await once(socket, 'close');
  assert.ok(received > total);
});

test('WebSocket passes when the upgrade is allowed, and is refused when it is not', async (t) => {
  const { port: up, server } = await upstream(t, (_request, response) => response.end());
  server.on('upgrade', (_request, socket) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello ',
    );
    socket.on('data', (bytes: Buffer) => socket.end(`echo ${bytes.toString()}`));
  });
  const head = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  const clusters = [cluster('up', [up])];
  const open = await serveHttp(t, [routeTo('up')], clusters, {
    upgrades: [{ type: 'websocket', enabled: true }],
  });
  const text = await exchangeRaw(open.port, `${head}frame`);
  assert.match(text, /^HTTP\/1\.1 101 [^]*upgrade: websocket\r\n\r\nhello echo frame$/);
  const shut = await serveHttp(t, [routeTo('up')], clusters);
  assert.match(await exchangeRaw(shut.port, head, { end: true }), /^HTTP\/1\.1 403 /);
});

test('a listener that cannot be used is refused with the reason, and the one before goes on', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('still here'));
  const { dataPlane, port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  const bad = { ...routeTable([routeTo('nowhere')]), validateClusters: true };
  const { refused } = await dataPlane.update({ listeners: { set: [httpListener(bad)] } });
  assert.equal(refused.length, 1);
  assert.match(
    refused[0]?.problems[0]?.path ?? '',
    /filters\[0\]\.typed_config\.route_config\.virtual_hosts\[0\]\.routes\[0\]\.route/,
  );
  assert.equal((await ask(port)).body, 'still here');
});

test('routes change between two requests of one connection', async (t) => {
  const { port: a } = await upstream(t, (_request, response) => response.end('a'));
  const { port: b } = await upstream(t, (_request, response) => response.end('b'));
  const dataPlane = startDataPlane(t);
  const listener = httpListener(routeTable([]), { routes: { kind: 'rds', name: 'routes' } });
  await dataPlane.update({
    clusters: { set: [cluster('a', [a]), cluster('b', [b])] },
    routes: { set: [routeTable([routeTo('a')])] },
    listeners: { set: [listener] },
  });
  const socket = connect(portOf(dataPlane), '127.0.0.1');
  t.after(() => socket.destroy());
  const next = async (): Promise<string> => {
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    return bytes.toString().at(-1) ?? '';
  };
  assert.equal(await next(), 'a');
  await dataPlane.update({ routes: { set: [routeTable([routeTo('b')])] } });
  assert.equal(await next(), 'b');
});

test('draining stops accepting, tells clients to go, and waits for what is under way', async (t) => {
  const started = Promise.withResolvers<void>();
  let finish = (): void => {};
  const { port: up } = await upstream(t, (_request, response) => {
    finish = () => response.end('done');
    started.resolve();
  });
  const { dataPlane, port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  const answer = ask(port);
  await started.promise;
  const drained = dataPlane.drain(5_000);
  await assert.rejects(ask(port));
  finish();
  const { body, headers } = await answer;
  assert.equal(body, 'done');
  assert.equal(headers['connection'], 'close');
  assert.deepEqual(await drained, { activeConnections: 0 });
});

test('TCP is passed on in both directions, each ending by itself', async (t) => {
  const up = await tcpUpstream(t, (socket) => {
    let text = '';
    socket.on('data', (bytes) => (text += bytes.toString()));
    socket.on('end', () => socket.end(`got ${text}`));
  });
  const dataPlane = startDataPlane(t);
  await dataPlane.update({
    clusters: { set: [cluster('up', [up])] },
    listeners: {
      set: [
        defaultListener('main', { kind: 'socket', address: '127.0.0.1', port: 0 }, [
          defaultFilterChain([defaultTcpProxy('up')]),
        ]),
      ],
    },
  });
  assert.equal(await exchangeRaw(portOf(dataPlane), 'some bytes', { end: true }), 'got some bytes');
});
