import type { Socket } from 'node:net';
import { test } from 'node:test';
import { errorCode, frameFlag, frameType } from '../http2/frame.ts';
import { asks, connectError, suffer, type Expected } from '../testing/fault-case.ts';
import { cluster, tcpUpstream } from '../testing/harness.ts';
import { http2Cluster } from '../testing/http2-peers.ts';
import {
  frame,
  headersFrame,
  rawHttp2Upstream,
  uint32,
  type RawHttp2Endpoint,
} from '../testing/raw-http2.ts';

interface Fault {
  readonly what: string;
  readonly expected: Expected;
}

interface Http1Fault extends Fault {
  readonly answer: (socket: Socket) => void;
}

interface Http2Fault extends Fault {
  readonly answer: (endpoint: RawHttp2Endpoint, streamId: number) => void;
}

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello';
const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n';
/** Bytes and the end of the connection at once. */
const reset = (socket: Socket, text: string): void =>
  void socket.write(text, 'latin1', () => setImmediate(() => socket.resetAndDestroy()));

const terminated: Expected = {
  status: 503,
  body: `${connectError} reset reason: connection termination`,
  flags: 'UC',
  details: 'upstream_reset_before_response_started{connection_termination}',
  counted: {
    'cluster.up.upstream_cx_total': 1,
    'cluster.up.upstream_cx_destroy': 1,
    'cluster.up.upstream_cx_destroy_remote': 1,
    'cluster.up.upstream_cx_destroy_with_active_rq': 1,
    'cluster.up.upstream_cx_destroy_remote_with_active_rq': 1,
    'cluster.up.upstream_rq_total': 1,
    'cluster.up.upstream_rq_503': 1,
    'cluster.up.upstream_rq_5xx': 1,
    'cluster.up.upstream_cx_protocol_error': 0,
    'http.http.downstream_rq_5xx': 1,
  },
};

const brokenOff: Expected = {
  status: 0,
  logged: 200,
  flags: 'UC',
  details: 'upstream_reset_after_response_started{connection_termination}',
  counted: {
    'cluster.up.upstream_rq_200': 1,
    'cluster.up.upstream_cx_destroy_remote_with_active_rq': 1,
    'http.http.downstream_rq_2xx': 1,
    'http.http.downstream_rq_tx_reset': 1,
  },
};

const unreadable: Expected = {
  status: 502,
  body: `${connectError} reset reason: protocol error`,
  flags: 'UPE',
  details: 'upstream_reset_before_response_started{protocol_error}',
  counted: {
    'cluster.up.upstream_cx_protocol_error': 1,
    'cluster.up.upstream_rq_502': 1,
    'cluster.up.upstream_rq_5xx': 1,
    'cluster.up.upstream_cx_destroy': 1,
    'cluster.up.upstream_cx_destroy_local_with_active_rq': 1,
  },
};

const unreadableLater: Expected = {
  status: 0,
  logged: 200,
  flags: 'UPE',
  details: 'upstream_reset_after_response_started{protocol_error}',
  counted: { 'cluster.up.upstream_cx_protocol_error': 1, 'cluster.up.upstream_rq_200': 1 },
};

/** What is cut short is not HTTP, whoever ended it. */
const cutHead: Expected = {
  ...unreadable,
  counted: {
    'cluster.up.upstream_cx_protocol_error': 1,
    'cluster.up.upstream_rq_502': 1,
    'cluster.up.upstream_cx_destroy_remote_with_active_rq': 1,
  },
};

const cutBody: Expected = {
  ...brokenOff,
  flags: 'UPE',
  details: 'upstream_reset_after_response_started{protocol_error}',
  counted: { ...brokenOff.counted, 'cluster.up.upstream_cx_protocol_error': 1 },
};

const fine: Expected = { status: 200, body: 'hello', flags: '-', details: 'via_upstream' };

