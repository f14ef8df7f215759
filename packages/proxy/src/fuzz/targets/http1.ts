import { TestClock } from '@lateen/core';
import { HeadPool, RequestHead, ResponseHead } from '../../codec/head.ts';
import { HeaderBlock } from '../../codec/header-block.ts';
import { headerName } from '../../codec/header-name.ts';
import type { ClientStreamHandler, ServerStream, ServerStreamHandler } from '../../codec/stream.ts';
import { ChunkedDecoder } from '../../http1/chunked-decoder.ts';
import { Http1ClientConnection } from '../../http1/client-connection.ts';
import { faultStatus } from '../../http1/codec-fault.ts';
import { malformed } from '../../http1/head-parser.ts';
import { parseRequestLine, parseStatusLine } from '../../http1/request-line.ts';
import { applyTarget, isAuthority } from '../../http1/request-target.ts';
import { Http1ServerConnection } from '../../http1/server-connection.ts';
import type { ServerConnectionOwner } from '../../http1/server-connection-owner.ts';
import { http1Options } from '../../filter/connection-manager.ts';
import { defaultHttpConnectionManager } from '../../model/index.ts';
import { requestCorpus } from '../../strictness/request-corpus.ts';
import { CoarseTimers } from '../../timer/coarse-timers.ts';
import { RecordedWire } from '../../wire/testing/recorded-wire.ts';
import { Turn } from '../../wire/turn.ts';
import { cutOf, cuttable, must, same, type FuzzTarget } from '../target.ts';

const words = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '\0',
  '0\r\n\r\n',
  '5\r\nhello\r\n',
  'HTTP/1.1',
  'HTTP/1.0',
  'GET / HTTP/1.1\r\n',
  'POST ',
  'Host: a\r\n',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Upgrade: websocket\r\n',
  'Connection: upgrade\r\n',
  'Expect: 100-continue\r\n',
  'http://b/',
];

function linesOf(block: HeaderBlock | undefined): string[] {
  const lines: string[] = [];
  block?.forEach((name, value) => lines.push(`${name}=${value}`));
  return lines;
}

const options = {
  ...http1Options(defaultHttpConnectionManager({ kind: 'rds', name: '' })),
  acceptHttp10: true,
  maxHeadBytes: 2_048,
  maxHeaders: 20,
};

/** What is heard of requests that come in these pieces. */
function hearRequests(bytes: Buffer, cuts: readonly number[]): unknown {
  const clock = new TestClock();
  const turn = new Turn(clock);
  const wire = new RecordedWire();
  const heard: unknown[] = [];
  const faults: string[] = [];
  const owner: ServerConnectionOwner = {
    draining: false,
    onRequest(stream: ServerStream, head: RequestHead, endStream: boolean): ServerStreamHandler {
      const seen = {
        line: `${head.method} ${head.authority} ${head.path} ${head.version}`,
        headers: linesOf(head.headers),
        upgrade: head.upgrade,
        body: '',
        ended: endStream,
        trailers: [] as string[],
      };
      heard.push(seen);
      must(isAuthority(head.authority), 'an authority that is none');
      must(
        head.path === '' ? head.upgrade === 'connect' : /^(?:\/[^\s#]*|\*)$/.test(head.path),
        'a path that is none',
      );
      const answer = (): void => {
        const response = new ResponseHead();
        response.status = 204;
        stream.sendHead(response, true);
      };
      if (endStream) answer();
      return {
        onRequestData: (buffer, start, end) => void (seen.body += buffer.toString('latin1', start, end)),
        onRequestEnd(trailers) {
          seen.ended = true;
          seen.trailers = linesOf(trailers);
          answer();
        },
        onResponseDrain() {},
        onUnreadable() {
          faults.push('unreadable');
        },
        onDownstreamReset: (reason) => void faults.push(reason),
      };
    },
    onRefused(stream, _head, fault) {
      faults.push(fault);
      const response = new ResponseHead();
      response.status = faultStatus[fault];
      stream.sendHead(response, true);
    },
    onUnread: (fault) => void faults.push(fault),
    onDrainClose() {},
    onDelayedCloseTimeout() {},
    onConnectionClosed() {},
  };
  const connection = new Http1ServerConnection(
    wire,
    options,
    owner,
    new HeadPool(),
    new CoarseTimers(turn, clock),
  );
  wire.receive(bytes.toString('latin1'), cuts);
  void connection;
  return { heard, faults, sent: wire.sent, ended: wire.ended };
}

/** What is heard of an answer that comes in these pieces. */
function hearAnswer(bytes: Buffer, cuts: readonly number[]): unknown {
  const clock = new TestClock();
  const turn = new Turn(clock);
  const wire = new RecordedWire();
  const heard = { heads: [] as string[], body: '', ended: false, trailers: [] as string[], reset: '' };
  const connection = new Http1ClientConnection(
    wire,
    {
      maxHeadBytes: 2_048,
      maxHeaders: 20,
      preserveHeaderCase: false,
      enableTrailers: true,
      idleTimeoutMs: 0,
      maxRequests: 0,
    },
    { onConnectionIdle: () => false, serveNext() {}, onConnectionClosed() {} },
    new HeadPool(),
    new CoarseTimers(turn, clock),
  );
  const handler: ClientStreamHandler = {
    onResponseHead(head, end) {
      must(!heard.ended && heard.reset === '', 'a head after the end');
      heard.heads.push(`${head.status} ${linesOf(head.headers).join(' ')}`);
      if (end) heard.ended = true;
    },
    onResponseData(buffer, start, end) {
      must(!heard.ended && heard.reset === '', 'data after the end');
      heard.body += buffer.toString('latin1', start, end);
    },
    onResponseEnd(trailers) {
      must(!heard.ended && heard.reset === '', 'a second end');
      heard.ended = true;
      heard.trailers = linesOf(trailers);
    },
    onRequestDrain() {},
    onUpstreamReset(reason) {
      must(!heard.ended && heard.reset === '', 'a reset after the end');
      heard.reset = reason;
    },
  };
  const head = new RequestHead();
  head.method = 'GET';
  head.authority = 'a';
  head.path = '/';
  head.headers.add(headerName('accept'), '*/*');
  connection.attach(handler).sendHead(head, true);
  wire.receive(bytes.toString('latin1'), cuts);
  return heard;
}

/** A line is judged when its end has come: both ways get one. */
const ended = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.from('\r\n')]);

