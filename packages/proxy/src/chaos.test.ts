import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Logger } from '@lateen/core';
import { silentLogger } from '@lateen/core';
import { defaultForward, defaultRoute } from './model/index.ts';
import { cluster, serveHttp, statOf, tcpUpstream, until } from './testing/harness.ts';

/** Random numbers that are the same in each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

const okAnswer = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';
const chunkedAnswer = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';

/** What an endpoint may do with a request. */
const answers: readonly ((socket: Socket) => void)[] = [
  (s) => s.write(okAnswer),
  (s) => s.write(okAnswer),
  (s) => s.write(chunkedAnswer),
  (s) => s.write(`${okAnswer}HTTP/1.1 200 OK\r\n`),
  (s) => s.end(okAnswer.slice(0, -2)),
  (s) => s.end(chunkedAnswer.slice(0, -6)),
  (s) => s.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'),
  (s) => s.end(),
  (s) => s.resetAndDestroy(),
  (s) => s.write('SSH-2.0-OpenSSH\r\n'),
  (s) => s.write('HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nhello'),
  (s) => s.write('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n'),
  (s) => s.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'),
  (s) => {
    s.write(okAnswer.slice(0, 20));
    setImmediate(() => s.write(okAnswer.slice(20)));
  },
  // Never answers.
  () => {},
];

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const post = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789';
const chunked = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n';

/** What a client may send. */
const requests: readonly string[] = [
  get,
  get + get + post,
  post,
  chunked,
  post.slice(0, -4),
  chunked.slice(0, -3),
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'garbage\r\n\r\n',
  `${get}\0\0\0`,
  'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc',
  '',
];

test('whatever clients and endpoints do, nothing is left over and nothing breaks', async (t) => {
  const random = seeded(20_261_120);
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const up = await tcpUpstream(t, (socket) => {
    socket.on('data', () => one(answers)(socket));
    socket.on('end', () => socket.end());
  });
  const bugs: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (message, fields) => void bugs.push(`${message} ${String(fields?.['error'])}`),
  };
  const retryPolicy = {
    retryOn: ['5xx', 'reset', 'connect-failure'],
    retriableStatusCodes: [],
    retriableHeaders: [],
    numRetries: 2,
    perTryTimeoutMs: 60,
    backoffBaseMs: 1,
    backoffMaxMs: 3,
    avoidPreviousHosts: false,
    hostSelectionMaxAttempts: 1,
    retriableRequestHeaders: [],
    rateLimitedResetHeaders: [],
  };
  const { port, dataPlane } = await serveHttp(
    t,
    [defaultRoute({ ...defaultForward('up'), timeoutMs: 150, retryPolicy, mirrors: [{ cluster: 'up' }] })],
    // The second endpoint refuses.
    [cluster('up', [up, 1])],
    { upgrades: [{ type: 'websocket', enabled: true }] },
    { logger, random },
  );
  const talk = async (): Promise<void> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    const closed = once(socket, 'close').catch(() => {});
    const bytes = one(requests);
    const cut = Math.floor(random() * bytes.length);
    socket.write(bytes.slice(0, cut));
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(bytes.slice(cut));
    const way = random();
    if (way < 0.2) socket.destroy();
    else if (way < 0.3) socket.resetAndDestroy();
    else if (way < 0.6) socket.end();
    else {
      const given = Promise.withResolvers<void>();
      const timer = setTimeout(given.resolve, 200);
      await Promise.race([closed, given.promise]);
      clearTimeout(timer);
      socket.destroy();
    }
    await closed;
  };
  for (let round = 0; round < 6; round++) await Promise.all(Array.from({ length: 60 }, talk));
  const left = await dataPlane.drain(2_000);
  assert.deepEqual(left, { activeConnections: 0 });
  // Mirrored requests outlive their clients, by their time-out at most.
  await until(() => statOf(dataPlane, 'cluster.up.upstream_rq_active') === 0);
  const stats = dataPlane.stats.text();
  assert.deepEqual(bugs, []);
  for (const gauge of [
    'cluster.up.upstream_rq_active',
    'cluster.up.upstream_rq_pending_active',
    'http.http.downstream_rq_active',
    'http.http.downstream_cx_active',
    'http.http.downstream_cx_upgrades_active',
    'listener.127.0.0.1_0.downstream_cx_active',
  ]) {
    assert.match(stats, new RegExp(`^${gauge.replaceAll('.', '\\.')}: 0$`, 'm'), gauge);
  }
  const [status] = dataPlane.clusters();
  for (const endpoint of status?.endpoints ?? []) assert.equal(endpoint.stats.rq_active, 0);
  assert.match(stats, /^cluster\.up\.upstream_rq_2xx: [1-9]/m);
});
