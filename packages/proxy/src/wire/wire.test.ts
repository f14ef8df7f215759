import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { Acquaintance } from '../codec/acquaintance.ts';
import { createTestAuthority, type TestCertificate } from '@lateen/testkit';
import { Handshake } from '../tls/handshake.ts';
import { createContext } from '../tls/openssl/context.ts';
import { Openssl } from '../tls/openssl/openssl.ts';
import { contextOptions } from '../tls/openssl/testing/context-options.ts';
import { TlsSession } from '../tls/openssl/tls-session.ts';
import type { HandleWire } from './handle-wire.ts';
import { PlainWire } from './plain-wire.ts';
import type { SocketHandle } from './socket-handle.ts';
import { openSocketPoll } from './sockets.ts';
import { accepting, type Accepting } from './testing/accepting.ts';
import { Turn } from './turn.ts';
import type { WireHandler } from './wire.ts';

type Event = ['bytes', string] | ['end'] | ['drain'] | ['close', string | undefined];

/** Keeps what it is told, and lets a test wait for it. */
class Recorder implements WireHandler {
  readonly events: Event[] = [];
  received = 0;
  #wake: () => void = () => {};

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.received += end - start;
    this.#add(['bytes', buffer.toString('latin1', start, end)]);
    // What is not copied during the call is lost: the buffer belongs to all wires.
    buffer.fill(0, start, end);
  }

  onEnd(): void {
    this.#add(['end']);
  }

  onDrain(): void {
    this.#add(['drain']);
  }

  onClose(error: Error | undefined): void {
    this.#add(['close', error === undefined ? undefined : (error as NodeJS.ErrnoException).code]);
  }

  get text(): string {
    return this.events.map((event) => (event[0] === 'bytes' ? event[1] : '')).join('');
  }

  has(name: Event[0]): boolean {
    return this.events.some((event) => event[0] === name);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  #add(event: Event): void {
    this.events.push(event);
    this.#wake();
  }
}

interface Pair {
  readonly wire: HandleWire;
  readonly recorder: Recorder;
  readonly client: Socket;
  readonly turn: Turn;
}

const readBuffer = Buffer.alloc(64 * 1024);
let certificate: TestCertificate;
const opened: Accepting[] = [];

before(async () => {
  certificate = await (await createTestAuthority()).issue({ dns: ['server.example'] });
});
after(() => {
  for (const one of opened) one.close();
});

async function listen(onConnection: (socket: SocketHandle) => void): Promise<number> {
  const one = await accepting(onConnection);
  opened.push(one);
  return one.port;
}

function adopt(wire: HandleWire, client: Socket, turn: Turn): Pair {
  const recorder = new Recorder();
  wire.handler = recorder;
  wire.resume();
  return { wire, recorder, client, turn };
}

async function plainPair(): Promise<Pair> {
  const turn = new Turn();
  const accepted = Promise.withResolvers<HandleWire>();
  const port = await listen((handle) => accepted.resolve(new PlainWire(turn, handle, readBuffer)));
  const client = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
  return adopt(await accepted.promise, client, turn);
}

const noTlsInfo = {
  alpn: '',
  sni: '',
  version: '',
  cipher: '',
  sessionReused: false,
  sessionId: '',
  acquaintance: new Acquaintance(''),
  peerUriSans: [],
  peerDnsSans: [],
  peerSubject: '',
  peerCertificate: undefined,
};

async function securePair(): Promise<Pair> {
  const turn = new Turn();
  const openssl = new Openssl();
  const context = createContext(openssl, contextOptions(certificate));
  assert.ok(context.ok);
  const accepted = Promise.withResolvers<HandleWire>();
  const port = await listen((handle) => {
    const session = TlsSession.server(openssl, context.value, undefined);
    const handshake = new Handshake(turn, { handle, readBuffer }, openssl, session, {
      judge: () => noTlsInfo,
      onSecure: accepted.resolve,
      onFailed: (_reason, error) => accepted.reject(new Error(error)),
    });
    handshake.start();
  });
  // `allowHalfOpen` is missing in the types.
  const options: ConnectionOptions = { port, host: '127.0.0.1', rejectUnauthorized: false };
  const client = connectTls(Object.assign(options, { allowHalfOpen: true }));
  client.on('error', () => {});
  await once(client, 'secureConnect');
  return adopt(await accepted.promise, client, turn);
}

