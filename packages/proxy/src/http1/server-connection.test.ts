import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import fc from 'fast-check';
import { HeadPool, ResponseHead, type RequestHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';
import type { ServerStream, ServerStreamHandler } from '../codec/stream.ts';
import { CoarseTimers } from '../timer/coarse-timers.ts';
import { RecordedWire } from '../wire/testing/recorded-wire.ts';
import { Turn } from '../wire/turn.ts';
import { faultStatus, type CodecFault, type RefusedFault } from './codec-fault.ts';
import { Http1ServerConnection } from './server-connection.ts';
import type { ServerConnectionOwner } from './server-connection-owner.ts';
import type { Http1ServerOptions } from './server-options.ts';

const defaults: Http1ServerOptions = {
  maxHeadBytes: 8_192,
  maxHeaders: 100,
  acceptHttp10: false,
  defaultHostForHttp10: '',
  preserveHeaderCase: false,
  enableTrailers: true,
  allowAbsoluteUrl: true,
  allowChunkedLength: false,
  allowCustomMethods: false,
  idleTimeoutMs: 60_000,
  requestHeadersTimeoutMs: 10_000,
  maxRequests: 0,
  answerContinue: true,
  delayedCloseTimeoutMs: 1_000,
};

interface SeenRequest {
  readonly line: string;
  readonly headers: string[];
  body: string;
  ended: boolean;
  trailers: string[];
}

function linesOf(block: HeaderBlock | undefined): string[] {
  const lines: string[] = [];
  block?.forEach((name, value) => lines.push(`${name}=${value}`));
  return lines;
}

/** Keeps what requests it hears; answers each with its path when it is complete, unless told not to. */
class Recorder implements ServerConnectionOwner {
  readonly requests: SeenRequest[] = [];
  readonly streams: ServerStream[] = [];
  readonly faults: CodecFault[] = [];
  readonly refused: string[] = [];
  readonly resets: string[] = [];
  draining = false;
  closed = false;
  answers = true;

  onRequest(stream: ServerStream, head: RequestHead, endStream: boolean): ServerStreamHandler {
    const seen: SeenRequest = {
      line: `${head.method} ${head.authority} ${head.path} ${head.version}`,
      headers: linesOf(head.headers),
      body: '',
      ended: endStream,
      trailers: [],
    };
    this.requests.push(seen);
    this.streams.push(stream);
    if (endStream && this.answers) this.answer(stream, head.path);
    return {
      onRequestData: (buffer, start, end) => void (seen.body += buffer.toString('latin1', start, end)),
      onRequestEnd: (trailers) => {
        seen.ended = true;
        seen.trailers = linesOf(trailers);
        if (this.answers) this.answer(stream, head.path);
      },
      onResponseDrain() {},
      onUnreadable: () => {
        this.resets.push('unreadable');
        const refusal = new ResponseHead();
        refusal.status = 400;
        stream.sendHead(refusal, true);
      },
      onDownstreamReset: (reason) => void this.resets.push(reason),
    };
  }

  answer(stream: ServerStream, text: string): void {
    const head = new ResponseHead();
    head.status = 200;
    head.headers.add(headerName('content-length'), String(text.length));
    stream.sendHead(head, false);
    stream.sendData(Buffer.from(text), 0, text.length);
    stream.sendEnd(undefined);
  }

  onRefused(stream: ServerStream, head: RequestHead, fault: RefusedFault): void {
    this.faults.push(fault);
    const response = new ResponseHead();
    response.status = faultStatus[fault];
    this.refused.push(`${head.method} ${head.authority} ${head.path} ${head.version}`);
    stream.sendHead(response, true);
  }

  onUnread(fault: CodecFault): void {
    this.faults.push(fault);
  }

  onDrainClose(): void {}
  onDelayedCloseTimeout(): void {}
  onConnectionClosed(): void {
    this.closed = true;
  }
}

function connect(options: Partial<Http1ServerOptions> = {}) {
  const clock = new TestClock();
  const turn = new Turn(clock);
  const wire = new RecordedWire();
  const owner = new Recorder();
  const timers = new CoarseTimers(turn, clock);
  const connection = new Http1ServerConnection(
    wire,
    { ...defaults, ...options },
    owner,
    new HeadPool(),
    timers,
  );
  return { clock, wire, owner, connection };
}

/** What came of some bytes, for comparing. */
function outcome(text: string, cuts: readonly number[]) {
  const { wire, owner } = connect({ acceptHttp10: true });
  wire.receive(text, cuts);
  return { requests: owner.requests, faults: owner.faults, sent: wire.sent, ended: wire.ended };
}

const get = 'GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n';
const post = 'POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Y:  spaced \t\r\n\r\nhello';
const chunked =
  'POST /c HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: chunked\r\n\r\n' +
  '5;ext=1\r\nhello\r\n0a\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n';
const absolute =
  'GET http://Other.example:8080/x HTTP/1.1\r\nHost: ignored\r\nConnection: keep-alive\r\n\r\n';
const close = 'DELETE /d HTTP/1.0\r\nHost: old\r\n\r\n';

test('the same requests are heard however the bytes are cut', () => {
  const text = get + post + chunked + absolute + close;
  const whole = outcome(text, []);
  assert.equal(whole.requests.length, 5);
  assert.deepEqual(
    whole.requests.map((r) => r.line),
    [
      'GET example.com /a?b=c HTTP/1.1',
      'POST h /p HTTP/1.1',
      'POST h /c HTTP/1.1',
      'GET Other.example:8080 /x HTTP/1.1',
      'DELETE old /d HTTP/1.0',
    ],
  );
  assert.equal(whole.requests[1]?.body, 'hello');
  assert.deepEqual(whole.requests[1]?.headers, ['content-length=5', 'x-y=spaced']);
  assert.equal(whole.requests[2]?.body, 'hello0123456789');
  assert.deepEqual(whole.requests[2]?.trailers, ['x-sum=1']);
  for (let cut = 1; cut < text.length; cut++) assert.deepEqual(outcome(text, [cut]), whole, `cut at ${cut}`);
  const bytewise = Array.from({ length: text.length }, (_, i) => i);
  assert.deepEqual(outcome(text, bytewise), whole);
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
      assert.deepEqual(
        outcome(
          text,
          cuts.sort((a, b) => a - b),
        ),
        whole,
      );
    }),
    { numRuns: 200 },
  );
});

