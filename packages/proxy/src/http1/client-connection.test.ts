import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import fc from 'fast-check';
import { HeadPool, RequestHead, type ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';
import type { ClientStreamHandler } from '../codec/stream.ts';
import { CoarseTimers } from '../timer/coarse-timers.ts';
import { RecordedWire } from '../wire/testing/recorded-wire.ts';
import { Turn } from '../wire/turn.ts';
import { Http1ClientConnection } from './client-connection.ts';

function request(method = 'GET', upgrade?: string): RequestHead {
  const head = new RequestHead();
  head.method = method;
  head.authority = 'example.com';
  head.path = '/x';
  head.upgrade = upgrade;
  head.headers.add(headerName('accept'), '*/*');
  return head;
}

interface Heard {
  heads: string[];
  body: string;
  ended: boolean;
  trailers: string[];
  reset: string;
}

function linesOf(block: HeaderBlock | undefined): string[] {
  const lines: string[] = [];
  block?.forEach((name, value) => lines.push(`${name}=${value}`));
  return lines;
}

function connect() {
  const clock = new TestClock();
  const turn = new Turn(clock);
  const wire = new RecordedWire();
  const pool = { idle: 0, closed: 0 };
  const connection = new Http1ClientConnection(
    wire,
    {
      maxHeadBytes: 8_192,
      maxHeaders: 100,
      preserveHeaderCase: false,
      enableTrailers: true,
      idleTimeoutMs: 0,
      maxRequests: 0,
    },
    {
      onConnectionIdle() {
        pool.idle++;
        return false;
      },
      serveNext() {},
      onConnectionClosed: () => void pool.closed++,
    },
    new HeadPool(),
    new CoarseTimers(turn, clock),
  );
  const ask = (head: RequestHead, endStream = true): Heard => {
    const heard: Heard = { heads: [], body: '', ended: false, trailers: [], reset: '' };
    const handler: ClientStreamHandler = {
      onResponseHead(response: ResponseHead, end: boolean) {
        heard.heads.push([response.status, ...linesOf(response.headers)].join(' '));
        if (end) heard.ended = true;
      },
      onResponseData: (buffer, start, end) => void (heard.body += buffer.toString('latin1', start, end)),
      onResponseEnd(trailers) {
        heard.ended = true;
        heard.trailers = linesOf(trailers);
      },
      onRequestDrain() {},
      onUpstreamReset: (reason) => void (heard.reset = reason),
    };
    connection.attach(handler).sendHead(head, endStream);
    return heard;
  };
  return { wire, pool, connection, ask };
}

const answers: Record<string, { readonly text: string; readonly body: string; readonly reusable: boolean }> =
  {
    'with a length': {
      text: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello',
      body: 'hello',
      reusable: true,
    },
    'in chunks with trailers': {
      text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 9\r\n\r\n',
      body: 'hello!',
      reusable: true,
    },
    'without a body': { text: 'HTTP/1.1 204 No Content\r\n\r\n', body: '', reusable: true },
    'without a reason phrase': {
      text: 'HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n',
      body: '',
      reusable: true,
    },
    'after an interim answer': {
      text: 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      body: 'ok',
      reusable: true,
    },
    'with connection close': {
      text: 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
      body: 'ok',
      reusable: false,
    },
  };

for (const [what, { text, body, reusable }] of Object.entries(answers)) {
  test(`an answer ${what} is the same however it is cut`, () => {
    const hear = (cuts: readonly number[]) => {
      const { wire, pool, ask } = connect();
      const heard = ask(request());
      wire.receive(text, cuts);
      return { heard, pool };
    };
    const whole = hear([]);
    assert.equal(whole.heard.body, body);
    assert.ok(whole.heard.ended);
    assert.deepEqual(whole.pool, reusable ? { idle: 1, closed: 0 } : { idle: 0, closed: 1 });
    for (let cut = 1; cut < text.length; cut++) assert.deepEqual(hear([cut]), whole, `cut at ${cut}`);
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
        assert.deepEqual(hear(cuts.sort((a, b) => a - b)), whole);
      }),
      { numRuns: 50 },
    );
  });
}

test('an answer without a length ends with the connection', () => {
  const { wire, pool, ask } = connect();
  const heard = ask(request());
  wire.receive('HTTP/1.1 200 OK\r\n\r\nsome');
  assert.equal(heard.ended, false);
  wire.handler.onEnd();
  assert.equal(heard.body, 'some');
  assert.ok(heard.ended);
  assert.equal(pool.closed, 1);
});

