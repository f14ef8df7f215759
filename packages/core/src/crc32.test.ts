import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { crc32 } from './crc32.ts';

test('the sum is that of zlib, in whatever pieces the bytes come', () => {
  assert.equal(crc32(Buffer.from('123456789')), 0xcbf4_3926);
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), (pieces) => {
      const sum = pieces.reduce((before, piece) => crc32(piece, before), 0);
      assert.equal(sum, zlibCrc32(Buffer.concat(pieces)));
    }),
  );
});
