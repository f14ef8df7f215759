import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ResponseHead } from '../codec/head.ts';
import type { ServerStream } from '../codec/stream.ts';
import { connect, host, type Recorder } from './testing/recorded-server.ts';

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
