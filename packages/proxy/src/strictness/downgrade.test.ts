import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { frameFlag, frameType } from '../http2/frame.ts';
import { defaultForward, defaultRoute } from '../model/index.ts';
import { cluster, serveHttp, tcpUpstream, upstream, type Closers } from '../testing/harness.ts';
import { frame, goodHead, headersFrame, RawClient } from '../testing/raw-http2.ts';

type Field = readonly [name: string, value: string];

interface DowngradeCase {
  readonly what: string;
  readonly fields: readonly Field[];
  /** Of the body, a frame each; none: the head ends the request. */
  readonly data?: readonly string[];
  readonly trailers?: readonly Field[];
  /** What the endpoint reads, its request line first; undefined: the stream is reset and nothing becomes a request. */
  readonly seen: readonly string[] | undefined;
}

const but = (...changes: readonly (readonly [string, string | undefined])[]): Field[] => {
  const fields = new Map<string, string | undefined>([...goodHead, ...changes]);
  return [...fields].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
};
const including = (...more: readonly Field[]): Field[] => [...goodHead, ...more];
const posted = (...more: readonly Field[]): Field[] => [...but([':method', 'POST']), ...more];
const smuggled = 'x HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: b';
const plain = ['GET / HTTP/1.1', 'host: svc'];
const refusedHead = undefined;

/** Requests of HTTP/2 that would become others, or two, on their way to an endpoint of HTTP/1. */
const corpus: readonly DowngradeCase[] = [
  { what: 'a plain request', fields: goodHead, seen: plain },
  { what: 'a request in the path', fields: but([':path', `/${smuggled}`]), seen: refusedHead },
  { what: 'a space in the path', fields: but([':path', '/ HTTP/1.1']), seen: refusedHead },
  { what: 'a NUL in the path', fields: but([':path', '/\0']), seen: refusedHead },
  { what: 'a path that is a URL', fields: but([':path', 'http://other/']), seen: refusedHead },
  { what: 'a request in the method', fields: but([':method', `GET / HTTP/1.1\r\n\r\n`]), seen: refusedHead },
  { what: 'a space in the method', fields: but([':method', 'GET /']), seen: refusedHead },
  {
    what: 'a request in the authority',
    fields: but([':authority', `svc\r\n\r\nGET /next`]),
    seen: refusedHead,
  },
  { what: 'a path in the authority', fields: but([':authority', 'svc/x']), seen: refusedHead },
  { what: 'a user in the authority', fields: but([':authority', 'user@svc']), seen: refusedHead },
  { what: 'a request in the scheme', fields: but([':scheme', 'http\r\n']), seen: refusedHead },
  { what: 'a line break in a value', fields: including(['x-a', `b\r\n${smuggled}`]), seen: refusedHead },
  { what: 'a line feed in a value', fields: including(['x-a', 'b\nx-c: d']), seen: refusedHead },
  { what: 'a carriage return in a value', fields: including(['x-a', 'b\rx-c: d']), seen: refusedHead },
  { what: 'a NUL in a value', fields: including(['x-a', 'b\0']), seen: refusedHead },
  { what: 'a line break in a name', fields: including(['x-a\r\nx-c', 'd']), seen: refusedHead },
  { what: 'a colon in a name', fields: including(['x-a: b', 'd']), seen: refusedHead },
  { what: 'a colon before a name', fields: including([':x-a', 'd']), seen: refusedHead },
  { what: 'a space in a name', fields: including(['transfer-encoding ', 'chunked']), seen: refusedHead },
  { what: 'an upper-case name', fields: including(['Transfer-Encoding', 'chunked']), seen: refusedHead },
  {
    what: 'transfer-encoding',
    fields: posted(['transfer-encoding', 'chunked']),
    data: ['0\r\n\r\n'],
    seen: refusedHead,
  },
  { what: 'connection', fields: including(['connection', 'x-forwarded-proto']), seen: refusedHead },
  { what: 'keep-alive', fields: including(['keep-alive', '1']), seen: refusedHead },
  { what: 'upgrade', fields: including(['upgrade', 'websocket']), seen: refusedHead },
  { what: 'te other than trailers', fields: including(['te', 'chunked']), seen: refusedHead },
  {
    what: 'te of trailers',
    fields: including(['te', 'trailers']),
    seen: [...plain, 'connection: te', 'te: trailers'],
  },
  { what: 'a host that says something else', fields: including(['host', 'other']), seen: refusedHead },
  { what: 'a host that says the same', fields: including(['host', 'svc']), seen: plain },
  { what: 'two hosts', fields: including(['host', 'svc'], ['host', 'svc']), seen: refusedHead },
  {
    what: 'a length that is no number',
    fields: posted(['content-length', '3, 3']),
    data: ['abc'],
    seen: refusedHead,
  },
  {
    what: 'a length with a plus',
    fields: posted(['content-length', '+3']),
    data: ['abc'],
    seen: refusedHead,
  },
  {
    what: 'two lengths',
    fields: posted(['content-length', '3'], ['content-length', '3']),
    data: ['abc'],
    seen: refusedHead,
  },
  { what: 'a length and no body', fields: posted(['content-length', '3']), seen: refusedHead },
  {
    what: 'a length that is right',
    fields: posted(['content-length', '3']),
    data: ['ab', 'c'],
    seen: ['POST / HTTP/1.1', 'host: svc', 'content-length: 3', '', 'abc'],
  },
  {
    what: 'a body without a length',
    fields: posted(),
    data: ['GET /next HTTP/1.1\r\n\r\n'],
    seen: [
      'POST / HTTP/1.1',
      'host: svc',
      'transfer-encoding: chunked',
      '',
      '16',
      'GET /next HTTP/1.1',
      '',
      '',
      '0',
      '',
      '',
    ],
  },
  {
    what: 'a body longer than its length',
    fields: posted(['content-length', '3']),
    data: ['ab', 'cGET /next HTTP/1.1\r\nHost: a\r\n\r\n'],
    seen: refusedHead,
  },
  {
    what: 'a body shorter than its length',
    fields: posted(['content-length', '30']),
    data: ['abc'],
    seen: refusedHead,
  },
  {
    what: 'trailers that frame',
    fields: posted(),
    data: ['a'],
    trailers: [['content-length', '5']],
    seen: refusedHead,
  },
  {
    what: 'trailers of pseudo headers',
    fields: posted(),
    data: ['a'],
    trailers: [[':path', '/next']],
    seen: refusedHead,
  },
  {
    what: 'trailers that route',
    fields: posted(),
    data: ['a'],
    trailers: [
      ['host', 'other'],
      ['x-sum', '1'],
    ],
    seen: [
      'POST / HTTP/1.1',
      'host: svc',
      'transfer-encoding: chunked',
      '',
      '1',
      'a',
      '0',
      'x-sum: 1',
      '',
      '',
    ],
  },
  {
    what: 'a line break in a trailer',
    fields: posted(),
    data: ['a'],
    trailers: [['x-sum', '1\r\n\r\nGET /next HTTP/1.1']],
    seen: refusedHead,
  },
  { what: 'CONNECT with a path', fields: but([':method', 'CONNECT']), seen: refusedHead },
  { what: 'a protocol without a tunnel', fields: including([':protocol', 'websocket']), seen: refusedHead },
];

