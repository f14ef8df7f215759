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

/** A clock that says these times one after another, and then the last. */
function clockOf(timesMs: number[]): { clock: Clock; rests: () => number } {
  let rests = 0;
  const clock: Pick<Clock, 'monotonicMs' | 'after'> = {
    monotonicMs: () => (timesMs.length > 1 ? timesMs.shift() : timesMs[0]) ?? 0,
    after(_ms, run) {
      rests++;
      setImmediate(run);
      return { cancel: () => undefined };
    },
  };
  return { clock: clock as Clock, rests: () => rests };
}

test('others go first after each slice', async () => {
  const log: string[] = [];
  // A slice begins, a part takes a quarter of a millisecond, others take nothing.
  const { clock, rests } = clockOf([0, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5]);
  const done = inSlices(
    count(3, () => {
      log.push('part');
      setImmediate(() => log.push('other'));
    }),
    clock,
    () => false,
  );
  assert.equal(await done, 3);
  assert.deepEqual(log.slice(0, 4), ['part', 'other', 'part', 'other']);
  assert.equal(rests(), 0);
});

test('work rests after a slice where others took the core', async () => {
  const { clock, rests } = clockOf([0, 0.25, 0.4]);
  assert.equal(await inSlices(count(3), clock, () => false), 3);
  assert.equal(rests(), 1);
});

test('a failure of the work is that of the whole', async () => {
  function* failing(): Parts<number> {
    yield;
    throw new Error('bug');
  }
  await assert.rejects(inSlices(failing(), clockOf([0]).clock), /bug/);
});

test('work waits while the heap is marked, and goes on when it is done or takes too long', async () => {
  const { clock, rests } = clockOf([0, 0.25, 0.25]);
  const marked = [true, true, false];
  assert.equal(await inSlices(count(3), clock, () => marked.shift() ?? false), 3);
  assert.equal(rests(), 2);
  const marking = clockOf([0, 0.25, 0.25]);
  assert.equal(await inSlices(count(3), marking.clock, () => true), 3);
  assert.ok(marking.rests() > 2);
});
