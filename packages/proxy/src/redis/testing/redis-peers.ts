import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { tcpUpstream, type Closers } from '../../testing/harness.ts';
import { ReplyReader, RequestReader } from '../resp-reader.ts';
import {
  encodeArray,
  encodeError,
  encodeInteger,
  encodeRequest,
  encodeStatus,
  encodeString,
} from '../resp-writer.ts';

/** A small Redis for tests: strings only. */
export interface FakeRedis {
  readonly port: number;
  readonly data: Map<string, string>;
  /** Each request of each connection, as `1: GET k`. */
  readonly heard: string[];
  /** Takes requests, and leaves them without an answer. */
  silent: boolean;
  readonly sockets: Set<Socket>;
}

const nil = Buffer.from('$-1\r\n');

export async function fakeRedis(test: Closers, password = ''): Promise<FakeRedis> {
  const data = new Map<string, string>();
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const port = await tcpUpstream(test, (socket) => {
    const id = ++connections;
    let loggedIn = password === '';
    let queued: (readonly string[])[] | undefined;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const run = ([name = '', ...args]: readonly string[]): Buffer => {
      const [key = '', value = ''] = args;
      switch (name.toLowerCase()) {
        case 'get':
          return data.has(key) ? encodeString(data.get(key) as string) : nil;
        case 'set':
          data.set(key, value);
          return encodeStatus('OK');
        case 'exists':
          return encodeInteger(data.has(key) ? 1 : 0);
        case 'del':
          return encodeInteger(data.delete(key) ? 1 : 0);
        case 'incr': {
          const next = Number(data.get(key) ?? 0) + 1;
          if (Number.isNaN(next)) return encodeError('ERR value is not an integer or out of range');
          data.set(key, String(next));
          return encodeInteger(next);
        }
        case 'hgetall':
          return encodeArray([encodeString('field'), encodeArray([encodeInteger(1), nil])]);
        case 'keys':
          return encodeArray([...data.keys()].map(encodeString));
        case 'script':
          return encodeStatus(data.get('script') ?? 'script');
        case 'randomkey':
          return encodeStatus('a key');
        case 'object':
          return encodeStatus(value);
        case 'eval':
          return encodeString(`script for ${args[2]}`);
        case 'flushall':
          data.clear();
          return encodeStatus('OK');
        default:
          return encodeError(`ERR unknown ${name}`);
      }
    };
    const answer = (parts: readonly string[]): Buffer => {
      const name = parts[0]?.toLowerCase();
      if (name === 'auth') {
        loggedIn = parts.at(-1) === password;
        return loggedIn ? encodeStatus('OK') : encodeError('WRONGPASS');
      }
      if (!loggedIn) return encodeError('NOAUTH');
      if (name === 'multi') {
        queued = [];
        return encodeStatus('OK');
      }
      if (name === 'watch') return encodeStatus('OK');
      if (name === 'exec' || name === 'discard') {
        const all = queued ?? [];
        queued = undefined;
        return name === 'exec' ? encodeArray(all.map(run)) : encodeStatus('OK');
      }
      if (queued === undefined) return run(parts);
      queued.push(parts);
      return encodeStatus('QUEUED');
    };
    const reader = new RequestReader((request) => {
      const parts = (request ?? []).map(String);
      heard.push(`${id}: ${parts.join(' ')}`);
      if (!fake.silent) socket.write(answer(parts));
    });
    socket.on('data', (chunk: Buffer) => reader.push(chunk, 0, chunk.length));
    socket.on('end', () => socket.end());
  });
  const fake: FakeRedis = { port, data, heard, silent: false, sockets };
  return fake;
}

/** A client that reads whole answers. */
export interface RedisTestClient {
  /** Sends requests at once, each written as `GET k`, and answers with what came for each, as text. */
  ask(...requests: readonly string[]): Promise<string[]>;
  raw(text: string): void;
  /** What came until the other side ended. */
  ended(): Promise<string[]>;
  readonly socket: Socket;
}

export async function redisClient(test: Closers, port: number): Promise<RedisTestClient> {
  const socket = connect(port, '127.0.0.1');
  test.after(() => socket.destroy());
  const replies: string[] = [];
  let wake = (): void => {};
  const reader = new ReplyReader((reply) => {
    replies.push(reply.toString('latin1').trim().replaceAll('\r\n', ' '));
    wake();
  });
  socket.on('data', (chunk: Buffer) => reader.push(chunk, 0, chunk.length));
  socket.on('error', () => {});
  await once(socket, 'connect');
  return {
    socket,
    raw: (text) => void socket.write(text),
    async ask(...requests) {
      socket.write(Buffer.concat(requests.map((one) => encodeRequest(one.split(' ')))));
      while (replies.length < requests.length) await new Promise<void>((resolve) => (wake = resolve));
      return replies.splice(0, requests.length);
    },
    async ended() {
      if (!socket.readableEnded) await once(socket, 'end');
      return replies.splice(0);
    },
  };
}
