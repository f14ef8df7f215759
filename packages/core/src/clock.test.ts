import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from './clock.ts';

test('timers fire in the order in which they come due', () => {
  const clock = new TestClock();
  const fired: string[] = [];
  clock.after(20, () => fired.push('b'));
  clock.after(10, () => fired.push('a'));
  const cancelled = clock.after(15, () => fired.push('never'));
  cancelled.cancel();
  clock.advance(25);
  assert.deepEqual(fired, ['a', 'b']);
  assert.equal(clock.pending, 0);
});

test('a periodic timer fires once a period, also when it starts another timer', () => {
  const clock = new TestClock(0);
  const at: number[] = [];
  clock.every(10, () => {
    at.push(clock.now());
    clock.after(5, () => at.push(clock.now()));
  });
  clock.advance(25);
  assert.deepEqual(at, [10, 15, 20, 25]);
});