function twoPieces(input: Buffer, hear: (bytes: Buffer, cuts: readonly number[]) => unknown): void {
  const { bytes, cut } = cutOf(input);
  const all = ended(bytes);
  same(hear(all, []), hear(all, [cut]), 'two pieces are heard differently');
}

function decodeChunks(bytes: Buffer, cut: number): unknown {
  const trailers = new HeaderBlock();
  const decoder = new ChunkedDecoder(trailers);
  let body = '';
  const sink = {
    onBody: (b: Buffer, start: number, end: number) => void (body += b.toString('latin1', start, end)),
  };
  let used = 0;
  for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
    const copy = Buffer.from(piece);
    const next = decoder.decode(copy, 0, copy.length, sink);
    if (next === malformed) return { body, malformed: true };
    used += next;
    copy.fill(0xee);
    if (decoder.done) break;
  }
  return {
    body,
    done: decoder.done,
    used: decoder.done ? used : 0,
    trailers: decoder.done ? linesOf(trailers) : [],
  };
}

const answers = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.0 200 OK\r\n\r\nuntil the end',
];

export const http1Targets: readonly FuzzTarget[] = [
  {
    name: 'http1-request',
    seeds: cuttable(requestCorpus.map(({ bytes }) => bytes).filter((bytes) => bytes.length < 400)),
    words,
    run: (input) => twoPieces(input, hearRequests),
  },
  { name: 'http1-response', seeds: cuttable(answers), words, run: (input) => twoPieces(input, hearAnswer) },
  {
    name: 'chunked',
    seeds: cuttable([
      '5\r\nhello\r\n0\r\n\r\n',
      '5;a=b\r\nhello\r\n00\r\nX: y\r\n\r\n',
      'a\r\n0123456789\r\n0\r\n\r\nnext',
    ]),
    words,
    run(input) {
      const { bytes, cut } = cutOf(input);
      same(decodeChunks(bytes, bytes.length), decodeChunks(bytes, cut), 'two pieces are decoded differently');
    },
  },
  {
    name: 'first-lines',
    seeds: cuttable([
      'GET / HTTP/1.1\r\n',
      'OPTIONS * HTTP/1.0\r\n',
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 404\r\n',
      '\r\nGET / HTTP/1.1\r\n',
    ]),
    words,
    run(input) {
      const { bytes, cut } = cutOf(input);
      const parsers = [
        (end: number) =>
          parseRequestLine(bytes, 0, end, {
            method: '',
            common: true,
            targetStart: 0,
            targetEnd: 0,
            minorVersion: 0,
          }),
        (end: number) => parseStatusLine(bytes, 0, end, { status: 0, minorVersion: 0 }),
      ];
      for (const parse of parsers) {
        const [part, whole] = [parse(cut), parse(bytes.length)];
        // What is decided stays decided, whatever follows.
        if (part !== -1) same(part, whole, 'more bytes change a verdict');
        must(whole <= bytes.length, 'more was read than there is');
      }
    },
  },
  {
    name: 'request-target',
    seeds: ['/', '/a?b', '*', 'http://a:80/b?c', 'https://[::1]', 'a:443', 'http://user@a/'].map((text) =>
      Buffer.from(text),
    ),
    words: ['http://', 'https://', '/', '?', '#', '@', ':', '[', ']', '%', '*'],
    run(input) {
      for (const method of ['GET', 'OPTIONS', 'CONNECT']) {
        const head = new RequestHead();
        head.method = method;
        if (!applyTarget(head, input.toString('latin1'), 'a', true)) continue;
        must(isAuthority(head.authority), 'an authority that is none');
        must(head.path === '' || head.path === '*' || head.path.startsWith('/'), 'a path that is none');
      }
    },
  },
];
