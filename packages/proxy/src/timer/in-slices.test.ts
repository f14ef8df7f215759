import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '@lateen/core';
import { inSlices, wholly, type Parts } from './in-slices.ts';

function* count(to: number, onPart: () => void = () => {}): Parts<number> {
  for (let i = 0; i < to; i++) {
    onPart();
    yield;
  }
  return to;
}

test('work is done wholly where nobody waits', () => {
  assert.equal(wholly(count(3)), 3);
});

test('others go first after each slice', async () => {
  // A millisecond passes at each look: every part is a slice.
  let nowMs = 0;
  const clock: Pick<Clock, 'monotonicMs'> = { monotonicMs: () => nowMs++ };
  const log: string[] = [];
  const done = inSlices(
    count(3, () => {
      log.push('part');
      setImmediate(() => log.push('other'));
    }),
    clock as Clock,
  );
  assert.equal(await done, 3);
  assert.deepEqual(log.slice(0, 5), ['part', 'other', 'part', 'other', 'part']);
});

test('a failure of the work is that of the whole', async () => {
  function* failing(): Parts<number> {
    yield;
    throw new Error('bug');
  }
  const clock: Pick<Clock, 'monotonicMs'> = { monotonicMs: () => 0 };
  await assert.rejects(inSlices(failing(), clock as Clock), /bug/);
});

test('work waits while the heap is marked, and goes on when it is done or takes too long', async () => {
  let nowMs = 0;
  let waits = 0;
  const clock: Pick<Clock, 'monotonicMs' | 'after'> = {
    monotonicMs: () => nowMs++,
    after(_ms, run) {
      waits++;
      setImmediate(run);
      return { cancel: () => undefined };
    },
  };
  const marked = [true, true, false];
  assert.equal(await inSlices(count(3), clock as Clock, () => marked.shift() ?? false), 3);
  assert.equal(waits, 2);
  waits = 0;
  assert.equal(await inSlices(count(3), clock as Clock, () => true), 3);
  assert.ok(waits > 2);
});