interface Path {
  readonly port: number;
  /** What the proxy wrote to the endpoint. */
  readonly forwarded: () => string;
  /** How many whole requests the endpoint understood. */
  readonly requests: () => number;
}

/** A proxy, and behind it an endpoint of Node's (llhttp, strict) whose bytes are seen. */
async function setUp(t: Closers): Promise<Path> {
  let forwarded = '';
  let requests = 0;
  const endpoint = await upstream(t, (request, response) => {
    request.resume();
    request.on('end', () => {
      requests++;
      response.end('ok');
    });
  });
  const tap = await tcpUpstream(t, (socket: Socket) => {
    const inner = connect(endpoint.port, '127.0.0.1');
    inner.on('error', () => socket.destroy());
    socket.on('data', (chunk) => (forwarded += chunk.toString('latin1')));
    socket.pipe(inner).pipe(socket);
  });
  const up = cluster('up', [tap], { http: { ...cluster('up', []).http, enableTrailers: true } });
  const { port } = await serveHttp(t, [defaultRoute(defaultForward('up'))], [up], {
    generateRequestId: false,
  });
  return { port, forwarded: () => forwarded, requests: () => requests };
}

/** Lines without what the proxy adds to every request. */
const own = (text: string): string[] =>
  text.split('\r\n').filter((line) => !/^(?:x-forwarded-proto|x-envoy-[a-z-]+|x-request-id): /.test(line));

for (const { what, fields, data, trailers, seen } of corpus) {
  test(`from HTTP/2 to HTTP/1: ${what}`, async (t) => {
    const { port, forwarded, requests } = await setUp(t);
    const client = await RawClient.connect(t, port);
    const bodies = data ?? [];
    client.send(
      headersFrame(1, fields, data === undefined),
      ...bodies.map((body, i) => {
        const last = i === bodies.length - 1 && trailers === undefined;
        return frame(frameType.data, last ? frameFlag.endStream : 0, 1, Buffer.from(body, 'latin1'));
      }),
      ...(trailers === undefined ? [] : [headersFrame(1, trailers)]),
    );
    const end = await client.expect(
      (f) => f.streamId === 1 && (f.type === frameType.rstStream || f.type === frameType.headers),
    );
    if (seen === undefined) {
      assert.equal(end.type, frameType.rstStream);
      assert.equal(requests(), 0, 'nothing became a request');
      assert.doesNotMatch(forwarded(), /\/next|x-c: d|chunked\r\n\r\n0\r\n\r\n/);
      return;
    }
    assert.equal(client.fields(end)[':status'], '200');
    const [head = '', ...rest] = forwarded().split('\r\n\r\n');
    const lines = [
      ...own(head),
      ...(rest.join('') === '' && data === undefined ? [] : ['', ...rest.join('\r\n\r\n').split('\r\n')]),
    ];
    assert.deepEqual(lines, seen);
    assert.equal(requests(), 1);
  });
}
