import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Openssl } from './openssl.ts';

const { library, output } = new Openssl();

/** Writes as OpenSSL does, which has the bytes elsewhere. */
function encrypt(bytes: Buffer): void {
  assert.equal(library.functions.BIO_write(output.pointer, bytes, bytes.length), bytes.length);
}

/** What waits, as a copy. */
function waiting(): Buffer {
  return Buffer.from(output.pending.subarray(0, output.pendingBytes));
}

function numbered(length: number, first: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i + first) & 0xff));
}

test('bytes that leave are read where they lie, however long and however often', () => {
  for (const length of [1, 30_000, 7, 200_000, 199_999, 64, 200_001]) {
    const bytes = numbered(length, length);
    encrypt(bytes);
    assert.ok(waiting().equals(bytes), String(length));
    output.taken();
    assert.equal(output.pendingBytes, 0);
  }
});

test('what is written in several pieces before it leaves, leaves in one', () => {
  const [one, two] = [numbered(5_000, 1), numbered(70_000, 2)];
  encrypt(one);
  encrypt(two);
  assert.ok(waiting().equals(Buffer.concat([one, two])));
  output.taken();
});

test('memory that is given away stays as it is, and what follows goes to other memory', () => {
  const kept: { readonly bytes: Buffer; readonly is: Buffer }[] = [];
  for (let i = 0; i < 50; i++) {
    const bytes = numbered(3_000 + 500 * i, i);
    encrypt(bytes);
    const is = output.pending.subarray(100, output.pendingBytes);
    output.taken();
    output.giveAway();
    kept.push({ bytes: bytes.subarray(100), is });
  }
  encrypt(numbered(100_000, 9));
  output.taken();
  for (const { bytes, is } of kept) assert.ok(is.equals(bytes));
});
