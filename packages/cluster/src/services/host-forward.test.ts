import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, test } from 'node:test';
import { systemClock } from '@lateen/core';
import { forwardConnections } from './host-forward.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A forwarder to a target that `onConnection` plays; returns a connected client. */
async function through(onConnection: (socket: Socket) => void): Promise<Socket> {
  const target = await listening(createServer({ allowHalfOpen: true }, onConnection));
  const front = createServer({ pauseOnConnect: true });
  const port = await listening(front);
  const forward = forwardConnections(front, () => ({ host: '127.0.0.1', port: target }), systemClock);
  ends.push(() => forward.close());
  const client = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  ends.push(() => client.destroy());
  await once(client, 'connect');
  return client;
}

/** What comes until the other side ends; leaves the own side open, as an async iterator would not. */
function readAll(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.once('end', () => resolve(text));
  });
}

test('a client may end its side and still gets the whole answer', async () => {
  const client = await through((socket) => {
    void readAll(socket).then((question) => socket.end(`you said ${question}`));
  });
  client.end('hello');
  assert.equal(await readAll(client), 'you said hello');
});

test('a server may end its side first and still reads what the client sends', async () => {
  const heard = Promise.withResolvers<string>();
  const client = await through((socket) => {
    socket.end('bye');
    void readAll(socket).then(heard.resolve);
  });
  assert.equal(await readAll(client), 'bye');
  client.end('late');
  assert.equal(await heard.promise, 'late');
});

test('much data passes whole', async () => {
  const bytes = 32 * 1024 * 1024;
  const client = await through((socket) => {
    socket.resume();
    socket.end(Buffer.alloc(bytes, 1));
  });
  let got = 0;
  for await (const chunk of client as AsyncIterable<Buffer>) got += chunk.length;
  assert.equal(got, bytes);
});

test('a connection that breaks on one side breaks on the other', async () => {
  const reset = Promise.withResolvers<void>();
  const client = await through((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.resetAndDestroy());
  });
  client.on('error', () => {});
  client.once('close', () => reset.resolve());
  client.write('x');
  await reset.promise;

  const gone = Promise.withResolvers<void>();
  const other = await through((socket) => {
    socket.on('error', () => {});
    socket.on('close', () => gone.resolve());
    socket.resume();
  });
  other.resetAndDestroy();
  await gone.promise;
});

test('where nobody answers, the client is let go', async () => {
  const front = createServer();
  const port = await listening(front);
  const forward = forwardConnections(front, () => ({ host: '127.0.0.1', port: 1 }), systemClock);
  ends.push(() => forward.close());
  const client = connect(port, '127.0.0.1');
  client.on('error', () => {});
  await new Promise((resolve) => client.once('close', resolve));
});

test('a backend that comes a moment late is found', async () => {
  const reserved = createServer();
  const late = await listening(reserved);
  await new Promise((resolve) => reserved.close(resolve));
  const front = createServer();
  const port = await listening(front);
  const waits: (() => void)[] = [];
  const clock = { ...systemClock, after: (_: number, run: () => void) => (waits.push(run), { cancel() {} }) };
  const forward = forwardConnections(front, () => ({ host: '127.0.0.1', port: late }), clock);
  ends.push(() => forward.close());
  const client = connect(port, '127.0.0.1');
  ends.push(() => client.destroy());
  client.end('hello');
  const answer = readAll(client);
  while (waits.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const backend = createServer({ allowHalfOpen: true }, (socket) => {
    void readAll(socket).then((question) => socket.end(`late ${question}`));
  });
  backend.listen(late, '127.0.0.1');
  ends.push(() => backend.close());
  await once(backend, 'listening');
  waits[0]?.();
  assert.equal(await answer, 'late hello');
});
