import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { Turn } from '../wire/turn.ts';
import { PlainWire } from '../wire/plain-wire.ts';
import { takeConnections } from './accept.ts';

test('connections that wait are accepted in one pass of the event loop, and serve like any', async (t) => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const turn = new Turn();
  const readBuffer = Buffer.alloc(64 * 1024);
  let accepted = 0;
  let inFirstPass = 0;
  takeConnections(server, (handle) => {
    if (accepted++ === 0) setImmediate(() => (inFirstPass = accepted));
    const wire = new PlainWire(turn, handle, readBuffer);
    wire.handler = {
      onBytes: (buffer, start, end) => wire.write(buffer, start, end),
      onEnd: () => wire.end(),
      onDrain() {},
      onClose() {},
    };
    wire.resume();
  });
  const { port } = server.address() as AddressInfo;
  // The kernel completes them before the event loop goes on.
  const clients = Array.from({ length: 40 }, (): Socket => connect(port, '127.0.0.1'));
  await Promise.all(
    clients.map(async (client, i) => {
      client.write(`from ${i}`);
      const [echo] = (await once(client, 'data')) as [Buffer];
      assert.equal(echo.toString(), `from ${i}`);
      client.end();
      await once(client, 'close');
    }),
  );
  assert.equal(accepted, 40);
  assert.ok(inFirstPass > 1 && inFirstPass <= 16, `accepted ${inFirstPass} in the first pass`);
});

test('a server that is closed by what a connection brings accepts no more', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let accepted = 0;
  takeConnections(server, (handle) => {
    accepted++;
    handle.close(() => undefined);
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: 10 }, () => connect(port, '127.0.0.1'));
  await Promise.all(
    clients.map(
      (client) =>
        new Promise<void>((resolve) => {
          client.on('error', () => undefined);
          client.on('close', () => resolve());
        }),
    ),
  );
  assert.equal(accepted, 1);
});