// In this order: from when the poll is open, descriptors are served by it.
for (const [name, makePair, prepare] of [
  ['a plain wire of libuv', plainPair, undefined],
  ['a wire with TLS of libuv', securePair, undefined],
  ['a plain wire', plainPair, openSocketPoll],
  ['a wire with TLS', securePair, openSocketPoll],
] as const) {
  suite(name, () => {
    before(async () => await prepare?.());

    test('carries bytes both ways and counts them', async () => {
      const { wire, recorder, client } = await makePair();
      client.on('error', () => {});
      client.write('question');
      await recorder.until(() => recorder.text === 'question');
      wire.write(Buffer.from('--answer--'), 2, 8);
      const [answer] = (await once(client, 'data')) as [Buffer];
      assert.equal(answer.toString(), 'answer');
      assert.notEqual(wire.remotePort, 0);
      assert.equal(wire.localAddress, '127.0.0.1');
      client.destroy();
      await recorder.until(() => recorder.has('close') || recorder.has('end'));
      wire.destroy();
      await recorder.until(() => recorder.has('close'));
    });

    test('gathers what one turn writes into one piece', async () => {
      const { wire, client, turn } = await makePair();
      turn.enter();
      for (const part of ['head', ' and', ' body']) wire.write(Buffer.from(part), 0, part.length);
      turn.leave();
      const [answer] = (await once(client, 'data')) as [Buffer];
      assert.equal(answer.toString(), 'head and body');
      client.destroy();
      wire.destroy();
    });

    test('ends one half and still hears the other', async () => {
      const { wire, recorder, client } = await makePair();
      let answer = '';
      client.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      client.end('the last question');
      await recorder.until(() => recorder.has('end'));
      assert.equal(recorder.text, 'the last question');
      wire.write(Buffer.from('the last answer'), 0, 15);
      wire.end();
      await once(client, 'end');
      assert.equal(answer, 'the last answer');
      await recorder.until(() => recorder.has('close'));
      assert.deepEqual(recorder.events.at(-1), ['close', undefined]);
    });

    test('ends its half first, and is gone when the peer has ended too', async () => {
      const { wire, recorder, client } = await makePair();
      client.resume();
      wire.end();
      await once(client, 'end');
      assert.equal(recorder.has('close'), false);
      client.end('bye');
      await recorder.until(() => recorder.has('close'));
      assert.equal(recorder.text, 'bye');
      assert.deepEqual(recorder.events.slice(-2), [['end'], ['close', undefined]]);
    });

    test('is not writable while a slow peer lets bytes wait, and tells when they have left', async () => {
      const { wire, recorder, client } = await makePair();
      client.pause();
      const chunk = Buffer.alloc(64 * 1024, 'x');
      let sent = 0;
      while (wire.writable) {
        wire.write(chunk, 0, chunk.length);
        sent += chunk.length;
        await new Promise(setImmediate);
        assert.ok(sent < 64 * 1024 * 1024, 'the kernel takes everything');
      }
      assert.ok(wire.pendingBytes > 0);
      let read = 0;
      client.on('data', (bytes: Buffer) => (read += bytes.length));
      client.resume();
      await recorder.until(() => recorder.has('drain'));
      assert.equal(wire.pendingBytes, 0);
      assert.equal(wire.writable, true);
      wire.end();
      await once(client, 'end');
      assert.equal(read, sent);
      client.destroy();
    });

    test('sends what waits before it ends', async () => {
      const { wire, client } = await makePair();
      const chunk = Buffer.alloc(100_000, 'y');
      for (let i = 0; i < 50; i++) wire.write(chunk, 0, chunk.length);
      wire.end();
      let read = 0;
      client.on('data', (bytes: Buffer) => (read += bytes.length));
      await once(client, 'end');
      assert.equal(read, 5_000_000);
      client.destroy();
    });

    test('reads nothing while it is paused', async () => {
      const { wire, recorder, client } = await makePair();
      wire.pause();
      client.write('early');
      for (let i = 0; i < 5; i++) await new Promise(setImmediate);
      assert.equal(recorder.received, 0);
      wire.resume();
      await recorder.until(() => recorder.text === 'early');
      client.destroy();
      wire.destroy();
    });

    test('says nothing more after it was destroyed but that it is closed', async () => {
      const { wire, recorder, client } = await makePair();
      client.on('error', () => {});
      client.write('unread');
      wire.destroy();
      assert.equal(wire.closed, true);
      wire.write(Buffer.from('lost'), 0, 4);
      wire.end();
      await recorder.until(() => recorder.has('close'));
      assert.deepEqual(recorder.events, [['close', undefined]]);
      client.destroy();
    });

    test('loses only the connection whose handler has a bug', async () => {
      const { wire, client, turn } = await makePair();
      client.on('error', () => {});
      const bug = Promise.withResolvers<unknown>();
      turn.onBug = bug.resolve;
      const closed = Promise.withResolvers<void>();
      wire.handler = {
        onBytes() {
          throw new Error('a bug');
        },
        onEnd() {},
        onDrain() {},
        onClose: () => closed.resolve(),
      };
      client.write('x');
      assert.match(String(await bug.promise), /a bug/);
      await closed.promise;
      client.destroy();
    });
  });
}

test('a peer that resets is told as an error', async () => {
  const { wire, recorder, client } = await plainPair();
  await once(client, 'connect');
  const port = client.remotePort;
  client.resetAndDestroy();
  await recorder.until(() => recorder.has('close'));
  assert.deepEqual(recorder.events.at(-1), ['close', 'ECONNRESET']);
  assert.equal(wire.closed, true);
  assert.deepEqual([wire.localAddress, wire.localPort], ['127.0.0.1', port], 'where it was is still known');
});

test('a plain wire can reset its peer', async () => {
  const { wire, recorder, client } = await plainPair();
  await once(client, 'connect');
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => client.on('error', resolve));
  wire.destroy(true);
  assert.equal((await failed).code, 'ECONNRESET');
  await recorder.until(() => recorder.has('close'));
  assert.deepEqual(recorder.events.at(-1), ['close', undefined]);
});

test('a peer that resets while nobody reads is told when somebody does', async () => {
  const { wire, recorder, client } = await plainPair();
  wire.pause();
  await once(client, 'connect');
  client.resetAndDestroy();
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  assert.deepEqual(recorder.events, []);
  wire.resume();
  await recorder.until(() => recorder.has('close'));
  assert.deepEqual(recorder.events.at(-1), ['close', 'ECONNRESET']);
});
