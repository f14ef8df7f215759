import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from './backoff.ts';

test('delays grow to the limit and start again after a reset', () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 500, random: () => 1 });
  assert.deepEqual(
    [backoff.nextMs(), backoff.nextMs(), backoff.nextMs(), backoff.nextMs()],
    [100, 200, 400, 500],
  );
  backoff.reset();
  assert.equal(backoff.nextMs(), 100);
});

test('jitter takes away at most its share', () => {
  const backoff = new Backoff({ baseMs: 100, jitter: 0.5, random: () => 0 });
  assert.equal(backoff.nextMs(), 50);
});
