import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { viewOf } from './buffer-view.ts';
import { endOfValue } from './field-value.ts';

/** RFC 9110 section 5.5, one byte after the other. */
function slowEnd(bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const byte = bytes[at] as number;
    if ((byte < 0x20 && byte !== 9) || byte === 0x7f) break;
    at++;
  }
  return at;
}

const value = fc.oneof(
  { weight: 40, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
  { weight: 8, arbitrary: fc.integer({ min: 0x80, max: 0xff }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 9, 10, 13, 0x1f, 0x20, 0x21, 0x7e, 0x7f, 0x80, 0x81, 0xa0) },
);

test('the end of a value is where a byte for byte reader finds it, wherever the buffer lies', () => {
  fc.assert(
    fc.property(
      fc.array(value, { maxLength: 200 }),
      fc.nat(9),
      fc.nat(9),
      fc.nat(9),
      (bytes, offset, from, less) => {
        const whole = Buffer.allocUnsafeSlow(bytes.length + offset);
        whole.set(bytes, offset);
        const buffer = whole.subarray(offset);
        const at = Math.min(from, buffer.length);
        const end = Math.max(at, buffer.length - less);
        assert.equal(endOfValue(buffer, viewOf(buffer), at, end), slowEnd(buffer, at, end));
      },
    ),
    { numRuns: 3000 },
  );
});

test('each byte that a value may not hold ends it at each place of a word', () => {
  for (let byte = 0; byte < 256; byte++) {
    for (let place = 60; place < 68; place++) {
      const buffer = Buffer.alloc(100, 'v');
      buffer[place] = byte;
      assert.equal(
        endOfValue(buffer, viewOf(buffer), 0, 100),
        slowEnd(buffer, 0, 100),
        `byte ${byte} at ${place}`,
      );
    }
  }
});