const http1Faults: readonly Http1Fault[] = [
  { what: 'closes before its head', answer: (s) => s.end(), expected: terminated },
  { what: 'resets before its head', answer: (s) => s.resetAndDestroy(), expected: terminated },
  { what: 'closes in its head', answer: (s) => s.end('HTTP/1.1 200 OK\r\nconte'), expected: cutHead },
  { what: 'resets in its head', answer: (s) => reset(s, 'HTTP/1.1 200 OK\r\nconte'), expected: cutHead },
  {
    what: 'closes after an interim head',
    answer: (s) => s.end('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'),
    expected: terminated,
  },
  { what: 'closes after its head', answer: (s) => s.end(ok.slice(0, -5)), expected: cutBody },
  { what: 'closes in its body', answer: (s) => s.end(ok.slice(0, -2)), expected: cutBody },
  { what: 'resets in its body', answer: (s) => reset(s, ok.slice(0, -2)), expected: cutBody },
  { what: 'closes between chunks', answer: (s) => s.end(chunked), expected: cutBody },
  {
    what: 'resets in a body that ends with the connection',
    answer: (s) => reset(s, 'HTTP/1.1 200 OK\r\n\r\nhell'),
    expected: brokenOff,
  },
  { what: 'speaks SSH', answer: (s) => s.write('SSH-2.0-OpenSSH_9.2\r\n'), expected: unreadable },
  { what: 'speaks HTTP/2', answer: (s) => s.write(frame(frameType.settings, 0, 0)), expected: unreadable },
  {
    what: 'answers with two lengths',
    answer: (s) => s.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'),
    expected: unreadable,
  },
  {
    what: 'answers with length and chunks',
    answer: (s) =>
      s.write('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
    expected: unreadable,
  },
  {
    what: 'answers with a folded line',
    answer: (s) => s.write('HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n'),
    expected: unreadable,
  },
  {
    what: 'answers with a head that is too large',
    answer: (s) => s.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`),
    expected: unreadable,
  },
  {
    what: 'answers with too many headers',
    answer: (s) => s.write(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(101)}\r\n`),
    expected: unreadable,
  },
  {
    what: 'switches protocols unasked',
    answer: (s) => s.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n'),
    expected: unreadable,
  },
  {
    what: 'never stops its interim heads',
    answer: (s) => s.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(500)),
    expected: unreadable,
  },
  { what: 'sends a malformed chunk', answer: (s) => s.write(`${chunked}xyz\r\n`), expected: unreadableLater },
  {
    what: 'answers 204 with a body',
    answer: (s) => s.write('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello'),
    expected: unreadable,
  },
  {
    what: 'sends too much',
    answer: (s) => s.write(`${ok}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`),
    expected: {
      ...fine,
      counted: {
        'cluster.up.upstream_cx_protocol_error': 1,
        'cluster.up.upstream_cx_destroy': 1,
        'cluster.up.upstream_rq_200': 1,
        'cluster.up.upstream_cx_destroy_with_active_rq': 0,
      },
    },
  },
  {
    what: 'says goodbye with its answer',
    answer: (s) => s.end(ok.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n')),
    expected: {
      ...fine,
      counted: { 'cluster.up.upstream_cx_destroy': 1, 'cluster.up.upstream_cx_destroy_with_active_rq': 0 },
    },
  },
];

const answerHead: readonly (readonly [string, string])[] = [[':status', '200']];
const remoteReset: Expected = {
  status: 503,
  body: `${connectError} reset reason: remote reset`,
  flags: 'UR',
  details: 'upstream_reset_before_response_started{remote_reset}',
  counted: {
    'cluster.up.upstream_rq_rx_reset': 1,
    'cluster.up.upstream_rq_503': 1,
    'cluster.up.upstream_cx_destroy_with_active_rq': 0,
  },
};
/** The stream is malformed, the connection goes on. */
const malformedStream: Expected = {
  ...unreadable,
  counted: {
    'cluster.up.upstream_rq_502': 1,
    'cluster.up.upstream_rq_tx_reset': 1,
    'cluster.up.http2.rx_messaging_error': 1,
  },
};

