import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { defaultForward, defaultRoute } from '../model/index.ts';
import { cluster, serveHttp, tcpUpstream, type Closers } from '../testing/harness.ts';
import { askHttp2, http2Client } from '../testing/http2-peers.ts';

interface ResponseCase {
  readonly what: string;
  /** What the endpoint answers, byte for byte. */
  readonly bytes: string;
  /** The endpoint ends the connection then. */
  readonly ends?: boolean;
  readonly method?: string;
  /** What a strict client reads: status and body; undefined: the answer breaks off. */
  readonly read: readonly [status: number, body: string] | undefined;
}

const ok = (...lines: readonly string[]): string =>
  `HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const chunked = (body: string): string => `${ok('Transfer-Encoding: chunked')}${body}`;
const bad: readonly [number, string] = [502, 'upstream'];

/** Answers by which endpoints and proxies have been led to disagree, and their well-behaved neighbours. */
const corpus: readonly ResponseCase[] = [
  { what: 'a length', bytes: `${ok('Content-Length: 3')}abc`, read: [200, 'abc'] },
  { what: 'chunks', bytes: chunked('3\r\nabc\r\n0\r\n\r\n'), read: [200, 'abc'] },
  {
    what: 'chunks with trailers',
    bytes: chunked('3\r\nabc\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n'),
    read: [200, 'abc'],
  },
  { what: 'neither, until the end', bytes: `${ok()}abc`, ends: true, read: [200, 'abc'] },
  { what: 'no reason', bytes: 'HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc', read: [200, 'abc'] },
  {
    what: 'a reason of strange bytes',
    bytes: 'HTTP/1.1 200 \xe4 \xff\r\nContent-Length: 3\r\n\r\nabc',
    read: [200, 'abc'],
  },
  {
    what: 'HTTP/1.0',
    bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc',
    ends: true,
    read: [200, 'abc'],
  },
  { what: 'a length for HEAD', method: 'HEAD', bytes: ok('Content-Length: 3'), read: [200, ''] },
  { what: 'a body for HEAD', method: 'HEAD', bytes: `${ok('Content-Length: 3')}abc`, read: [200, ''] },
  {
    what: '304 with a length',
    bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n',
    read: [304, ''],
  },
  { what: '204', bytes: 'HTTP/1.1 204 No Content\r\n\r\n', read: [204, ''] },
  {
    what: '204 with a length of zero',
    bytes: 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
    read: [204, ''],
  },
  { what: '204 with a length', bytes: 'HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc', read: bad },
  {
    what: '204 in chunks',
    bytes: 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    read: bad,
  },
  {
    what: 'an interim head',
    bytes: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok('Content-Length: 3')}abc`,
    read: [200, 'abc'],
  },
  {
    what: 'an interim head with a length',
    bytes: `HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\nabc${ok('Content-Length: 0')}`,
    read: bad,
  },
  {
    what: 'another answer behind it',
    bytes: `${ok('Content-Length: 3')}abc${ok('Content-Length: 3')}xyz`,
    read: [200, 'abc'],
  },
  { what: 'two lengths', bytes: `${ok('Content-Length: 3', 'Content-Length: 3')}abc`, read: bad },
  { what: 'two different lengths', bytes: `${ok('Content-Length: 3', 'Content-Length: 0')}abc`, read: bad },
  { what: 'a list of lengths', bytes: `${ok('Content-Length: 3, 3')}abc`, read: bad },
  { what: 'a length with a plus', bytes: `${ok('Content-Length: +3')}abc`, read: bad },
  { what: 'a length in hexadecimal', bytes: `${ok('Content-Length: 0x3')}abc`, read: bad },
  { what: 'a length beyond all measure', bytes: ok('Content-Length: 18446744073709551619'), read: bad },
  {
    what: 'both framings',
    bytes: `${ok('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    read: bad,
  },
  { what: 'another coding', bytes: ok('Transfer-Encoding: gzip'), read: bad },
  { what: 'a coding and chunks', bytes: `${ok('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`, read: bad },
  {
    what: 'chunks twice',
    bytes: `${ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    read: bad,
  },
  {
    what: 'chunks in HTTP/1.0',
    bytes: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    read: bad,
  },
  { what: 'a folded header', bytes: ok('X-A: b', ' c', 'Content-Length: 0'), read: bad },
  { what: 'a space before the colon', bytes: ok('Content-Length : 0'), read: bad },
  { what: 'a bare line feed', bytes: 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', read: bad },
  { what: 'a bare carriage return', bytes: ok('X-A: b\rSet-Cookie: c', 'Content-Length: 0'), read: bad },
  { what: 'a NUL', bytes: ok('X-A: b\0', 'Content-Length: 0'), read: bad },
  { what: 'an empty name', bytes: ok(': b', 'Content-Length: 0'), read: bad },
  { what: 'a status of two digits', bytes: 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n', read: bad },
  { what: 'a status of four digits', bytes: 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n', read: bad },
  { what: 'a status of zero', bytes: 'HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n', read: bad },
  { what: 'a status with a sign', bytes: 'HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n', read: bad },
  { what: 'HTTP/2.0', bytes: 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n', read: bad },
  { what: 'a space before', bytes: ` ${ok('Content-Length: 0')}`, read: bad },
  { what: 'a body that ends early', bytes: `${ok('Content-Length: 9')}abc`, ends: true, read: undefined },
  { what: 'chunks that end early', bytes: chunked('3\r\nabc\r\n'), ends: true, read: undefined },
  { what: 'a chunk that ends early', bytes: chunked('9\r\nabc'), ends: true, read: undefined },
  { what: 'a malformed chunk', bytes: chunked('3\r\nabc\r\nxyz\r\n'), read: undefined },
  { what: 'a chunk size of 0x', bytes: chunked('0x3\r\nabc\r\n0\r\n\r\n'), read: undefined },
  { what: 'data longer than its size', bytes: chunked('3\r\nabcd\r\n0\r\n\r\n'), read: undefined },
  { what: 'a bare line feed after a size', bytes: chunked('3\nabc\r\n0\r\n\r\n'), read: undefined },
];

type Read = readonly [status: number, body: string] | undefined;

/** Reads with Node's llhttp, strictly. */
function readHttp1(port: number, method: string): Promise<Read> {
  return new Promise((resolve) => {
    const request = httpRequest({ host: '127.0.0.1', port, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve([response.statusCode ?? 0, body]));
      response.on('error', () => resolve(undefined));
    });
    request.on('error', () => resolve(undefined));
    request.end();
  });
}

async function readHttp2(t: Closers, port: number, method: string): Promise<Read> {
  const session = await http2Client(t, port);
  try {
    const answer = await askHttp2(session, { ':path': '/', ':authority': 'a', ':method': method });
    return [answer.status, answer.body];
  } catch {
    return undefined;
  } finally {
    session.close();
  }
}

/** An endpoint that answers so, in pieces of this size. */
function answering(t: Closers, { bytes, ends = false }: ResponseCase, step: number): Promise<number> {
  return tcpUpstream(t, (socket: Socket) => {
    socket.setNoDelay();
    const answer = async (): Promise<void> => {
      for (let at = 0; at < bytes.length && !socket.destroyed; at += step) {
        await new Promise<void>((resolve) =>
          socket.write(bytes.slice(at, at + step), 'latin1', () => resolve()),
        );
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
      if (ends) socket.end();
    };
    socket.on('data', () => void answer());
    socket.on('end', () => socket.end());
  });
}

for (const one of corpus) {
  for (const [how, step] of [
    ['in one piece', one.bytes.length],
    ['byte by byte', 1],
  ] as const) {
    test(`an answer, ${how}: ${one.what}`, async (t) => {
      const up = await answering(t, one, step);
      const { port } = await serveHttp(t, [defaultRoute(defaultForward('up'))], [cluster('up', [up])]);
      const method = one.method ?? 'GET';
      for (const read of [await readHttp1(port, method), await readHttp2(t, port, method)]) {
        if (one.read === bad) {
          assert.equal(read?.[0], 502);
          assert.match(read?.[1] ?? '', /^upstream connect error/);
        } else {
          assert.deepEqual(read, one.read);
        }
      }
    });
  }
}

test('bytes behind an answer are not taken for the answer to the next request', async (t) => {
  let connections = 0;
  const up = await tcpUpstream(t, (socket) => {
    connections++;
    socket.on('data', (chunk) => {
      const path = /^GET (\S+)/.exec(chunk.toString())?.[1] ?? '';
      socket.write(`${ok(`Content-Length: ${path.length}`)}${path}`);
      if (path === '/first') socket.write(`${ok('Content-Length: 6')}poison`);
    });
    socket.on('end', () => socket.end());
  });
  const { port } = await serveHttp(t, [defaultRoute(defaultForward('up'))], [cluster('up', [up])]);
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  const until = async (end: string): Promise<void> => {
    while (!text.endsWith(end)) await once(socket, 'data');
  };
  socket.write('GET /first HTTP/1.1\r\nhost: a\r\n\r\n');
  await until('/first');
  socket.write('GET /second HTTP/1.1\r\nhost: a\r\n\r\n');
  await until('/second');
  assert.doesNotMatch(text, /poison/);
  assert.equal(connections, 2);
});
