import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PlainWire } from './plain-wire.ts';
import type { SocketHandle } from './socket-handle.ts';
import { createTcpSocket, openSocketPoll } from './sockets.ts';
import { accepting, type Accepting } from './testing/accepting.ts';
import { Turn } from './turn.ts';

const skip = process.platform === 'linux' ? false : 'sockets are read in batches on Linux only';
const readBuffer = Buffer.alloc(4096);
const turn = new Turn();
let server: Accepting;
let port = 0;
let onConnection: (socket: SocketHandle) => void = () => {};

before(async () => {
  await openSocketPoll();
  server = await accepting((socket) => onConnection(socket));
  ({ port } = server);
});
after(() => server.close());

interface Peer {
  readonly wire: PlainWire;
  readonly client: Socket;
}

async function connectPeer(onBytes: (peer: Peer, text: string) => void): Promise<Peer> {
  const accepted = Promise.withResolvers<PlainWire>();
  onConnection = (handle) => accepted.resolve(new PlainWire(turn, handle, readBuffer));
  const client = connect(port, '127.0.0.1');
  client.on('error', () => {});
  const wire = await accepted.promise;
  const peer = { wire, client };
  wire.handler = {
    onBytes: (buffer, start, end) => onBytes(peer, buffer.toString('latin1', start, end)),
    onEnd() {},
    onDrain() {},
    onClose() {},
  };
  wire.resume();
  return peer;
}

/** Everything that is on its way has arrived. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => void setTimeout(resolve, 1));
}

test('connections that are ready together are read in one callback of the event loop', { skip }, async () => {
  let order = '';
  const peers: Peer[] = [];
  for (let i = 0; i < 8; i++) {
    peers.push(
      await connectPeer((_peer, text) => {
        order += text;
        // Runs when the callback is over, not between two connections.
        queueMicrotask(() => (order += '.'));
      }),
    );
  }
  for (const { client } of peers) client.write('x');
  // The bytes arrive while this thread does nothing else.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  await settle();
  assert.equal(order, 'xxxxxxxx........');
  for (const { wire, client } of peers) {
    wire.destroy();
    client.destroy();
  }
});

test('a connection that another one closes in the same batch is not read', { skip }, async () => {
  const read: Peer[] = [];
  const peers: Peer[] = [];
  for (let i = 0; i < 4; i++) {
    peers.push(
      await connectPeer((peer) => {
        read.push(peer);
        for (const other of peers) if (other !== peer) other.wire.destroy();
      }),
    );
  }
  for (const { client } of peers) client.write('x');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  await settle();
  assert.equal(read.length, 1);
  for (const { wire, client } of peers) {
    wire.destroy();
    client.destroy();
  }
});

test('more than fits into the buffer arrives whole and in order', { skip }, async () => {
  let got = '';
  const peer = await connectPeer((_peer, text) => (got += text));
  const sent = Array.from({ length: 20_000 }, (_, i) => `${i},`).join('');
  peer.client.end(sent);
  while (got.length < sent.length) await settle();
  assert.equal(got, sent);
  peer.wire.destroy();
});

test('a connection that is paused and resumed within a pass loses nothing and is read on', {
  skip,
}, async () => {
  let got = '';
  const peer = await connectPeer((_peer, text) => (got += text));
  for (let i = 0; i < 5; i++) {
    peer.wire.pause();
    peer.client.write(`a${i}`);
    await settle();
    assert.equal(got.endsWith(`a${i}`), false);
    peer.wire.resume();
    peer.client.write(`b${i}`);
    await settle();
    assert.ok(got.endsWith(`a${i}b${i}`), got);
  }
  peer.wire.destroy();
  peer.client.destroy();
});

test('a connection that the kernel cannot watch is told of as an error', { skip }, async () => {
  const told = Promise.withResolvers<number>();
  const socket = createTcpSocket();
  const noDescriptor = 100_000;
  socket.open(noDescriptor);
  const nothing = (): void => {};
  socket.own(
    {
      onHandleRead: told.resolve,
      onHandleWritten: nothing,
      onHandleShutdown: nothing,
      onHandleClosed: nothing,
    },
    readBuffer,
  );
  socket.startReading();
  assert.equal(await told.promise, -constants.errno.EBADF);
  socket.close(false);
});

test('open connections keep the process alive, closed ones do not', { skip }, async () => {
  const program = fileURLToPath(new URL('testing/one-connection.ts', import.meta.url));
  const child = spawn(process.execPath, [program, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let served: PlainWire | undefined;
  onConnection = (handle) => {
    const wire = new PlainWire(turn, handle, readBuffer);
    wire.resume();
    setTimeout(() => wire.write(Buffer.from('late'), 0, 4), 300);
    served = wire;
  };
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(output, 'read late\n');
  assert.equal(code, 0);
  served?.destroy();
});
