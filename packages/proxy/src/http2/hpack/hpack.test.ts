import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HeaderBlock } from '../../codec/header-block.ts';
import { HpackDecoder, type FieldSink } from './decoder.ts';
import { HpackEncoder } from './encoder.ts';
import type { Field } from './field.ts';
import { FieldNames, type FieldName } from './field-name.ts';
import { decodeHuffman, huffmanCodes } from './huffman.ts';

class Fields implements FieldSink {
  readonly list: [string, string][] = [];

  onField(field: Field): void {
    this.list.push([field.name.lower, field.text]);
  }

  onLiteral(name: FieldName, source: Buffer, start: number, end: number): void {
    this.list.push([name.lower, source.toString('latin1', start, end)]);
  }
}

function blockOf(fields: readonly (readonly [string, string])[]): HeaderBlock {
  const block = new HeaderBlock();
  for (const [name, value] of fields) block.addRaw(name, value);
  return block;
}

function encode(encoder: HpackEncoder, fields: readonly (readonly [string, string])[]): Buffer {
  const block = blockOf(fields);
  const target = Buffer.alloc(HpackEncoder.roomFor(block, 0));
  return target.subarray(0, encoder.putBlock(block, target, encoder.begin(target, 0)));
}

function decode(decoder: HpackDecoder, bytes: Buffer): [string, string][] | undefined {
  const fields = new Fields();
  return decoder.decode(bytes, 0, bytes.length, fields) ? fields.list : undefined;
}

function huffman(text: string): Buffer {
  let bits = '';
  for (const byte of Buffer.from(text, 'latin1')) {
    const { code, bits: length } = huffmanCodes[byte] ?? { code: 0, bits: 0 };
    bits += code.toString(2).padStart(length, '0');
  }
  while (bits.length % 8 !== 0) bits += '1';
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

const name = fc.oneof(
  fc.constantFrom('content-type', 'authorization', 'date', 'grpc-status', 'x-request-id', 'accept'),
  fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/).filter((n) => !/^(connection|upgrade|host|te)$/.test(n)),
);
const value = fc.oneof(
  fc.constantFrom('application/grpc', '0', 'a', ''),
  fc.stringMatching(/^[!-~]{0,80}$/),
  fc.integer({ min: 100, max: 700 }).map((n) => 'v'.repeat(n)),
);

test('what is encoded is decoded again, over many blocks with one table', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.tuple(name, value), { maxLength: 12 }), { maxLength: 30 }),
      fc.array(fc.nat(4096), { maxLength: 30 }),
      (blocks, sizes) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(new FieldNames());
        blocks.forEach((fields, i) => {
          const size = sizes[i];
          if (size !== undefined) encoder.limitTable(size);
          assert.deepEqual(decode(decoder, encode(encoder, fields)), fields);
        });
      },
    ),
    { numRuns: 150 },
  );
});

test('a field that comes again takes one byte from its third time on, a secret never does', () => {
  const encoder = new HpackEncoder();
  const fields = [['x-team', 'blue']] as const;
  const lengths = [1, 2, 3].map(() => encode(encoder, fields).length);
  assert.deepEqual(lengths, [13, 13, 1]);
  const secret = [['authorization', 'Bearer abc']] as const;
  for (let i = 0; i < 3; i++) {
    const bytes = encode(encoder, secret);
    assert.equal((bytes[0] ?? 0) & 0xf0, 0x10, 'never indexed');
  }
});

test('names are written in lower case, and those of one connection are left out', () => {
  const encoder = new HpackEncoder();
  const block = blockOf([
    ['x-a', '1'],
    ['connection', 'close'],
    ['transfer-encoding', 'chunked'],
    ['x-b', '2'],
  ]);
  block.bytes.write('X-A', 0, 'latin1');
  const target = Buffer.alloc(HpackEncoder.roomFor(block, 0));
  const bytes = target.subarray(0, encoder.putBlock(block, target, 0));
  assert.deepEqual(decode(new HpackDecoder(new FieldNames()), bytes), [
    ['x-a', '1'],
    ['x-b', '2'],
  ]);
});

test('every string of bytes survives the Huffman code; a code that ends wrongly is refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      const coded = huffman(text);
      const target = Buffer.alloc(Math.ceil((coded.length * 8) / 5));
      const end = decodeHuffman(coded, 0, coded.length, target, 0);
      assert.equal(target.toString('latin1', 0, end), text);
    }),
  );
  const target = Buffer.alloc(16);
  const refused = (bytes: number[]): boolean =>
    decodeHuffman(Buffer.from(bytes), 0, bytes.length, target, 0) === -1;
  assert.ok(refused([0xff]), 'eight bits of padding');
  assert.ok(refused([0x18]), 'padding of zeros');
  assert.ok(refused([0xff, 0xff, 0xff, 0xff]), 'the end symbol');
  assert.ok(!refused([0x1f]), 'an a and three ones');
});

test('the examples of RFC 7541 appendix C.4 and C.6 are decoded', () => {
  const requests = new HpackDecoder(new FieldNames());
  const first = decode(requests, Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex'));
  assert.deepEqual(first, [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ]);
  const second = decode(requests, Buffer.from('828684be5886a8eb10649cbf', 'hex'));
  assert.deepEqual(second?.slice(3), [
    [':authority', 'www.example.com'],
    ['cache-control', 'no-cache'],
  ]);
});

test('any bytes are either decoded or refused, never a crash', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 8 }), (blocks) => {
      const decoder = new HpackDecoder(new FieldNames());
      for (const bytes of blocks) if (decode(decoder, Buffer.from(bytes)) === undefined) return;
    }),
    { numRuns: 500 },
  );
});

test('references to nothing, overlong integers and late changes of the size are refused', () => {
  const refused = (hex: string): boolean =>
    decode(new HpackDecoder(new FieldNames()), Buffer.from(hex, 'hex')) === undefined;
  for (const hex of ['80', 'be', 'ffffffffff0f', '3fffff7f', '8220', '4005', '00']) {
    assert.ok(refused(hex), hex);
  }
  assert.ok(!refused('3fe11f82'), 'a size of 4096 first');
});
