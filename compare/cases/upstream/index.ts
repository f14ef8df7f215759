import { frame, frameFlag, frameType, headersFrame, uint32 } from '@lateen/proxy/raw-http2';
import { clusterOf, http2Cluster, httpBootstrap } from '../../bootstrap.ts';
import type { CompareCase, Reply, Setup, Step, Theme } from '../../case.ts';
import { get, post, sends } from '../../request.ts';
import { reasons } from './reasons.ts';

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';
const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n';

const fault = (what: string, send: Reply['send'], bytes = get('/')): CompareCase =>
  sends(what, bytes, { up: [{ send }] });
const text = (what: string, answer: string) => fault(what, [answer]);

const http1: Setup = {
  name: 'http1',
  bootstrap: httpBootstrap(({ closed }) => ({
    routes: [
      { match: { path: '/closed' }, route: { cluster: 'closed' } },
      { match: { path: '/unknown' }, route: { cluster: 'unknown' } },
      {
        match: { path: '/unknown-404' },
        route: { cluster: 'unknown', cluster_not_found_response_code: 'NOT_FOUND' },
      },
      { match: { path: '/empty' }, route: { cluster: 'empty' } },
      { match: { path: '/maintenance' }, route: { cluster: 'maintenance' } },
      { match: { path: '/unroutable' }, route: { cluster: 'unroutable' } },
      { match: { path: '/none' }, route: { cluster: 'none' } },
      { match: { path: '/limited' }, route: { cluster: 'limited' } },
      { match: { prefix: '/' }, route: { cluster: 'up' } },
    ],
    routeConfig: { validate_clusters: false },
    clusters: [
      clusterOf('closed', [closed]),
      clusterOf('empty', []),
      clusterOf('unroutable', [closed], {
        load_assignment: {
          cluster_name: 'unroutable',
          endpoints: [
            {
              lb_endpoints: [
                { endpoint: { address: { socket_address: { address: '240.0.0.1', port_value: 80 } } } },
              ],
            },
          ],
        },
        connect_timeout: '0.3s',
      }),
      clusterOf('limited', [closed], {
        circuit_breakers: { thresholds: [{ max_requests: 0, max_pending_requests: 0 }] },
      }),
    ],
  })),
  cases: [
    sends('refused', get('/closed')),
    sends('a cluster that there is not', get('/unknown')),
    sends('a cluster that there is not, 404', get('/unknown-404')),
    sends('a cluster without endpoints', get('/empty')),
    sends('an address that cannot be reached', get('/unroutable'), { quietMs: 700 }),
    sends('a limit of no requests', get('/limited')),
    fault('closes before its head', [{ close: true }]),
    fault('resets before its head', [{ reset: true }]),
    fault('closes in its head', ['HTTP/1.1 200 OK\r\nconte', { close: true }]),
    fault('resets in its head', ['HTTP/1.1 200 OK\r\nconte', { waitMs: 50 }, { reset: true }]),
    fault('closes after an interim head', ['HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n', { close: true }]),
    fault('closes after its head', [ok.slice(0, -5), { close: true }]),
    fault('closes in its body', [ok.slice(0, -2), { close: true }]),
    fault('resets in its body', [ok.slice(0, -2), { waitMs: 50 }, { reset: true }]),
    fault('closes between chunks', [chunked, { close: true }]),
    fault('closes in the last chunk', [`${chunked}0\r\n`, { close: true }]),
    fault('resets in a body that ends with the connection', [
      'HTTP/1.1 200 OK\r\n\r\nhell',
      { waitMs: 50 },
      { reset: true },
    ]),
    fault('closes with its answer', [ok, { close: true }]),
    fault('says close, and does not', [ok.replace('content', 'connection: close\r\ncontent')]),
    {
      what: 'closes at once',
      clients: [{ send: [get('/')] }],
      up: [{ on: 'connect', send: [{ close: true }] }],
    },
    {
      what: 'resets at once',
      clients: [{ send: [get('/')] }],
      up: [{ on: 'connect', send: [{ reset: true }] }],
    },
    { what: 'speaks unasked', clients: [{ send: [get('/')] }], up: [{ on: 'connect', send: [ok] }] },
    {
      what: 'closes an idle connection, then again',
      clients: [{ send: [get('/1'), { until: 'hello' }, { waitMs: 100 }, get('/2')] }],
      up: [{ send: [ok, { waitMs: 40 }, { close: true }] }, { send: [ok] }],
    },
    {
      what: 'says something on an idle connection',
      clients: [{ send: [get('/1'), { until: 'hello' }, { waitMs: 100 }, get('/2')] }],
      up: [{ send: [ok, { waitMs: 40 }, 'x'] }, { send: [ok] }],
    },
    {
      what: 'closes a used connection when asked again',
      clients: [{ send: [get('/1'), { until: 'hello' }, { waitMs: 50 }, get('/2')] }],
      up: [{ send: [ok] }, { send: [{ close: true }] }, { send: [ok] }],
    },
    {
      what: 'sends 408 on an idle connection',
      clients: [{ send: [get('/1'), { until: 'hello' }, { waitMs: 100 }, get('/2')] }],
      up: [
        {
          send: [
            ok,
            { waitMs: 40 },
            'HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
            { close: true },
          ],
        },
        { send: [ok] },
      ],
    },
    text('speaks SSH', 'SSH-2.0-OpenSSH_9.2\r\n'),
    fault('speaks HTTP/2', [frame(frameType.settings, 0, 0)]),
    text('answers with two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'),
    text(
      'answers with two equal lengths',
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nab',
    ),
    text(
      'answers with length and chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    ),
    text('answers with a coding nobody knows', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc'),
    text('answers with a folded line', 'HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n'),
    text('answers with bare line feeds', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n'),
    text('answers with a NUL', 'HTTP/1.1 200 OK\r\nx: \0\r\ncontent-length: 0\r\n\r\n'),
    text('answers with a space before the colon', 'HTTP/1.1 200 OK\r\nx : y\r\ncontent-length: 0\r\n\r\n'),
    text('answers with a line without colon', 'HTTP/1.1 200 OK\r\nxy\r\ncontent-length: 0\r\n\r\n'),
    text('answers with a negative length', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n'),
    text('answers with a bad version', 'HTTP/1.x 200 OK\r\ncontent-length: 0\r\n\r\n'),
    text('answers with version 2.0', 'HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n'),
    text('answers with a bad status', 'HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n'),
    text('answers with a status of four digits', 'HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n'),
    text('answers with a head that is too large', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`),
    text(
      'answers with too many headers',
      `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(101)}content-length: 0\r\n\r\n`,
    ),
    text('switches protocols unasked', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n'),
    text('sends a malformed chunk', `${chunked}xyz\r\n`),
    text('answers 204 with a body', 'HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello'),
    text('answers 204 with chunks', 'HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
    text('sends too much', `${ok}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`),
    text('sends garbage after its answer', `${ok}garbage`),
    fault('answers HEAD with a body', [ok], get('/').replace('GET', 'HEAD')),
    {
      what: "resets in the request's body",
      clients: [{ send: [post('abc', 'content-length: 10'), { waitMs: 100 }, 'defghij'] }],
      up: [{ on: 'head', send: [{ reset: true }] }],
    },
    {
      what: "closes in the request's body",
      clients: [{ send: [post('abc', 'content-length: 10'), { waitMs: 100 }, 'defghij'] }],
      up: [{ on: 'head', send: [{ close: true }] }],
    },
    {
      what: 'answers early and resets',
      clients: [{ send: [post('abc', 'content-length: 10'), { waitMs: 100 }, 'defghij'] }],
      up: [{ on: 'head', send: [ok, { waitMs: 50 }, { reset: true }] }],
    },
  ],
};

const head = (id: number, end = false, more: readonly (readonly [string, string])[] = []): Buffer =>
  headersFrame(id, [[':status', '200'], ...more], end);
const data = (id: number, text: string, end = false): Buffer =>
  frame(frameType.data, end ? frameFlag.endStream : 0, id, Buffer.from(text));
const rst = (id: number, code: number): Buffer => frame(frameType.rstStream, 0, id, uint32(code));
const goaway = (last: number, code: number): Buffer =>
  frame(frameType.goaway, 0, 0, Buffer.concat([uint32(last), uint32(code)]));
const fault2 = (what: string, send: (id: number) => readonly Step[]): CompareCase =>
  sends(what, get('/'), { up: [{ send }] });

const http2: Setup = {
  name: 'http2',
  bootstrap: httpBootstrap({ cluster: http2Cluster }),
  cases: [
    sends('fine', get('/')),
    fault2('closes before its head', () => [{ close: true }]),
    fault2('resets the connection before its head', () => [{ reset: true }]),
    ...[0, 1, 2, 3, 5, 7, 8, 11, 13].map((code) =>
      fault2(`resets the stream with ${code}`, (id) => [rst(id, code)]),
    ),
    fault2('closes after its head', (id) => [head(id), { close: true }]),
    fault2('resets the stream in its body', (id) => [head(id), data(id, 'hell'), { waitMs: 30 }, rst(id, 2)]),
    fault2('resets the stream with NO_ERROR after its answer', (id) => [
      head(id),
      data(id, 'hello', true),
      rst(id, 0),
    ]),
    fault2('answers with trailers', (id) => [head(id), data(id, 'hello'), headersFrame(id, [['x', 'y']])]),
    fault2('says goodbye, then answers', (id) => [goaway(id, 0), head(id), data(id, 'hello', true)]),
    fault2('says goodbye to the stream', () => [goaway(0, 0)]),
    fault2('says goodbye with an error', (id) => [goaway(id, 2)]),
    fault2('speaks HTTP/1', () => [ok]),
    fault2('answers without a status', (id) => [headersFrame(id, [['x', 'y']])]),
    fault2('answers with an upper-case name', (id) => [head(id, true, [['X', 'y']])]),
    fault2('answers with transfer-encoding', (id) => [head(id, true, [['transfer-encoding', 'chunked']])]),
    fault2('answers with connection', (id) => [head(id, true, [['connection', 'close']])]),
    fault2('answers with a line break in a value', (id) => [head(id, true, [['x', 'a\r\nb: c']])]),
    fault2('answers with 101', (id) => [headersFrame(id, [[':status', '101']], false)]),
    fault2('answers with 103 first', (id) => [
      headersFrame(
        id,
        [
          [':status', '103'],
          ['link', 'a'],
        ],
        false,
      ),
      head(id),
      data(id, 'hello', true),
    ]),
    fault2('sends more than its length', (id) => [
      head(id, false, [['content-length', '3']]),
      data(id, 'hello', true),
    ]),
    fault2('sends less than its length', (id) => [
      head(id, false, [['content-length', '9']]),
      data(id, 'hello', true),
    ]),
    fault2('answers a stream that nobody opened', () => [head(7)]),
    fault2('pushes', (id) => [frame(frameType.pushPromise, 4, id, Buffer.alloc(4))]),
    fault2('sends a block that is no HPACK', (id) => [
      frame(frameType.headers, 4, id, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff])),
    ]),
    fault2('floods with SETTINGS', () => Array.from({ length: 2000 }, () => frame(frameType.settings, 0, 0))),
    fault2('floods with PING', () =>
      Array.from({ length: 2000 }, () => frame(frameType.ping, 0, 0, Buffer.alloc(8))),
    ),
    fault2('sends 150 headers', (id) => [
      head(
        id,
        true,
        Array.from({ length: 150 }, (_, i) => [`x-${i}`, 'a']),
      ),
    ]),
    fault2('sends a head of 70 KB', (id) => [
      head(
        id,
        true,
        Array.from({ length: 7 }, (_, i) => [`x-${i}`, 'a'.repeat(1_990)]),
      ),
    ]),
    fault2('sends data on stream 0', () => [data(0, 'x')]),
    fault2('sends a frame that is too large', (id) => [frame(frameType.data, 0, id, Buffer.alloc(20_000))]),
  ],
};

export const upstream: Theme = { name: 'upstream', reasons, setups: [http1, http2] };