test('arbitrary bytes are refused or understood in the same way however they are cut, and never throw', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'GET / HTTP/1.1\r\n',
      'Host: a\r\n',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      'Connection: close\r\n',
      '\r\n',
      '3\r\nabc\r\n',
      '0\r\n\r\n',
      ' ',
      ':',
      '\n',
      '\r',
      '\0',
      'x: y\r\n',
      'POST * HTTP/1.0\r\n',
    ),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.nat(120), { maxLength: 4 }),
      (pieces, cuts) => {
        // A line is judged when its end has come, so the text ends with one.
        const text = `${Buffer.from(pieces.join(''), 'utf8').toString('latin1')}\r\n`;
        const once = outcome(text, []);
        assert.deepEqual(
          outcome(
            text,
            cuts.sort((a, b) => a - b),
          ),
          once,
        );
      },
    ),
    { numRuns: 1_000 },
  );
});

const host = 'Host: a\r\n';
const ambiguous: Record<string, string> = {
  'a bare line feed ends the request line': `GET / HTTP/1.1\n${host}\r\n`,
  'a bare line feed ends a header': `GET / HTTP/1.1\r\nHost: a\n\r\n`,
  'a bare carriage return': `GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n`,
  'a folded header': `GET / HTTP/1.1\r\n${host}X: a\r\n b\r\n\r\n`,
  'a space before the colon': `GET / HTTP/1.1\r\n${host}Content-Length : 3\r\n\r\nabc`,
  'no colon': `GET / HTTP/1.1\r\n${host}nothing\r\n\r\n`,
  'an empty name': `GET / HTTP/1.1\r\n${host}: x\r\n\r\n`,
  'NUL in a value': `GET / HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`,
  'two lengths': `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
  'two lengths in a list': `POST / HTTP/1.1\r\n${host}Content-Length: 3, 3\r\n\r\nabc`,
  'a length with a sign': `POST / HTTP/1.1\r\n${host}Content-Length: +3\r\n\r\nabc`,
  'a length that is no number': `POST / HTTP/1.1\r\n${host}Content-Length: 3x\r\n\r\nabc`,
  'an empty length': `POST / HTTP/1.1\r\n${host}Content-Length:\r\n\r\n`,
  'a length beyond all measure': `POST / HTTP/1.1\r\n${host}Content-Length: 99999999999999999999\r\n\r\n`,
  'length and chunks': `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'two codings': `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'an upgrade and a body in chunks': `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'an upgrade and a body': `GET / HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc`,
  'CONNECT with a body': `CONNECT a:1 HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`,
  'a coding after chunked': `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  'no host': 'GET / HTTP/1.1\r\n\r\n',
  'two hosts': `GET / HTTP/1.1\r\n${host}Host: b\r\n\r\n`,
  'a host with a path': 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n',
  'a space in the target': `GET /a b HTTP/1.1\r\n${host}\r\n`,
  'a tab between the words': `GET\t/ HTTP/1.1\r\n${host}\r\n`,
  'a fragment in the target': `GET /a#b HTTP/1.1\r\n${host}\r\n`,
  'a relative target': `GET a HTTP/1.1\r\n${host}\r\n`,
  'an asterisk for GET': `GET * HTTP/1.1\r\n${host}\r\n`,
  'a method in small letters': `get / HTTP/1.1\r\n${host}\r\n`,
  'another protocol': `GET / HTTP/2.0\r\n${host}\r\n`,
  'a version in small letters': `GET / http/1.1\r\n${host}\r\n`,
};

