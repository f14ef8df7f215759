import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import {
  ask,
  cluster,
  exchangeRaw,
  keptAccessLog,
  routeTo,
  serveHttp,
  statOf,
  tcpUpstream,
  upstream,
} from './testing/harness.ts';
import { http2Cluster, http2Upstream } from './testing/http2-peers.ts';

const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

test('requests that a client sends at once are answered in their order', async (t) => {
  const { port: up } = await upstream(t, (request, response) => {
    // The later a request was sent, the sooner its answer would be there.
    const nth = Number(request.url?.slice(1));
    setTimeout(() => response.end(`answer ${nth}`), 40 - 10 * nth);
  });
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  const requests = [0, 1, 2, 3].map(
    (nth) => `GET /${nth} HTTP/1.1\r\nhost: a\r\n${nth === 3 ? 'connection: close\r\n' : ''}\r\n`,
  );
  const text = await exchangeRaw(port, requests.join(''));
  assert.deepEqual(text.match(/answer \d/g), ['answer 0', 'answer 1', 'answer 2', 'answer 3']);
  assert.equal(statOf(dataPlane, 'http.http.downstream_cx_total'), 1);
});

/** An endpoint that answers the first request of each connection and drops the connection at the second. */
async function endpointThatLeaves(t: Parameters<typeof tcpUpstream>[0]) {
  const heard: string[] = [];
  const port = await tcpUpstream(t, (socket: Socket) => {
    let requests = 0;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      heard.push(bytes.toString('latin1').split(' ', 1)[0] ?? '');
      if (++requests === 1) socket.write(answer);
      else socket.resetAndDestroy();
    });
  });
  return { heard, port };
}

test('a request that meets a connection which its endpoint is closing goes out once more', async (t) => {
  const { heard, port: up } = await endpointThatLeaves(t);
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  assert.equal((await ask(port, '/')).status, 200);
  const second = await ask(port, '/');
  assert.equal(second.status, 200);
  assert.equal(second.body, 'ok');
  assert.deepEqual(heard, ['GET', 'GET', 'GET']);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_total'), 2);
});

test('a request that may not be seen twice is not sent again', async (t) => {
  const { heard, port: up } = await endpointThatLeaves(t);
  const { port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  assert.equal((await ask(port, '/')).status, 200);
  const second = await ask(port, '/', { method: 'POST', body: 'x' });
  assert.equal(second.status, 503);
  assert.deepEqual(heard, ['GET', 'POST']);
});

test('logs tell which connections to endpoints requests went over', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end());
  const other = await http2Upstream(t, (stream) => stream.respond({ ':status': 204 }, { endStream: true }));
  const log = keptAccessLog('%UPSTREAM_CONNECTION_ID%');
  const clusters = [cluster('up', [up]), http2Cluster('h2', [other.port])];
  const routes = [
    { ...routeTo('h2'), match: { ...routeTo('h2').match, path: { kind: 'prefix' as const, value: '/h2' } } },
    routeTo('up'),
  ];
  const { port } = await serveHttp(t, routes, clusters, { accessLogs: log.accessLogs }, log.options);
  for (const path of ['/', '/', '/h2', '/h2']) await ask(port, path);
  const [first, second, third, fourth] = log.lines.map(Number);
  assert.ok(Number.isInteger(first) && Number.isInteger(third));
  assert.deepEqual([second, fourth], [first, third]);
  assert.notEqual(first, third);
});
