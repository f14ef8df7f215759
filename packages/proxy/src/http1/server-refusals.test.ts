import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, host } from './testing/recorded-server.ts';

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
