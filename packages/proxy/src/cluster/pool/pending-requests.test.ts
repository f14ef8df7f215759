import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import { test } from 'node:test';
import { clusterFromJson } from '../../testing/envoy-config.ts';
import {
  ask,
  cluster,
  routeTo,
  serveHttp,
  statOf,
  until,
  upstream,
  type Closers,
} from '../../testing/harness.ts';
import { http2Cluster, http2Upstream } from '../../testing/http2-peers.ts';

const circuitBreakers = clusterFromJson('up', [1], {
  circuit_breakers: { thresholds: [{ max_connections: 1, max_pending_requests: 1, max_requests: 1 }] },
}).circuitBreakers;

/** How an endpoint ends a request that it holds. */
type End = () => void;

/** Endpoints that hold every request, and end it as they are told; with their cluster of one request at a time. */
const endpoints = {
  'HTTP/1, an answer with a body': (t: Closers, held: End[]) =>
    http1(t, held, (response) => response.end('ok')),
  'HTTP/1, an answer without a body': (t: Closers, held: End[]) =>
    http1(t, held, (response) => response.writeHead(204).end()),
  'HTTP/2, an answer with a body': (t: Closers, held: End[]) =>
    http2(t, held, (stream) => {
      stream.respond({ ':status': 200 });
      stream.end('ok');
    }),
  'HTTP/2, an answer without a body': (t: Closers, held: End[]) =>
    http2(t, held, (stream) => stream.respond({ ':status': 204 }, { endStream: true })),
  'HTTP/2, a reset': (t: Closers, held: End[]) => http2(t, held, (stream) => stream.close(2)),
};

async function http1(t: Closers, held: End[], end: (response: ServerResponse) => void) {
  const { port } = await upstream(t, (_request, response) => held.push(() => end(response)));
  return cluster('up', [port], { circuitBreakers });
}

async function http2(t: Closers, held: End[], end: (stream: ServerHttp2Stream) => void) {
  const settings = { maxConcurrentStreams: 1 };
  const { port } = await http2Upstream(t, (stream) => held.push(() => end(stream)), settings);
  return http2Cluster('up', [port], { circuitBreakers });
}

for (const [what, start] of Object.entries(endpoints)) {
  test(`${what}: one request may be under way and one wait, which is attached when the first is over`, async (t) => {
    const held: End[] = [];
    const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [await start(t, held)]);
    const stat = (name: string): number => statOf(dataPlane, `cluster.up.${name}`);
    const hostStats = () => dataPlane.clusters()[0]!.endpoints[0]!.stats;
    // What an endpoint of HTTP/2 takes at a time is known after the first.
    const before = ask(port);
    await until(() => held.length > 0);
    held.shift()?.();
    await before;
    const first = ask(port);
    await until(() => held.length > 0);
    const errors = hostStats().rq_error;
    const second = ask(port);
    await until(() => stat('upstream_rq_pending_active') === 1);
    assert.equal(stat('circuit_breakers.default.rq_open'), 1);
    assert.equal((await ask(port)).status, 503);
    assert.equal(stat('upstream_rq_pending_overflow'), 1);
    // One is under way, one waits, and of the one that was refused the host knows nothing.
    const { rq_active, rq_pending_active, rq_error } = hostStats();
    assert.deepEqual([rq_active, rq_pending_active, rq_error], [1, 1, errors]);
    const statuses = Promise.all([first, second]).then((answers) => answers.map(({ status }) => status));
    let over = false;
    void statuses.finally(() => (over = true));
    await until(() => {
      held.shift()?.();
      return over;
    });
    const { status } = await before;
    assert.deepEqual(await statuses, [status, status]);
    assert.equal(stat('upstream_rq_pending_overflow'), 1);
    assert.equal(stat('upstream_cx_total'), 1);
    assert.equal(stat('circuit_breakers.default.rq_open'), 0);
  });
}

test('a request that has waited is refused where others are too many by then', async (t) => {
  const held: End[] = [];
  const high = clusterFromJson('up', [1], {
    circuit_breakers: { thresholds: [{ max_connections: 2, max_requests: 1 }] },
  }).circuitBreakers;
  const model = { ...(await http1(t, held, (response) => response.end())), circuitBreakers: high };
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [model]);
  const first = ask(port);
  await until(() => held.length > 0);
  // It makes a connection, as there may be two, and finds the place taken when that is there.
  assert.equal((await ask(port)).status, 503);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_total'), 2);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_active_overflow'), 1);
  held.shift()?.();
  assert.equal((await first).status, 200);
  assert.equal(statOf(dataPlane, 'cluster.up.circuit_breakers.default.rq_open'), 0);
});
