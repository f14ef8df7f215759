import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { frame } from '../testing/raw-http2.ts';
import { frameFlag, frameType } from './frame.ts';
import { FrameReader, type FrameFault } from './frame-reader.ts';

/** What a reader says of bytes that come in these pieces; each piece is overwritten after it was read. */
function read(bytes: Buffer, cuts: readonly number[]): string[] {
  const seen: string[] = [];
  let data = '';
  const reader = new FrameReader({
    onDataFrame: (streamId, length, flags) => {
      data = '';
      seen.push(`data ${streamId} ${length} ${flags}`);
    },
    onDataBytes: (buffer, start, end) => (data += buffer.toString('latin1', start, end)),
    onDataFrameEnd: (padding) => seen.push(`${data} +${padding}`),
    onFrame: (type, flags, streamId, buffer, start, end) =>
      seen.push(`${type} ${flags} ${streamId} ${buffer.toString('latin1', start, end)}`),
    onFrameFault: (fault: FrameFault) => seen.push(fault),
  });
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    const piece = Buffer.from(bytes.subarray(from, cut));
    reader.read(piece, 0, piece.length);
    piece.fill(0xee);
    from = cut;
  }
  return seen;
}

const sample = Buffer.concat([
  frame(frameType.settings, 0, 0, Buffer.from('abcdef')),
  frame(frameType.headers, frameFlag.endHeaders, 1, Buffer.from('block')),
  frame(frameType.data, 0, 1, Buffer.from('hello')),
  frame(frameType.data, frameFlag.padded, 1, Buffer.from('\x03paddedxyz')),
  frame(frameType.data, frameFlag.padded, 1, Buffer.from('\x02zz')),
  frame(frameType.data, frameFlag.padded, 1, Buffer.from('\x00all')),
  frame(frameType.data, frameFlag.endStream, 1),
  frame(0x77, 0xff, 0x7fffffff, Buffer.from('unknown')),
  frame(frameType.ping, 0, 0, Buffer.from('12345678')),
]);
const whole = read(sample, []);

test('frames are the same wherever the bytes are cut', () => {
  assert.deepEqual(whole, [
    '4 0 0 abcdef',
    '1 4 1 block',
    'data 1 5 0',
    'hello +0',
    'data 1 10 8',
    'padded +4',
    'data 1 3 8',
    ' +3',
    'data 1 4 8',
    'all +1',
    'data 1 0 1',
    ' +0',
    '119 255 2147483647 unknown',
    '6 0 0 12345678',
  ]);
  for (let cut = 1; cut < sample.length; cut++) assert.deepEqual(read(sample, [cut]), whole, `cut at ${cut}`);
  assert.deepEqual(
    read(
      sample,
      Array.from({ length: sample.length - 1 }, (_, i) => i + 1),
    ),
    whole,
    'byte by byte',
  );
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: sample.length - 1 })), (cuts) => {
      assert.deepEqual(
        read(
          sample,
          cuts.toSorted((a, b) => a - b),
        ),
        whole,
      );
    }),
  );
});

test('a frame longer than allowed and padding longer than its frame stop the reader', () => {
  const long = Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1, 9, 9]);
  assert.deepEqual(read(long, []), ['too_long']);
  const padded = frame(frameType.data, frameFlag.padded, 1, Buffer.from('\x09abc'));
  assert.deepEqual(read(Buffer.concat([padded, sample]), []), ['data 1 4 8', 'bad_padding']);
  const empty = frame(frameType.data, frameFlag.padded, 1);
  assert.deepEqual(read(Buffer.concat([empty, sample]), []), ['bad_padding']);
});

test('any bytes are cut into frames or refused, never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      read(Buffer.from(bytes), []);
    }),
  );
});
