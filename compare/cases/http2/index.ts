import { frame, frameFlag, frameType, headersFrame, headersInFrames, uint32 } from '@lateen/proxy/raw-http2';
import { http2Cluster, httpBootstrap } from '../../bootstrap.ts';
import type { CompareCase, Setup, Step, Theme } from '../../case.ts';
import { reasons } from './reasons.ts';

type Field = readonly [string, string];

const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(frameType.settings, 0, 0),
]);
const head: readonly Field[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];
const without = (name: string): readonly Field[] => head.filter(([one]) => one !== name);
const withValue = (name: string, value: string): readonly Field[] =>
  head.map((field) => (field[0] === name ? [name, value] : field));
const refused = 'answered, where Envoy resets the stream';
/** A head whose names and values have so many bytes together. */
const ofSize = (bytes: number): readonly Field[] => {
  const fields = [...head, ...Array.from({ length: 20 }, (_, i): Field => [`x-${i}`, 'v'.repeat(2_500)])];
  const used = fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return [...fields, ['rest', 'v'.repeat(bytes - used - 'rest'.length)]];
};
const data = (id: number, text: string, end = true): Buffer =>
  frame(frameType.data, end ? frameFlag.endStream : 0, id, Buffer.from(text));

const speaks = (what: string, steps: readonly Step[], more: Partial<CompareCase> = {}): CompareCase => ({
  what,
  protocol: 'http2',
  clients: [{ send: [preface, ...steps] }],
  ...more,
});
const asks = (what: string, fields: readonly Field[], more: Partial<CompareCase> = {}): CompareCase =>
  speaks(what, [headersFrame(1, fields)], more);
const plus = (what: string, ...fields: readonly Field[]): CompareCase => asks(what, [...head, ...fields]);

