import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { defaultForward, defaultHttpConnectionManager, defaultRoute } from '../model/index.ts';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import { cluster, portOfServer, serveHttp, tcpUpstream } from '../testing/harness.ts';
import { requestCorpus, type RequestCase } from './request-corpus.ts';

/** What an endpoint of Node's (llhttp, strict) understood, in the corpus' words. */
const understood: string[] = [];
/** What the proxy wrote to it. */
let forwarded = '';

function describe(request: IncomingMessage, body: string): string {
  const extra = Object.entries(request.headers)
    .filter(([name]) => name.startsWith('x-') && !/^x-(?:request-id|forwarded|envoy)/.test(name))
    .map(([name, value]) => ` ${name}=${String(value)}`);
  const trailers = Object.entries(request.trailers).map(([name, value]) => ` +${name}=${String(value)}`);
  const host = request.headers.host ?? 'none';
  return `${request.method} ${request.url} ${host} ${JSON.stringify(body)}${[...extra, ...trailers].join('')}`;
}

const closers: (() => unknown)[] = [];
const lifetime = { after: (run: () => unknown) => void closers.push(run) };
after(async () => {
  for (const run of closers.toReversed()) await run();
});

const endpoint = createServer((request, response) => {
  let body = '';
  request.setEncoding('latin1');
  request.on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    understood.push(describe(request, body));
    response.end('ok');
  });
});
endpoint.on('clientError', (error, socket) => {
  understood.push(`malformed: ${error.message}`);
  socket.destroy();
});

const ports = { strict: 0, lenient: 0 };
const lenientManager: Partial<HttpConnectionManager> = {
  http1: {
    ...defaultHttpConnectionManager({ kind: 'rds', name: '' }).http1,
    acceptHttp10: true,
    defaultHostForHttp10: 'fallback',
    allowChunkedLength: true,
    enableTrailers: true,
  },
};

before(async () => {
  endpoint.listen(0, '127.0.0.1');
  await once(endpoint, 'listening');
  lifetime.after(() => endpoint.close());
  // In between, so that the bytes are seen too.
  const tap = await tcpUpstream(lifetime, (socket: Socket) => {
    const inner = connect(portOfServer(endpoint), '127.0.0.1');
    inner.on('error', () => socket.destroy());
    socket.on('data', (chunk) => (forwarded += chunk.toString('latin1')));
    socket.pipe(inner).pipe(socket);
  });
  const up = cluster('up', [tap], {
    http: { ...cluster('up', []).http, enableTrailers: true },
  });
  const routes = [defaultRoute(defaultForward('up'))];
  const trailers = { http1: { ...lenientManager.http1!, acceptHttp10: false, allowChunkedLength: false } };
  ports.strict = (await serveHttp(lifetime, routes, [up], trailers)).port;
  ports.lenient = (await serveHttp(lifetime, routes, [up], lenientManager)).port;
});

const next = 'GET /next HTTP/1.1\r\nHost: next\r\nConnection: close\r\n\r\n';

/** Sends bytes, in pieces that end at these offsets, and reads until the proxy closes. */
async function talk(port: number, bytes: string, pieces: readonly string[]): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  await once(socket, 'connect');
  for (const piece of pieces) {
    if (socket.destroyed || socket.writableEnded) break;
    await new Promise<void>((resolve) => socket.write(piece, 'latin1', () => resolve()));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await closed;
  assert.ok(bytes.length > 0);
  return text;
}

const statuses = (text: string): number[] =>
  [...text.matchAll(/(?:^|ok|0\r\n\r\n|\r\n\r\n)HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) =>
    Number(status),
  );

async function check(
  { bytes, verdict, lenient = false }: RequestCase,
  cut: 'whole' | 'bytes',
): Promise<void> {
  understood.length = 0;
  forwarded = '';
  const all = bytes + next;
  // The large ones, which are about limits, only in some pieces.
  const step = cut === 'whole' ? all.length : all.length > 4_000 ? Math.ceil(all.length / 7) : 1;
  const pieces: string[] = [];
  for (let at = 0; at < all.length; at += step) pieces.push(all.slice(at, at + step));
  const text = await talk(lenient ? ports.lenient : ports.strict, all, pieces);
  if (typeof verdict === 'string') {
    assert.deepEqual(understood, [verdict, 'GET /next next ""']);
    assert.deepEqual(statuses(text), [200, 200]);
    return;
  }
  if (verdict === 403 || verdict === 404) {
    // Understood, and not served: the connection may go on.
    assert.equal(statuses(text)[0], verdict);
    assert.ok(understood.every((one) => one.startsWith('GET /next ')));
    return;
  }
  assert.deepEqual(statuses(text), [verdict]);
  assert.match(text, /\r\nconnection: close\r\n/);
  // The head of a request whose body is malformed may have been sent on; it must not have become a request.
  assert.deepEqual(
    understood.filter((one) => !one.startsWith('malformed: ')),
    [],
  );
  assert.doesNotMatch(forwarded, /\/next/);
}

for (const one of requestCorpus) {
  test(`${one.what}, in one piece`, () => check(one, 'whole'));
  test(`${one.what}, byte by byte`, () => check(one, 'bytes'));
}

test('every case of the corpus has a name of its own', () => {
  assert.equal(new Set(requestCorpus.map(({ what }) => what)).size, requestCorpus.length);
});
