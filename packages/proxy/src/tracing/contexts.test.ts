import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';
import { readB3, writeB3 } from './b3.ts';
import { isTraceId, SpanIds, type TraceContext } from './trace-context.ts';
import { readTraceparent, writeTraceparent } from './traceparent.ts';

function headers(fields: Readonly<Record<string, string>>): HeaderBlock {
  const block = new HeaderBlock();
  for (const [name, value] of Object.entries(fields)) block.add(headerName(name), value);
  return block;
}

function hex(length: number): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...'0123456789abcdef'.split('')), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''))
    .filter((text) => /[^0]/.test(text));
}

const context: fc.Arbitrary<TraceContext> = fc.record(
  {
    traceId: fc.oneof(hex(16), hex(32)),
    spanId: hex(16),
    parentId: fc.option(hex(16), { nil: undefined }),
    sampled: fc.boolean(),
    state: fc.constant(undefined),
  },
  { noNullPrototype: true },
);

test('what is written as B3 is read again, by several headers or by the one that was there', () => {
  fc.assert(
    fc.property(context, fc.boolean(), (written, single) => {
      const block = headers(single ? { b3: '0' } : {});
      writeB3(block, written);
      assert.deepEqual(readB3(block), written);
      assert.equal(block.has(headerName('x-b3-traceid')), !single);
    }),
  );
});

test('what is written as traceparent is read again', () => {
  fc.assert(
    fc.property(context, (written) => {
      const block = headers({});
      writeTraceparent(block, { ...written, state: 'a=b' });
      const traceId = written.traceId.padStart(32, '0');
      assert.deepEqual(readTraceparent(block), { ...written, traceId, parentId: undefined, state: 'a=b' });
    }),
  );
});

test('no text makes the readers fail or take ids that are none', () => {
  const line = fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f-]{0,70}$/));
  fc.assert(
    fc.property(line, (text) => {
      const value = text.replace(/[^\x20-\x7e]/g, '.').trim();
      for (const found of [
        readB3(headers({ b3: value })),
        readB3(headers({ 'x-b3-traceid': value, 'x-b3-spanid': value })),
        readTraceparent(headers({ traceparent: value })),
      ]) {
        if (found === 'malformed' || found.traceId === undefined) continue;
        assert.ok(isTraceId(found.traceId, 16) || isTraceId(found.traceId, 32));
        assert.ok(isTraceId(found.spanId, 16));
      }
    }),
  );
});

test('a request may say only whether it is sampled', () => {
  assert.deepEqual(readB3(headers({ b3: '0' })), { traceId: undefined, sampled: false });
  assert.deepEqual(readB3(headers({ b3: 'd' })), { traceId: undefined, sampled: true });
  assert.deepEqual(readB3(headers({ 'x-b3-sampled': 'true' })), { traceId: undefined, sampled: true });
  assert.deepEqual(readB3(headers({ 'x-b3-flags': '1' })), { traceId: undefined, sampled: true });
  assert.deepEqual(readB3(headers({})), { traceId: undefined, sampled: undefined });
});

test('contexts that break their rules are told from those that are not there', () => {
  const good = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';
  assert.equal(readB3(headers({ b3: `${good}-x` })), 'malformed');
  assert.equal(readB3(headers({ b3: `${good}-1-zz` })), 'malformed');
  assert.equal(readB3(headers({ 'x-b3-traceid': '00', 'x-b3-spanid': '11' })), 'malformed');
  for (const line of [
    `ff-${good}-01`,
    `00-${good}`,
    `00-${good}-01-more`,
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
  ]) {
    assert.equal(readTraceparent(headers({ traceparent: line })), 'malformed', line);
  }
  assert.notEqual(readTraceparent(headers({ traceparent: `cc-${good}-01-more` })), 'malformed');
});

test('ids are sixteen digits and differ', () => {
  const ids = new SpanIds();
  const seen = new Set(Array.from({ length: 1_000 }, () => ids.next()));
  assert.equal(seen.size, 1_000);
  for (const id of seen) assert.ok(isTraceId(id, 16));
});
