import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { runLoad } from './load.ts';

test('each connection makes its share of the calls, however fast others fail', async (t) => {
  const counts = new Map<unknown, number>();
  let slow: unknown;
  const server = createServer((request, response) => {
    slow ??= request.socket;
    counts.set(request.socket, (counts.get(request.socket) ?? 0) + 1);
    if (request.socket === slow) setImmediate(() => response.end());
    else response.writeHead(503).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { outcomes, sockets } = await runLoad(
    {
      url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
      connections: 3,
      qps: 0,
      calls: 32,
      durationMs: 0,
      timeoutMs: 5_000,
      method: 'GET',
      headers: {},
      payload: '',
      keepAlive: true,
    },
    new AbortController().signal,
  );
  assert.equal(outcomes.length, 32);
  assert.equal(sockets, 3);
  assert.deepEqual(
    [...counts.values()].sort((a, b) => a - b),
    [10, 10, 12],
  );
});
