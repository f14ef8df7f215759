import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import { assertLogged, type Expected } from '../testing/fault-case.ts';
import { becomes } from '../testing/watched-proxy.ts';
import { left, watchedEndpoint, type Behaviour } from './testing/watched-endpoint.ts';

interface Http1Case {
  readonly what: string;
  readonly sends: string;
  /** Then, once the endpoint has the request or the proxy all that was sent. */
  readonly next?: 'ends' | 'resets';
  readonly endpoint?: Behaviour;
  readonly manager?: Partial<HttpConnectionManager>;
  /** Undefined: nothing is logged. */
  readonly expected: Omit<Expected, 'status' | 'body'> | undefined;
  /** What the client reads. */
  readonly answer: RegExp;
}

const get = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const post = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n0123';
const chunks = 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n';
const nothing = /^$/;

const leftEndpointToo = {
  ...left,
  counted: {
    ...left.counted,
    'cluster.up.upstream_rq_tx_reset': 0,
    'cluster.up.upstream_cx_destroy_local_with_active_rq': 1,
    'cluster.up.upstream_rq_completed': 0,
  },
};

function refused(status: number, details: string): Omit<Expected, 'status' | 'body'> {
  return {
    logged: status,
    flags: 'DPE',
    details,
    counted: {
      'http.http.downstream_rq_total': 1,
      'http.http.downstream_rq_4xx': status < 500 ? 1 : 0,
      'http.http.downstream_rq_5xx': status < 500 ? 0 : 1,
      'http.http.downstream_cx_protocol_error': 1,
      'cluster.up.upstream_rq_total': 0,
    },
  };
}

/** Signed and dated as every answer of the proxy. */
const own = String.raw`content-length: \d+\r\ncontent-type: text/plain\r\nserver: envoy\r\ndate: [^\r]+\r\nconnection: close\r\n\r\n`;
const badRequest = new RegExp(`^HTTP/1\\.1 400 Bad Request\\r\\n${own}Bad Request$`);
const tooLarge = new RegExp(
  `^HTTP/1\\.1 431 Request Header Fields Too Large\\r\\n${own}Request Header Fields Too Large$`,
);

