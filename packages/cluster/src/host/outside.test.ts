import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { connectFor, nameServers } from './outside.ts';
import type { HostMessage } from './messages.ts';

function ask(address: string, port: number): Promise<[HostMessage, Socket | undefined]> {
  return new Promise((resolve) => {
    connectFor({ type: 'connect', id: 5, address, port }, (message, socket) => resolve([message, socket]));
  });
}

test('a connection is handed over with the first word of the other side still in it', async (t) => {
  const server = createServer((socket) => socket.end('220 ready\r\n'));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const [message, socket] = await ask('127.0.0.1', port);
  assert.deepEqual(message, { type: 'connected', id: 5 });
  assert.ok(socket);
  assert.equal(await text(socket), '220 ready\r\n');
  socket.destroy();
});

test('a refusal is told with its code', async () => {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  const [message] = await ask('127.0.0.1', port);
  assert.deepEqual(message, { type: 'connect-failed', id: 5, reason: 'ECONNREFUSED' });
});

test('name servers are read from a resolv.conf and anything odd is passed over', () => {
  const conf =
    '# comment\nsearch a b\nnameserver 127.0.0.53\n nameserver ::1\nnameserver nonsense\noptions edns0\n';
  assert.deepEqual(nameServers(conf), ['127.0.0.53', '::1']);
});