const requests: readonly CompareCase[] = [
  asks('fine', head),
  asks('no method', without(':method')),
  asks('no scheme', without(':scheme')),
  asks('no path', without(':path')),
  asks('no authority', without(':authority')),
  asks('host in place of authority', [...without(':authority'), ['host', 'b']]),
  asks('host besides authority', [...head, ['host', 'b']]),
  asks('an empty path', withValue(':path', '')),
  asks('a path without slash', withValue(':path', 'a')),
  asks('an asterisk', withValue(':path', '*')),
  asks('a path with a fragment', withValue(':path', '/a#b')),
  asks('a path with a space', withValue(':path', '/a b')),
  asks('a path with bytes above 127', withValue(':path', '/\xe4')),
  asks('an absolute path', withValue(':path', 'http://b/')),
  asks('a scheme of https', withValue(':scheme', 'https')),
  asks('a scheme of ftp', withValue(':scheme', 'ftp')),
  asks('a scheme in capitals', withValue(':scheme', 'HTTP')),
  asks('a method nobody knows', withValue(':method', 'FOO')),
  asks('a method in small letters', withValue(':method', 'get')),
  asks('an authority with a user', withValue(':authority', 'user@a')),
  asks('an authority with a space', withValue(':authority', 'a b')),
  asks('an empty authority', withValue(':authority', '')),
  asks('a pseudo-header twice', [...head, [':path', '/b']]),
  asks('a pseudo-header after others', [...without(':authority'), ['x', 'y'], [':authority', 'a']]),
  asks('a pseudo-header nobody knows', [[':odd', 'x'], ...head]),
  asks(':status in a request', [[':status', '200'], ...head]),
  plus('an upper-case name', ['X-A', 'b']),
  plus('an empty name', ['', 'b']),
  plus('a name with a space', ['x a', 'b']),
  plus('a name with an underscore', ['x_a', 'b']),
  plus('a value with a line feed', ['x', 'a\nb']),
  plus('a value with a NUL', ['x', 'a\0b']),
  plus('a value with spaces around', ['x', ' a ']),
  plus('a value with bytes above 127', ['x', '\xe4']),
  plus('connection', ['connection', 'close']),
  plus('keep-alive', ['keep-alive', 'x']),
  plus('proxy-connection', ['proxy-connection', 'x']),
  plus('transfer-encoding', ['transfer-encoding', 'chunked']),
  plus('upgrade', ['upgrade', 'websocket']),
  plus('te trailers', ['te', 'trailers']),
  plus('te gzip', ['te', 'gzip']),
  plus('cookies', ['cookie', 'a=b'], ['cookie', 'c=d']),
  plus('expect', ['expect', '100-continue']),
  plus('content-length of a request without body', ['content-length', '3']),
  plus('two lengths', ['content-length', '0'], ['content-length', '0']),
  plus('150 headers', ...Array.from({ length: 150 }, (_, i): Field => [`x-${i}`, 'a'])),
  asks('CONNECT', [
    [':method', 'CONNECT'],
    [':authority', 'a:80'],
  ]),
  asks('CONNECT with a path', [
    [':method', 'CONNECT'],
    [':authority', 'a:80'],
    [':path', '/'],
    [':scheme', 'http'],
  ]),
  asks('extended CONNECT that is not allowed', [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':authority', 'a'],
    [':path', '/'],
    [':scheme', 'http'],
  ]),
  asks('HEAD', withValue(':method', 'HEAD'), {
    up: [{ send: ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'] }],
  }),
  asks('a request from another proxy', [
    ...head,
    ['x-forwarded-for', '1.2.3.4'],
    ['x-forwarded-proto', 'https'],
  ]),
  speaks('a body', [headersFrame(1, withValue(':method', 'POST'), false), data(1, 'abc')]),
  speaks('a body with trailers', [
    headersFrame(1, withValue(':method', 'POST'), false),
    data(1, 'abc', false),
    headersFrame(1, [['x', 'y']]),
  ]),
  speaks('a body longer than its length', [
    headersFrame(1, [...withValue(':method', 'POST'), ['content-length', '2']], false),
    data(1, 'abc'),
  ]),
  speaks('a body shorter than its length', [
    headersFrame(1, [...withValue(':method', 'POST'), ['content-length', '5']], false),
    data(1, 'abc'),
  ]),
  speaks('trailers with a pseudo-header', [
    headersFrame(1, withValue(':method', 'POST'), false),
    headersFrame(1, [[':path', '/']]),
  ]),
  speaks('trailers that do not end the stream', [
    headersFrame(1, withValue(':method', 'POST'), false),
    headersFrame(1, [['x', 'y']], false),
  ]),
  speaks('two requests', [headersFrame(1, head), headersFrame(3, withValue(':path', '/3'))]),
  speaks('stream numbers that go down', [headersFrame(3, head), headersFrame(1, head)]),
  speaks('an even stream number', [headersFrame(2, head)]),
  speaks('data on stream 0', [data(0, 'a')]),
  speaks('data on an idle stream', [data(5, 'a')]),
  speaks('data after the end', [headersFrame(1, head), { until: 'hello' }, data(1, 'a')]),
  speaks('a reset', [headersFrame(1, head), frame(frameType.rstStream, 0, 1, uint32(8))], {
    up: [{ send: [{ waitMs: 200 }] }],
  }),
  speaks('a reset of an idle stream', [frame(frameType.rstStream, 0, 1, uint32(8))]),
  speaks('a PING', [frame(frameType.ping, 0, 0, Buffer.alloc(8))]),
  speaks('a PING of five bytes', [frame(frameType.ping, 0, 0, Buffer.alloc(5))]),
  speaks('a SETTINGS of five bytes', [frame(frameType.settings, 0, 0, Buffer.alloc(5))]),
  speaks('a SETTINGS ACK with a payload', [frame(frameType.settings, frameFlag.ack, 0, Buffer.alloc(6))]),
  speaks('a WINDOW_UPDATE of 0', [frame(frameType.windowUpdate, 0, 0, uint32(0))]),
  speaks('a WINDOW_UPDATE beyond the limit', [frame(frameType.windowUpdate, 0, 0, uint32(0x7fffffff))]),
  speaks('a PUSH_PROMISE', [frame(frameType.pushPromise, 4, 1, Buffer.alloc(4))]),
  speaks('a CONTINUATION alone', [frame(9, 4, 1, Buffer.alloc(4))]),
  speaks('a frame nobody knows', [frame(99, 0, 0, Buffer.alloc(4)), headersFrame(1, head)]),
  speaks('a head of the largest size', headersInFrames(1, ofSize(60 * 1024))),
  speaks('a head that is too large', [...headersInFrames(1, ofSize(60 * 1024 + 1)), headersFrame(3, head)], {
    differs: {
      'client1.stream.1': refused,
      'log.1.': refused,
      'stat.http.main.downstream_rq_': refused,
      'stat.http2.': 'counted by the connection manager',
      'stat.http.main.http2.header_list_size_too_large': 'counted by the connection manager',
    },
  }),
  speaks('a frame that is too large', [frame(frameType.data, 0, 1, Buffer.alloc(20_000))]),
  speaks('no HPACK', [frame(frameType.headers, 5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))]),
  speaks('a GOAWAY', [frame(frameType.goaway, 0, 0, Buffer.alloc(8)), headersFrame(1, head)]),
  speaks('a bad preface', [], { clients: [{ send: ['PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'] }] }),
  speaks('no SETTINGS after the preface', [], {
    clients: [{ send: ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', headersFrame(1, head)] }],
  }),
  speaks('a flood of PING', [
    Buffer.concat(Array.from({ length: 3_000 }, () => frame(frameType.ping, 0, 0, Buffer.alloc(8)))),
  ]),
  speaks('a flood of SETTINGS', [
    Buffer.concat(Array.from({ length: 3_000 }, () => frame(frameType.settings, 0, 0))),
  ]),
  speaks('a flood of resets', [
    Buffer.concat(
      Array.from({ length: 700 }, (_, i) => [
        headersFrame(2 * i + 1, head),
        frame(frameType.rstStream, 0, 2 * i + 1, uint32(8)),
      ]).flat(),
    ),
  ]),
  speaks('a flood of CONTINUATION', [
    Buffer.concat([
      frame(frameType.headers, 0, 1, Buffer.alloc(0)),
      ...Array.from({ length: 3_000 }, () => frame(9, 0, 1, Buffer.alloc(0))),
    ]),
  ]),
  speaks('a flood of empty DATA', [
    Buffer.concat([
      headersFrame(1, withValue(':method', 'POST'), false),
      ...Array.from({ length: 3_000 }, () => frame(frameType.data, 0, 1)),
    ]),
  ]),
  speaks('a flood of PRIORITY', [
    Buffer.concat(Array.from({ length: 3_000 }, () => frame(2, 0, 1, Buffer.alloc(5)))),
    headersFrame(3, head),
  ]),
  speaks(
    'more streams than allowed',
    [Buffer.concat(Array.from({ length: 120 }, (_, i) => headersFrame(2 * i + 1, head)))],
    { up: [{ send: [{ waitMs: 400 }, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'] }], quietMs: 300 },
  ),
  asks(
    'a gRPC request whose endpoint fails',
    [...withValue(':method', 'POST'), ['content-type', 'application/grpc'], ['te', 'trailers']],
    { up: [{ send: [{ reset: true }] }] },
  ),
  asks(
    'an answer of 503 to gRPC',
    [...withValue(':method', 'POST'), ['content-type', 'application/grpc'], ['te', 'trailers']],
    { up: [{ send: ['HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n'] }] },
  ),
  asks('the endpoint resets in its answer', head, {
    up: [{ send: ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe', { waitMs: 30 }, { reset: true }] }],
  }),
  asks('the endpoint answers early', withValue(':method', 'POST'), {
    clients: [{ send: [preface, headersFrame(1, withValue(':method', 'POST'), false)] }],
    up: [{ on: 'head', send: ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'] }],
  }),
  asks('hop-by-hop headers of an answer', head, {
    up: [
      {
        send: [
          'HTTP/1.1 200 OK\r\nconnection: x-a\r\nx-a: b\r\nkeep-alive: x\r\nproxy-connection: x\r\nUpper: C\r\ncontent-length: 0\r\n\r\n',
        ],
      },
    ],
  }),
  asks('chunks with trailers', head, {
    up: [{ send: ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n'] }],
  }),
];

const manager = { codec_type: 'HTTP2', http2_protocol_options: { max_concurrent_streams: 100 } };

const toHttp1: Setup = { name: 'to-http1', bootstrap: httpBootstrap({ manager }), cases: requests };
const toHttp2: Setup = {
  name: 'to-http2',
  bootstrap: httpBootstrap({
    manager: {
      ...manager,
      http2_protocol_options: { ...manager.http2_protocol_options, allow_connect: true },
      upgrade_configs: [{ upgrade_type: 'websocket' }, { upgrade_type: 'CONNECT' }],
    },
    cluster: http2Cluster,
  }),
  cases: requests
    .filter(({ what }) =>
      /^(?:fine|no |host|CONNECT|extended|a body|te |cookies|HEAD|trailers|content-length|two requests|a reset$)/.test(
        what,
      ),
    )
    .map(({ what, protocol = 'http2', clients }) => ({ what, protocol, clients })),
};

export const http2: Theme = { name: 'http2', reasons, setups: [toHttp1, toHttp2] };
