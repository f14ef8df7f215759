import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeaderBlock } from '../codec/header-block.ts';
import { badCharacter, HeaderLines, malformed, slot, tooMany } from './head-parser.ts';
import { viewOf } from './buffer-view.ts';
import { findKnownLine } from './known-lines.ts';

const lines = [
  'Server: one/1.0',
  'content-type: text/plain',
  'Content-Length: 17',
  'Transfer-Encoding:   chunked \t ',
  'x-envoy-peer-metadata-id: sidecar~10.0.0.1~reviews-v1.default~default.svc.cluster.local',
  'ETag: ""',
  'accept-ranges:bytes',
  'user-agent: ü é',
  'x-not-kept: value',
  `vary: ${'a'.repeat(300)}`,
];

/** What a parser that reads `text` at `at` of a buffer says of it. */
function read(text: string, options: { at?: number; lowerCase?: boolean; maxLines?: number } = {}): unknown {
  const { at = 0, lowerCase = true, maxLines = 50 } = options;
  const buffer = Buffer.from(`${'.'.repeat(at)}${text}`, 'latin1');
  const parser = new HeaderLines({ lowerCase, maxLines });
  const block = new HeaderBlock();
  const end = parser.parse(buffer, at, buffer.length, block);
  if (end < 0) return end;
  block.take(buffer, at, end - 2);
  const found: string[] = [];
  for (let i = 0; i < block.lines; i++)
    found.push(`${block.nameOf(i)}=${block.value(i)}#${block.nameHash(i)}`);
  const out = Buffer.alloc(block.used);
  const sent = out.toString('latin1', 0, block.encode(out, 0));
  return { end: end - at, found, sent, first: [...parser.first], seen: [...parser.seen] };
}

function isKnown(line: string): boolean {
  const buffer = Buffer.from(`${line}\r\n\r\n`, 'latin1');
  return findKnownLine(viewOf(buffer), 0, buffer.length) >= 0;
}

test('a line that has come before says what it said the first time, wherever it lies', () => {
  for (const line of lines) {
    const head = `${line}\r\nx: y\r\n\r\n`;
    const first = read(head);
    for (let at = 0; at < 9; at++) assert.deepEqual(read(head, { at }), first, line);
  }
  assert.ok(isKnown('Server: one/1.0'));
  assert.ok(isKnown('accept-ranges:bytes'));
});

test('only lines of names that are no secret are kept, and no long ones', () => {
  for (const line of [
    'x-not-kept: value',
    'cookie: session=1234567890',
    'authorization: Basic YWJj',
    lines[9] ?? '',
  ]) {
    for (let i = 0; i < 9; i++) read(`${line}\r\n\r\n`);
    assert.equal(isKnown(line), false, line);
  }
});

test('names keep their case where they are to, whatever the parser before did with them', () => {
  const head = 'Content-Type: text/html\r\n\r\n';
  for (let i = 0; i < 3; i++) {
    assert.match(JSON.stringify(read(head)), /"content-type=text\/html/);
    assert.match(JSON.stringify(read(head, { lowerCase: false })), /"Content-Type=text\/html/);
  }
});

test('what differs in one byte from a known line is read for itself', () => {
  const known = 'content-length: 1234567';
  for (let i = 0; i < 9; i++) read(`${known}\r\n\r\n`);
  assert.ok(isKnown(known));
  for (let i = 0; i < known.length + 2; i++) {
    const bytes = Buffer.from(`${known}\r\n\r\n`, 'latin1');
    bytes[i] = 1;
    const expected = i === known.length + 1 ? malformed : badCharacter;
    assert.equal(read(bytes.toString('latin1')), expected, `byte ${i}`);
  }
  assert.match(JSON.stringify(read('content-length: 1234568\r\n\r\n')), /=1234568#/);
});

test('a known line counts as any other: repeated lengths are seen, limits hold, pieces wait', () => {
  const line = 'content-length: 99999\r\n';
  for (let i = 0; i < 9; i++) read(`${line}\r\n`);
  const { seen, first } = read(`${line}${line}\r\n`) as { seen: number[]; first: number[] };
  assert.equal(seen[slot.contentLength], 2);
  assert.equal(first[slot.contentLength], 0);
  assert.equal(read(`${line}${line}\r\n`, { maxLines: 1 }), tooMany);

  const whole = Buffer.from(`${line}${line}\r\n`, 'latin1');
  for (let cut = 1; cut < whole.length; cut++) {
    const parser = new HeaderLines({ lowerCase: true, maxLines: 50 });
    const block = new HeaderBlock();
    assert.ok(parser.parse(whole, 0, cut, block) < 0);
    assert.equal(parser.parse(whole, 0, whole.length, block), whole.length, `cut at ${cut}`);
    assert.equal(block.lines, 2);
    assert.equal(parser.seen[slot.contentLength], 2);
  }
});
