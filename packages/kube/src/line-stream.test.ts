import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineError, readLines } from './line-stream.ts';

const never = new AbortController().signal;

test('however the bytes are cut, the lines are the same', async () => {
  const texts = fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/\s/g, '_')));
  await fc.assert(
    fc.asyncProperty(texts, fc.array(fc.nat(40)), async (lines, cuts) => {
      const stream = new PassThrough();
      const seen: string[] = [];
      const reading = readLines(stream, (line) => seen.push(line), never);
      let rest = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      for (const cut of cuts) {
        if (rest.length === 0) break;
        stream.write(rest.subarray(0, cut));
        rest = rest.subarray(cut);
      }
      stream.end(rest);
      await reading;
      assert.deepEqual(
        seen,
        lines.filter((line) => line !== ''),
      );
    }),
    { numRuns: 50 },
  );
});

test('what handling a line throws ends the reading and is told apart from a broken stream', async () => {
  const bad = new Error('bad line');
  const stream = new PassThrough();
  const reading = readLines(
    stream,
    () => {
      throw bad;
    },
    never,
  );
  stream.write('one\n');
  await assert.rejects(reading, (error: unknown) => error instanceof LineError && error.cause === bad);
  assert.equal(stream.destroyed, true);

  const broken = new PassThrough();
  const other = readLines(broken, () => {}, never);
  broken.destroy(new Error('reset'));
  await assert.rejects(other, { message: 'reset' });
});
