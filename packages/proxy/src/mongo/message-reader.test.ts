import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BsonError, readDocument, toJson } from './bson.ts';
import { MessageReader } from './message-reader.ts';
import { opcodes, type MongoMessage } from './message.ts';
import { encodeDocument, encodeMessage, encodeMsg, encodeQuery, type Writable } from './testing/encode.ts';

const name = fc.stringMatching(/^[a-z$_]{1,8}$/);
const { value } = fc.letrec<{ value: Writable }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.string({ maxLength: 12 }),
    fc.double({ noNaN: true }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const document = fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true });

function read(bytes: Buffer, pieceBytes: number): MongoMessage[] {
  const messages: MongoMessage[] = [];
  const reader = new MessageReader((message) => messages.push(message));
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    reader.push(piece, 0, piece.length);
    piece.fill(0);
  }
  return messages;
}

test('documents are read as they were written, in whatever pieces their messages come', () => {
  fc.assert(
    fc.property(
      fc.array(document, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 50 }),
      (all, size) => {
        const bytes = Buffer.concat(all.map((one, i) => encodeMsg(i, 0, one)));
        const bodies = read(bytes, size).map((message) =>
          message.kind === 'message' ? toJson(message.body) : message,
        );
        assert.deepEqual(bodies, all);
      },
    ),
  );
});

test('no bytes make a reader fail in another way than by its error', () => {
  const kinds = fc.constantFrom(...Object.values(opcodes), 0, 7);
  fc.assert(
    fc.property(kinds, fc.uint8Array({ maxLength: 60 }), document, fc.nat(40), (opcode, body, good, cut) => {
      const tail = Buffer.concat([Buffer.from(body), encodeDocument(good)]);
      for (const bytes of [
        encodeMessage(1, 0, opcode, tail),
        encodeMessage(1, 0, opcode, tail.subarray(cut)),
      ]) {
        try {
          read(bytes, bytes.length);
        } catch (error) {
          assert.ok(error instanceof BsonError, String(error));
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test('every kind of value is passed over at its length', () => {
  const hex = [
    '05 62 00 02 00 00 00 00 01 02', // binary
    '06 75 00', // undefined
    '07 6f 00 0102030405060708090a0b0c', // object id
    '09 64 00 0100000000000000', // date
    '0b 72 00 61 00 69 00', // regex
    '0c 70 00 02 00 00 00 61 00 0102030405060708090a0b0c', // pointer
    '0d 63 00 02 00 00 00 61 00', // code
    '0e 73 00 02 00 00 00 61 00', // symbol
    '0f 77 00 0f 00 00 00 02 00 00 00 61 00 05 00 00 00 00', // code with a scope
    '10 69 00 ff ff ff ff', // int32
    '11 74 00 0102030405060708', // timestamp
    '12 6c 00 0100000000000000', // int64
    '13 6d 00 000102030405060708090a0b0c0d0e0f', // decimal
    'ff 6e 00 7f 6b 00', // the least and the greatest key
  ].join('');
  const fields = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const bytes = Buffer.concat([Buffer.alloc(4), fields, Buffer.from([0])]);
  bytes.writeInt32LE(bytes.length);
  const { document: all, end } = readDocument(bytes, 0);
  assert.equal(all.map(([key]) => key).join(''), 'buodrpcswitlmnk');
  assert.equal(end, bytes.length);
  assert.equal(toJson(all)['i'], -1);
});

test('lengths that lie are refused', () => {
  const good = encodeQuery(1, 'db.c', { a: 'text', b: { c: 1 } });
  for (let at = 0; at < 4; at++) {
    const bytes = Buffer.from(good);
    bytes[at] = (bytes[at] as number) ^ 0x40;
    // A longer message is not complete; every other length is wrong at once.
    if (bytes.readInt32LE(0) > good.length && bytes.readInt32LE(0) < 48_000_000) continue;
    assert.throws(() => read(bytes, bytes.length), BsonError, `byte ${at}`);
  }
  const nested = Array.from({ length: 120 }).reduce<{ [name: string]: Writable }>(
    (inner) => ({ a: inner }),
    {},
  );
  const deep = encodeDocument(nested);
  assert.throws(() => readDocument(deep, 0), BsonError);
});

test('of a long message only the head is kept', () => {
  const long = encodeMsg(7, 0, { insert: 'c', text: 'x'.repeat(400_000) });
  const messages = read(Buffer.concat([long, encodeMsg(8, 0, { ping: 1 })]), 10_000);
  assert.deepEqual(
    messages.map(({ id, kind }) => [id, kind]),
    [
      [7, 'opaque'],
      [8, 'message'],
    ],
  );
});