for (const [what, text] of Object.entries(ambiguous)) {
  test(`refused and never forwarded: ${what}`, () => {
    const { wire, owner } = connect();
    wire.receive(text);
    assert.equal(owner.requests.length, 0);
    assert.match(wire.sent, /^HTTP\/1\.1 (?:400|501) [^]*\r\nconnection: close\r\n/);
    assert.ok(wire.ended);
  });
}

const badBodies: Record<string, string> = {
  'a chunk size that is no number': 'xyz\r\n',
  'an empty chunk size': '\r\n',
  'a space before the size': ' 3\r\nabc\r\n',
  'a space after the size': '3 \r\nabc\r\n',
  'a chunk size beyond all measure': 'fffffffffffffffff\r\n',
  'a bare line feed after the size': '3\nabc\r\n',
  'data longer than the size': '3\r\nabcd\r\n',
  'a bare line feed after the data': '3\r\nabc\n',
  'a control character in an extension': '3;\x01\r\nabc\r\n',
  'a folded trailer': '0\r\nX: a\r\n b\r\n\r\n',
};

for (const [what, body] of Object.entries(badBodies)) {
  test(`a body is refused: ${what}`, () => {
    const { wire, owner } = connect();
    wire.receive(`POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n${body}`);
    assert.deepEqual(owner.resets, ['unreadable']);
    assert.match(wire.sent, /^HTTP\/1\.1 400 [^]*\r\nconnection: close\r\n/);
    assert.ok(wire.ended);
  });
}

test('a coding that is not known is answered with 501', () => {
  const { wire } = connect();
  wire.receive(`POST / HTTP/1.1\r\n${host}Transfer-Encoding: gzip\r\n\r\n`);
  assert.match(wire.sent, /^HTTP\/1\.1 501 /);
});

test('too many header bytes, or headers, are answered with 431', () => {
  for (const filler of [`X: ${'y'.repeat(9_000)}\r\n`, 'X: y\r\n'.repeat(101)]) {
    const { wire, owner } = connect();
    wire.receive(`GET / HTTP/1.1\r\n${host}${filler}\r\n`);
    assert.match(wire.sent, /^HTTP\/1\.1 431 /);
    assert.equal(owner.requests.length, 0);
  }
  const { wire } = connect();
  wire.receive(`GET /${'a'.repeat(9_000)}`);
  assert.match(wire.sent, /^HTTP\/1\.1 431 /);
});