const http2Faults: readonly Http2Fault[] = [
  { what: 'closes before its head', answer: (e) => e.socket.end(), expected: terminated },
  {
    what: 'resets the connection before its head',
    answer: (e) => e.socket.resetAndDestroy(),
    expected: terminated,
  },
  {
    what: 'resets the stream before its head',
    answer: (e, id) => e.send(frame(frameType.rstStream, 0, id, uint32(errorCode.internalError))),
    expected: remoteReset,
  },
  {
    what: 'finds the request malformed',
    answer: (e, id) => e.send(frame(frameType.rstStream, 0, id, uint32(errorCode.protocolError))),
    expected: { ...unreadable, counted: { 'cluster.up.upstream_rq_502': 1 } },
  },
  {
    what: 'closes after its head',
    answer: (e, id) => {
      e.send(headersFrame(id, answerHead, false));
      e.socket.end();
    },
    expected: brokenOff,
  },
  {
    what: 'resets the stream in its body',
    answer: (e, id) =>
      e.send(
        headersFrame(id, answerHead, false),
        frame(frameType.data, 0, id, Buffer.from('hell')),
        frame(frameType.rstStream, 0, id, uint32(errorCode.internalError)),
      ),
    expected: {
      status: 0,
      logged: 200,
      flags: 'UR',
      details: 'upstream_reset_after_response_started{remote_reset}',
      counted: { 'cluster.up.upstream_rq_rx_reset': 1, 'cluster.up.upstream_rq_200': 1 },
    },
  },
  { what: 'speaks HTTP/1', answer: (e) => e.socket.write(ok), expected: unreadable },
  {
    what: 'answers without a status',
    answer: (e, id) => e.send(headersFrame(id, [['x', 'y']])),
    expected: malformedStream,
  },
  {
    what: 'answers with an upper-case name',
    answer: (e, id) => e.send(headersFrame(id, [...answerHead, ['X', 'y']])),
    expected: malformedStream,
  },
  {
    what: 'answers with transfer-encoding',
    answer: (e, id) => e.send(headersFrame(id, [...answerHead, ['transfer-encoding', 'chunked']])),
    expected: malformedStream,
  },
  {
    what: 'answers with a line break in a value',
    answer: (e, id) => e.send(headersFrame(id, [...answerHead, ['x', 'a\r\nb: c']])),
    expected: malformedStream,
  },
  {
    what: 'answers with 101',
    answer: (e, id) => e.send(headersFrame(id, [[':status', '101']], false)),
    expected: malformedStream,
  },
  {
    what: 'sends more than its length',
    answer: (e, id) =>
      e.send(
        headersFrame(id, [...answerHead, ['content-length', '3']], false),
        frame(frameType.data, frameFlag.endStream, id, Buffer.from('hello')),
      ),
    expected: {
      ...unreadableLater,
      counted: { 'cluster.up.http2.rx_messaging_error': 1, 'cluster.up.upstream_rq_200': 1 },
    },
  },
  {
    what: 'sends less than its length',
    answer: (e, id) =>
      e.send(
        headersFrame(id, [...answerHead, ['content-length', '9']], false),
        frame(frameType.data, frameFlag.endStream, id, Buffer.from('hello')),
      ),
    expected: {
      ...unreadableLater,
      counted: { 'cluster.up.http2.rx_messaging_error': 1, 'cluster.up.upstream_rq_200': 1 },
    },
  },
  {
    what: 'answers a stream that nobody opened',
    answer: (e) => e.send(headersFrame(7, answerHead)),
    expected: unreadable,
  },
  {
    what: 'pushes',
    answer: (e, id) => e.send(frame(frameType.pushPromise, 4, id, Buffer.alloc(4))),
    expected: unreadable,
  },
  {
    what: 'sends a block that is no HPACK',
    answer: (e, id) => e.send(frame(frameType.headers, 4, id, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]))),
    expected: unreadable,
  },
  {
    what: 'floods with SETTINGS',
    answer: (e) => e.send(...Array.from({ length: 500 }, () => frame(frameType.settings, 0, 0))),
    expected: unreadable,
  },
  {
    what: 'never stops its interim heads',
    answer: (e, id) =>
      e.send(
        ...Array.from({ length: 500 }, () =>
          headersFrame(
            id,
            [
              [':status', '103'],
              ['link', '</a>'],
            ],
            false,
          ),
        ),
      ),
    expected: malformedStream,
  },
];

for (const [version, ask] of Object.entries(asks)) {
  for (const { what, answer, expected } of http1Faults) {
    test(`${version} client, HTTP/1 endpoint that ${what}`, async (t) => {
      const up = await tcpUpstream(t, (socket) => {
        socket.once('data', () => answer(socket));
        socket.on('end', () => socket.end());
      });
      await suffer(t, ask, cluster('up', [up]), expected);
    });
  }
  for (const { what, answer, expected } of http2Faults) {
    test(`${version} client, HTTP/2 endpoint that ${what}`, async (t) => {
      const up = await rawHttp2Upstream(t, answer);
      await suffer(t, ask, http2Cluster('up', [up]), expected);
    });
  }
}
