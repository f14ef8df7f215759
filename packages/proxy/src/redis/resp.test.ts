import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReplyReader, RequestReader, RespError } from './resp-reader.ts';
import {
  encodeArray,
  encodeError,
  encodeInteger,
  encodeRequest,
  encodeStatus,
  encodeString,
} from './resp-writer.ts';

const bytes = fc.uint8Array({ maxLength: 30 }).map((some) => Buffer.from(some));
const line = fc.stringMatching(/^[ -~]{0,20}$/);
const nothing = fc.constantFrom(Buffer.from('$-1\r\n'), Buffer.from('*-1\r\n'), Buffer.from('*0\r\n'));
const { reply } = fc.letrec<{ reply: Buffer }>((tie) => ({
  reply: fc.oneof(
    { depthSize: 'small' },
    nothing,
    line.map(encodeStatus),
    line.map(encodeError),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(encodeInteger),
    bytes.map(encodeString),
    fc.array(tie('reply'), { maxLength: 4 }).map(encodeArray),
  ),
}));
const requests = fc.array(fc.array(bytes, { minLength: 1, maxLength: 5 }), { maxLength: 6 });
/** Where the bytes are cut, as shares of their length. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });

/** Feeds bytes in pieces, each in memory that is overwritten afterwards. */
function feed(reader: RequestReader | ReplyReader, all: Buffer, shares: readonly number[]): void {
  const places = [
    0,
    ...shares.map((share) => Math.floor(share * all.length)).sort((a, b) => a - b),
    all.length,
  ];
  places.slice(1).forEach((end, i) => {
    const piece = Buffer.from(all.subarray(places[i], end));
    reader.push(piece, 0, piece.length);
    piece.fill(0);
  });
}

test('requests come out as they were written, whatever pieces they come in', () => {
  fc.assert(
    fc.property(requests, cuts, (written, shares) => {
      const read: (readonly Buffer[] | undefined)[] = [];
      const reader = new RequestReader((request) => read.push(request));
      feed(reader, Buffer.concat(written.map(encodeRequest)), shares);
      assert.deepEqual(read, written);
      assert.equal(reader.buffered, 0);
    }),
  );
});

test('answers of every kind, nested ones too, come out byte for byte', () => {
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 5 }), cuts, (written, shares) => {
      const read: Buffer[] = [];
      feed(new ReplyReader((one) => read.push(one)), Buffer.concat(written), shares);
      assert.deepEqual(read, written);
    }),
  );
});

test('no bytes make a reader fail in another way than by its error', () => {
  const alphabet = fc.constantFrom(...Array.from('*$:+-0123456789\r\n'), '\r\n', 'a');
  const soup = fc.array(alphabet, { maxLength: 40 }).map((parts) => Buffer.from(parts.join('')));
  fc.assert(
    fc.property(soup, (some) => {
      for (const reader of [new RequestReader(() => {}), new ReplyReader(() => {})]) {
        try {
          reader.push(some, 0, some.length);
        } catch (error) {
          assert.ok(error instanceof RespError, String(error));
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test('what breaks the protocol is refused, with the first byte that shows it', () => {
  const requestErrors = [
    'PING\r\n',
    '*1\n',
    '*01\r\n',
    '*2000000\r\n',
    '*1\r\n:1\r\n',
    '*1\r\n$-1\r\n',
    '*1\r\n$1\r\nabc',
    '*1\r\n$999999999\r\n',
  ];
  for (const text of requestErrors) {
    const some = Buffer.from(text);
    assert.throws(() => new RequestReader(() => {}).push(some, 0, some.length), RespError, text);
  }
  for (const text of ['!x\r\n', ':1x\r\n', '$1\r\nabc', '*1\r\n'.repeat(40), `+${'x'.repeat(70_000)}`]) {
    const some = Buffer.from(text);
    assert.throws(() => new ReplyReader(() => {}).push(some, 0, some.length), RespError, text.slice(0, 20));
  }
});

test('an empty request is told as such', () => {
  const read: unknown[] = [];
  const some = Buffer.from('*0\r\n*1\r\n$4\r\nPING\r\n');
  new RequestReader((request) => read.push(request?.toString())).push(some, 0, some.length);
  assert.deepEqual(read, [undefined, 'PING']);
});