test('HTTP/1.0 is answered with 426 unless it is accepted', () => {
  const refused = connect();
  refused.wire.receive(`GET / HTTP/1.0\r\n${host}\r\n`);
  assert.match(refused.wire.sent, /^HTTP\/1\.1 426 /);
  const accepted = connect({ acceptHttp10: true, defaultHostForHttp10: 'fallback' });
  accepted.wire.receive('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  assert.equal(accepted.owner.requests[0]?.line, 'GET fallback / HTTP/1.0');
  assert.match(accepted.wire.sent, /\r\nconnection: keep-alive\r\n/);
  assert.equal(accepted.wire.ended, false);
});

test('a request that comes before the answer to the one before waits for it', () => {
  const { wire, owner } = connect();
  owner.answers = false;
  wire.receive(get + get.replace('/a?b=c', '/second'));
  assert.equal(owner.requests.length, 1);
  owner.answer(owner.streams[0]!, 'first');
  assert.equal(owner.requests.length, 2);
  owner.answer(owner.streams[1]!, 'second');
  assert.match(wire.sent, /first[^]*second$/);
});

test('a client that sends too much ahead is not read any more until it is its turn', () => {
  const { wire, owner } = connect();
  owner.answers = false;
  wire.receive(get);
  wire.receive(get.repeat(2_000));
  assert.ok(wire.paused);
  owner.answers = true;
  owner.answer(owner.streams[0]!, 'x');
  assert.equal(owner.requests.length, 2_001);
  assert.ok(!wire.paused);
});

test('headers that a Connection header names are not passed on, those that matter are', () => {
  const { wire, owner } = connect();
  wire.receive(
    `GET / HTTP/1.1\r\n${host}Connection: x-hop, Cookie, close\r\nX-Hop: 1\r\nCookie: c\r\nKeep-Alive: 5\r\nTE: trailers\r\n\r\n`,
  );
  assert.deepEqual(owner.requests[0]?.headers, ['cookie=c']);
  assert.match(wire.sent, /\r\nconnection: close\r\n/);
  assert.ok(wire.ended);
});

test('a client that waits for 100 Continue gets it before its body', () => {
  const { wire, owner } = connect();
  wire.receive(`POST /u HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`);
  assert.equal(wire.sent, 'HTTP/1.1 100 Continue\r\n\r\n');
  assert.deepEqual(owner.requests[0]?.headers, ['content-length=2']);
  wire.receive('ok');
  assert.equal(owner.requests[0]?.body, 'ok');
});

test('answers to HEAD, 204 and 304 have no body and no invented length', () => {
  for (const [method, status, lines] of [
    ['HEAD', 200, 'transfer-encoding: chunked\\r\\n'],
    ['HEAD', 304, ''],
    ['GET', 204, ''],
    ['GET', 304, ''],
  ] as const) {
    const { wire, owner } = connect();
    owner.answers = false;
    wire.receive(`${method} / HTTP/1.1\r\n${host}\r\n`);
    const head = new ResponseHead();
    head.status = status;
    owner.streams[0]!.sendHead(head, true);
    assert.match(wire.sent, new RegExp(`^HTTP/1\\.1 ${status} [A-Za-z ]+\\r\\n${lines}\\r\\n$`));
  }
});

test('a body of unknown length is sent in chunks, to HTTP/1.0 until the end of the connection', () => {
  const send = (owner: Recorder): void => {
    const head = new ResponseHead();
    head.status = 200;
    const stream = owner.streams[0]!;
    stream.sendHead(head, false);
    stream.sendData(Buffer.from('hello, world'), 0, 12);
    stream.sendEnd(undefined);
  };
  const modern = connect();
  modern.owner.answers = false;
  modern.wire.receive(get);
  send(modern.owner);
  assert.equal(
    modern.wire.sent,
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc\r\nhello, world\r\n0\r\n\r\n',
  );
  const old = connect({ acceptHttp10: true });
  old.owner.answers = false;
  old.wire.receive('GET / HTTP/1.0\r\n\r\n');
  send(old.owner);
  assert.equal(old.wire.sent, 'HTTP/1.0 200 OK\r\nconnection: close\r\n\r\nhello, world');
  assert.ok(old.wire.ended);
});

test('an answer that comes before the end of the request ends the connection', () => {
  const { wire, owner } = connect();
  wire.receive(`POST / HTTP/1.1\r\n${host}Content-Length: 10\r\n\r\nabc`);
  owner.answer(owner.streams[0]!, 'no');
  assert.match(wire.sent, /no$/);
  assert.ok(wire.ended);
});

test('an upgrade makes the connection a tunnel in both directions', () => {
  const { wire, owner } = connect();
  owner.answers = false;
  wire.receive(`GET /ws HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nearly`);
  assert.equal(owner.requests[0]?.body, '');
  const head = new ResponseHead();
  head.status = 101;
  head.upgrade = 'websocket';
  const stream = owner.streams[0]!;
  stream.sendHead(head, false);
  wire.receive('late');
  stream.sendData(Buffer.from('down'), 0, 4);
  assert.equal(owner.requests[0]?.body, 'earlylate');
  assert.match(wire.sent, /^HTTP\/1\.1 101 .*\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\ndown$/);
});

test('an upgrade to HTTP/2 is passed over, the request served as it is', () => {
  const { wire, owner } = connect();
  wire.receive(
    `GET / HTTP/1.1\r\n${host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
  );
  assert.deepEqual(owner.requests[0]?.headers, []);
  assert.match(wire.sent, /^HTTP\/1\.1 200 OK/);
});

test('a client that goes away is told to whoever serves it', () => {
  const { wire, owner } = connect();
  owner.answers = false;
  wire.receive(get);
  wire.handler.onEnd();
  assert.deepEqual(owner.resets, ['connection_closed']);
});

test('a client that ends and does not read what waits for it is left after a while', () => {
  const { wire, owner, clock } = connect();
  owner.answers = false;
  wire.receive(get);
  wire.pendingBytes = 100_000;
  wire.handler.onEnd();
  assert.deepEqual([owner.resets.length, wire.ended, wire.closed], [1, true, false]);
  clock.advance(2_000);
  assert.equal(wire.closed, true);
});

test('an idle connection takes a last request in the time of its drain, and is closed after that', () => {
  const { clock, wire, owner } = connect({ drainTimeoutMs: 5_000 });
  clock.advance(63_000);
  assert.equal(wire.ended, false);
  wire.receive(get);
  assert.match(wire.sent, /^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n/);
  assert.equal(owner.requests.length, 1);
  assert.ok(wire.ended);
  const silent = connect({ drainTimeoutMs: 5_000 });
  silent.clock.advance(63_000);
  assert.equal(silent.wire.ended, false);
  silent.clock.advance(4_000);
  assert.ok(silent.wire.ended);
});

test('a connection that is drained while a request is under way ends with the answer', () => {
  const { connection, wire, owner } = connect({ drainTimeoutMs: 5_000 });
  owner.answers = false;
  wire.receive(get);
  connection.closeAfterDrain();
  assert.equal(wire.ended, false);
  owner.answer(owner.streams[0] as ServerStream, '/');
  assert.match(wire.sent, /\r\nconnection: close\r\n/);
  assert.ok(wire.ended);
});

test('a head that does not come in time is answered with 408, an idle connection is closed', () => {
  const slow = connect();
  slow.wire.receive('GET / HTTP/1.1\r\n');
  slow.clock.advance(12_000);
  assert.match(slow.wire.sent, /^HTTP\/1\.1 408 /);
  const idle = connect();
  idle.clock.advance(70_000);
  assert.equal(idle.wire.sent, '');
  assert.ok(idle.wire.ended);
});

test('a draining connection says close with its next answer', () => {
  const { wire, owner } = connect();
  owner.draining = true;
  wire.receive(get);
  assert.match(wire.sent, /\r\nconnection: close\r\n/);
  assert.ok(wire.ended);
});

test('each request of a connection has its own host, also after one that was the same', () => {
  const to = (host: string): string => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  const { requests } = outcome(['a', 'a', 'b', 'A', '', 'a'].map(to).join(''), []);
  assert.deepEqual(
    requests.map((r) => r.line),
    ['a', 'a', 'b', 'A', '', 'a'].map((host) => `GET ${host} / HTTP/1.1`),
  );
});