const http1Cases: readonly Http1Case[] = [
  {
    what: 'vanishes before its head',
    sends: '',
    next: 'ends',
    expected: undefined,
    answer: nothing,
  },
  {
    what: 'vanishes in its head',
    sends: get.slice(0, 20),
    next: 'ends',
    expected: {
      ...left,
      counted: { ...left.counted, 'http.http.downstream_cx_destroy_remote_active_rq': 0 },
    },
    answer: nothing,
  },
  {
    what: 'vanishes in its body',
    sends: post,
    next: 'ends',
    endpoint: 'waits',
    expected: leftEndpointToo,
    answer: nothing,
  },
  {
    what: 'resets in its body',
    sends: post,
    next: 'resets',
    endpoint: 'waits',
    expected: leftEndpointToo,
    answer: nothing,
  },
  {
    what: 'vanishes in a chunked body',
    sends: chunks,
    next: 'ends',
    endpoint: 'waits',
    expected: leftEndpointToo,
    answer: nothing,
  },
  // As Envoy: who has finished sending does not wait for an answer any more.
  {
    what: 'closes its half while it waits',
    sends: get,
    next: 'ends',
    endpoint: 'waits',
    expected: leftEndpointToo,
    answer: nothing,
  },
  {
    what: 'resets while it waits',
    sends: get,
    next: 'resets',
    endpoint: 'waits',
    expected: leftEndpointToo,
    answer: nothing,
  },
  {
    what: 'vanishes in its answer',
    sends: get,
    next: 'resets',
    endpoint: 'begins to answer',
    expected: {
      ...leftEndpointToo,
      logged: 200,
      counted: {
        ...left.counted,
        'cluster.up.upstream_rq_200': 1,
        'cluster.up.upstream_cx_destroy_local_with_active_rq': 1,
      },
    },
    answer: /^HTTP\/1\.1 200 OK\r\n/,
  },
  {
    what: 'sends garbage',
    sends: 'garbage\r\n\r\n',
    expected: refused(400, 'http1.codec_error'),
    answer: badRequest,
  },
  {
    what: 'speaks TLS',
    sends: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    expected: refused(400, 'http1.invalid_characters'),
    answer: badRequest,
  },
  {
    what: 'sends both lengths',
    sends: 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    expected: refused(400, 'http1.content_length_and_chunked_not_allowed'),
    answer: badRequest,
  },
  {
    what: 'sends two lengths',
    sends: 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n',
    expected: refused(400, 'http1.codec_error'),
    answer: badRequest,
  },
  {
    what: 'uses a coding that nobody knows',
    sends: 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n',
    expected: refused(501, 'http1.invalid_transfer_encoding'),
    answer: /^HTTP\/1\.1 501 Not Implemented\r\n/,
  },
  {
    what: 'asks for a host that is none',
    sends: 'GET / HTTP/1.1\r\nhost: a/b\r\n\r\n',
    expected: refused(400, 'http.invalid_authority'),
    answer: badRequest,
  },
  {
    what: 'asks for a target that is none',
    sends: 'GET a HTTP/1.1\r\nhost: a\r\n\r\n',
    expected: refused(400, 'http1.invalid_url'),
    answer: badRequest,
  },
  {
    what: 'asks for no host',
    sends: 'GET / HTTP/1.1\r\n\r\n',
    expected: {
      logged: 400,
      flags: '-',
      details: 'missing_host_header',
      counted: { 'http.http.downstream_rq_4xx': 1, 'http.http.downstream_cx_protocol_error': 0 },
    },
    answer: /^HTTP\/1\.1 400 /,
  },
  {
    what: 'speaks HTTP/1.0 where that is not accepted',
    sends: 'GET / HTTP/1.0\r\n\r\n',
    expected: {
      logged: 426,
      flags: 'DPE',
      details: 'low_version',
      counted: { 'http.http.downstream_rq_4xx': 1, 'http.http.downstream_cx_protocol_error': 1 },
    },
    answer: /^HTTP\/1\.1 426 /,
  },
  {
    what: 'sends a head that is too large',
    sends: `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(70_000)}`,
    expected: refused(431, 'http1.headers_too_large'),
    answer: tooLarge,
  },
  {
    what: 'sends a request line that is too long',
    sends: `GET /${'y'.repeat(70_000)}`,
    expected: refused(431, 'http1.headers_too_large'),
    answer: tooLarge,
  },
  {
    what: 'sends too many headers',
    sends: `GET / HTTP/1.1\r\nhost: a\r\n${'x: y\r\n'.repeat(101)}\r\n`,
    expected: refused(431, 'http1.too_many_headers'),
    answer: tooLarge,
  },
  {
    what: 'sends a malformed chunk',
    sends: `${chunks}xyz\r\n`,
    endpoint: 'waits',
    expected: {
      ...refused(400, 'http1.codec_error'),
      counted: {
        'http.http.downstream_rq_4xx': 1,
        'http.http.downstream_cx_protocol_error': 1,
        'cluster.up.upstream_rq_completed': 0,
      },
    },
    answer: badRequest,
  },
  {
    what: 'never ends its head',
    sends: get.slice(0, 20),
    manager: { requestHeadersTimeoutMs: 40 },
    expected: {
      logged: 408,
      flags: '-',
      details: 'request_header_timeout',
      counted: {
        'http.http.downstream_rq_header_timeout': 1,
        'http.http.downstream_rq_4xx': 1,
        'http.http.downstream_cx_destroy_local': 1,
      },
    },
    answer: new RegExp(`^HTTP/1\\.1 408 Request Timeout\\r\\n${own}request header timeout$`),
  },
  {
    what: 'never ends its request',
    sends: post,
    endpoint: 'waits',
    manager: { requestTimeoutMs: 40 },
    expected: {
      logged: 408,
      flags: '-',
      details: 'request_overall_timeout',
      counted: {
        'http.http.downstream_rq_timeout': 1,
        'http.http.downstream_rq_4xx': 1,
        'cluster.up.upstream_rq_tx_reset': 0,
      },
    },
    answer: /^HTTP\/1\.1 408 Request Timeout\r\n[^]*request timeout$/,
  },
  {
    what: 'falls silent in its body',
    sends: post,
    endpoint: 'waits',
    manager: { streamIdleTimeoutMs: 40 },
    expected: {
      logged: 408,
      flags: 'SI',
      details: 'stream_idle_timeout',
      counted: { 'http.http.downstream_rq_idle_timeout': 1, 'http.http.downstream_rq_4xx': 1 },
    },
    answer: /^HTTP\/1\.1 408 Request Timeout\r\n[^]*stream timeout$/,
  },
  {
    what: 'waits for an endpoint that is silent',
    sends: get.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'),
    endpoint: 'waits',
    manager: { streamIdleTimeoutMs: 40 },
    expected: {
      logged: 504,
      flags: 'SI',
      details: 'stream_idle_timeout',
      counted: { 'http.http.downstream_rq_idle_timeout': 1, 'http.http.downstream_rq_5xx': 1 },
    },
    answer: /^HTTP\/1\.1 504 Gateway Timeout\r\n[^]*stream timeout$/,
  },
  {
    what: 'waits for an endpoint that falls silent in its answer',
    sends: get,
    endpoint: 'begins to answer',
    manager: { streamIdleTimeoutMs: 40 },
    expected: {
      logged: 200,
      flags: 'SI',
      details: 'stream_idle_timeout',
      counted: { 'http.http.downstream_rq_idle_timeout': 1 },
    },
    answer: /^HTTP\/1\.1 200 OK\r\n[^]*hell$/,
  },
  {
    what: 'does nothing',
    sends: '',
    manager: { idleTimeoutMs: 40 },
    expected: undefined,
    answer: nothing,
  },
];

for (const { what, sends, next, endpoint = 'answers', manager, expected, answer } of http1Cases) {
  test(`an HTTP/1 client that ${what}`, async (t) => {
    const proxy = await watchedEndpoint(t, endpoint, manager);
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    const closed = once(socket, 'close');
    await once(socket, 'connect');
    socket.write(sends, 'latin1');
    if (next !== undefined) {
      if (endpoint !== 'answers') await proxy.asked;
      else await becomes(() => proxy.stat('http.http.downstream_cx_rx_bytes_total'), sends.length);
      if (endpoint === 'begins to answer') await becomes(() => text.endsWith('hell'), true);
      if (next === 'ends') socket.end();
      else socket.resetAndDestroy();
    }
    if (expected !== undefined) assertLogged(await proxy.log.next(), { status: 0, ...expected });
    await closed;
    assert.match(text, answer);
    await proxy.settle();
    proxy.counted(expected?.counted ?? {});
    assert.equal(proxy.log.left, 0);
    if (expected !== undefined) return;
    proxy.counted({ 'http.http.downstream_rq_total': 0, 'http.http.downstream_cx_destroy': 1 });
    if (manager !== undefined) proxy.counted({ 'http.http.downstream_cx_idle_timeout': 1 });
    else proxy.counted({ 'http.http.downstream_cx_destroy_remote': 1 });
  });
}
