import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AnswerReader } from './answer-reader.ts';

test('an answer is complete with its last byte, however it is cut', () => {
  fc.assert(
    fc.property(
      fc.nat(64),
      fc.integer({ min: 100, max: 599 }),
      fc.array(fc.nat(120), { maxLength: 6 }),
      (length, status, cuts) => {
        const bytes = Buffer.from(
          `HTTP/1.1 ${status} Fine\r\nX-Mark: m${length}\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`,
        );
        const at = [...new Set(cuts.map((cut) => cut % bytes.length).filter((cut) => cut > 0))].sort(
          (a, b) => a - b,
        );
        const reader = new AnswerReader();
        for (let round = 0; round < 2; round++) {
          const answers = [0, ...at].map((from, i) => reader.read(bytes.subarray(from, at[i])));
          const last = answers.pop();
          assert.deepEqual([last?.status, last?.header('x-mark')], [status, `m${length}`]);
          assert.ok(answers.every((answer) => answer === undefined));
        }
      },
    ),
  );
});

test('an answer without a length is an error', () => {
  assert.throws(() => new AnswerReader().read(Buffer.from('HTTP/1.1 200 OK\r\n\r\n')), /no answer/);
});
