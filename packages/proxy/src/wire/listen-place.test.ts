import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { listenPlace } from './listen-place.ts';

test('an address of numbers is bound at once, and a server listens on it', async () => {
  const server = createServer();
  server.listen(listenPlace({ kind: 'socket', address: '127.0.0.1', port: 0 }, true));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  assert.throws(
    () => {
      const other = createServer();
      other.listen(listenPlace({ kind: 'socket', address: '127.0.0.1', port }, true));
    },
    { code: 'EADDRINUSE' },
  );
  server.close();
});

test('a name is left to Node to look up', () => {
  assert.deepEqual(listenPlace({ kind: 'socket', address: 'localhost', port: 80 }, true), {
    host: 'localhost',
    port: 80,
  });
  assert.deepEqual(listenPlace({ kind: 'socket', address: 'localhost', port: 80 }, false), {
    host: 'localhost',
    port: 80,
    exclusive: true,
  });
});