test('an answer to HEAD has a length and no body', () => {
  const { wire, pool, ask } = connect();
  const heard = ask(request('HEAD'));
  wire.receive('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n');
  assert.deepEqual(heard, {
    heads: ['200 content-length=500'],
    body: '',
    ended: true,
    trailers: [],
    reset: '',
  });
  assert.equal(pool.idle, 1);
});

const refused: Record<string, string> = {
  'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
  'length and chunks': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'another coding': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n',
  'no HTTP at all': 'SSH-2.0-OpenSSH_9.2\r\n',
  'a bare line feed': 'HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n',
  'a status that is none': 'HTTP/1.1 2x0 OK\r\n\r\n',
  'an upgrade that nobody asked for': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n',
};

for (const [what, text] of Object.entries(refused)) {
  test(`an endpoint is not trusted that answers with ${what}`, () => {
    const { wire, pool, ask } = connect();
    const heard = ask(request());
    wire.receive(text);
    assert.equal(heard.reset, 'protocol_error');
    assert.deepEqual(heard.heads, []);
    assert.ok(wire.closed);
    assert.equal(pool.closed, 1);
  });
}

test('bytes that follow an answer are not taken for the next one', () => {
  const { wire, pool, ask } = connect();
  ask(request());
  wire.receive('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n');
  assert.ok(wire.closed);
  assert.equal(pool.closed, 1);
});

test('a connection that is lost before the answer is told, and leaves its pool', () => {
  const { wire, pool, ask } = connect();
  const heard = ask(request());
  wire.handler.onEnd();
  assert.equal(heard.reset, 'connection_closed');
  assert.equal(pool.closed, 1);
});

test('the request goes out with its host first, a body of unknown length in chunks', () => {
  const { wire, ask, connection } = connect();
  ask(request('POST'), false);
  connection.sendData(Buffer.from('abc'), 0, 3);
  connection.sendEnd(undefined);
  assert.equal(
    wire.sent,
    'POST /x HTTP/1.1\r\nhost: example.com\r\naccept: */*\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
  );
});

test('an answer before the end of the request closes the connection', () => {
  const { wire, pool, ask } = connect();
  const heard = ask(request('POST'), false);
  wire.receive('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n');
  assert.ok(heard.ended);
  assert.deepEqual(pool, { idle: 0, closed: 1 });
});

test('an upgrade that is granted makes a tunnel', () => {
  const { wire, ask, connection } = connect();
  const heard = ask(request('GET', 'websocket'), false);
  assert.match(wire.sent, /\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n$/);
  wire.receive('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nframe');
  connection.sendData(Buffer.from('up'), 0, 2);
  assert.equal(heard.body, 'frame');
  assert.match(wire.sent, /up$/);
  wire.handler.onEnd();
  assert.ok(heard.ended);
});

test('bytes for a tunnel wait until the endpoint has granted it', () => {
  const smuggled = 'GET /admin HTTP/1.1\r\nhost: a\r\n\r\n';
  const refused = connect();
  refused.ask(request('CONNECT', 'connect'), false);
  const head = refused.wire.sent;
  refused.connection.sendData(Buffer.from(smuggled), 0, smuggled.length);
  assert.equal(refused.connection.writable, false);
  refused.wire.receive('HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n');
  assert.equal(refused.wire.sent, head);
  assert.ok(refused.wire.closed);
  const granted = connect();
  granted.ask(request('CONNECT', 'connect'), false);
  granted.connection.sendData(Buffer.from('early'), 0, 5);
  granted.connection.sendEnd(undefined);
  granted.wire.receive('HTTP/1.1 200 OK\r\n\r\n');
  assert.match(granted.wire.sent, /\r\n\r\nearly$/);
  assert.ok(granted.wire.ended, 'the client had ended');
});

test('an answer that opens a tunnel and names a coding is refused, a length is not passed on', () => {
  const coded = connect();
  const heard = coded.ask(request('CONNECT', 'connect'), false);
  coded.wire.receive('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
  assert.equal(heard.reset, 'protocol_error');
  const long = connect();
  const seen = long.ask(request('CONNECT', 'connect'), false);
  long.wire.receive('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n');
  assert.deepEqual(seen.heads, ['200']);
});

test('a connection that closed with its exchange still says where it was', () => {
  const answered = connect();
  answered.ask(request());
  answered.wire.receive('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
  assert.equal(answered.wire.closed, true);
  assert.equal(answered.connection.localAddress, '192.0.2.2:2');
  const failed = connect();
  failed.ask(request());
  failed.wire.destroy();
  failed.connection.onClose(undefined);
  assert.equal(failed.connection.localAddress, '', 'not known: none, rather than a port of 0');
});
