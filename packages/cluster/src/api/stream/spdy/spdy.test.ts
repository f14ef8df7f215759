import assert from 'node:assert/strict';
import { constants, deflateSync, inflateSync } from 'node:zlib';
import { test } from 'node:test';
import fc from 'fast-check';
import { headerDictionary } from './dictionary.ts';
import { FrameReader, SpdyError, dataFrame, pingFrame, resetFrame, type Frame } from './frames.ts';
import { HeaderBlocks } from './header-block.ts';

test('the dictionary is the one that the specification and every peer have', () => {
  // Its Adler-32 sum is what a compressed block names it by.
  const block = deflateSync('x', { dictionary: headerDictionary });
  assert.equal(block.readUInt32BE(2), 0xe3c6a7c2);
});

test('frames are the same however the bytes are cut', () => {
  const frames = fc.array(
    fc.oneof(
      fc
        .tuple(fc.integer({ min: 1, max: 99 }), fc.uint8Array({ maxLength: 40 }), fc.boolean())
        .map(([id, data, fin]) => dataFrame(id, Buffer.from(data), fin)),
      fc.integer({ min: 1, max: 99 }).map(pingFrame),
      fc.integer({ min: 1, max: 99 }).map((id) => resetFrame(id, 1)),
    ),
  );
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (sent, cuts) => {
      const bytes = Buffer.concat(sent);
      const whole = new FrameReader().push(bytes);
      assert.equal(whole.length, sent.length);
      const reader = new FrameReader();
      const pieces: Frame[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const length = cuts[i % cuts.length] ?? 1;
        pieces.push(...reader.push(bytes.subarray(at, at + length)));
        at += length;
      }
      assert.deepEqual(pieces, whole);
    }),
  );
});

test('bytes of any kind give frames or an error, and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        new FrameReader().push(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof SpdyError);
      }
    }),
  );
});

test('headers of one connection continue each other\u2019s compression', async () => {
  const blocks = new HeaderBlocks();
  const peer = new HeaderBlocks();
  const first = new Map([
    ['streamtype', 'error'],
    ['port', '80'],
    ['requestid', '0'],
  ]);
  const second = new Map([
    ['streamtype', 'data'],
    ['port', '80'],
    ['requestid', '0'],
  ]);
  const sent = [await peer.encode(first), await peer.encode(second)];
  assert.deepEqual(await blocks.decode(sent[0] ?? Buffer.alloc(0)), first);
  assert.deepEqual(await blocks.decode(sent[1] ?? Buffer.alloc(0)), second);
  const plain = inflateSync(sent[0] ?? Buffer.alloc(0), {
    dictionary: headerDictionary,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  assert.equal(plain.readUInt32BE(0), 3);
  blocks.close();
  peer.close();
});

test('a header block that is broken or would fill the memory is refused', async () => {
  const broken = new HeaderBlocks();
  await assert.rejects(broken.decode(Buffer.from('not compressed')), SpdyError);
  broken.close();
  const bomb = new HeaderBlocks();
  const zeros = deflateSync(Buffer.alloc(1024 * 1024), {
    dictionary: headerDictionary,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  await assert.rejects(bomb.decode(zeros), /headers are too long/);
  bomb.close();
});
