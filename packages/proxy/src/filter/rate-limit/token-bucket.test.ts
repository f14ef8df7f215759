import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { SharedCells } from '../../workers/shared-cells.ts';
import { placeWithin } from './limit-place.ts';
import { createTokenBucket, type TokenBucket } from './token-bucket.ts';

const limit = { maxTokens: 3, tokensPerFill: 2, fillIntervalMs: 1_000 };
const taken = (...buckets: readonly TokenBucket[]): number => {
  let count = 0;
  while (buckets.some((bucket) => bucket.take())) count++;
  return count;
};

for (const shared of [false, true]) {
  test(`a bucket of ${shared ? 'several threads' : 'one thread'} gives what it holds, and is filled in steps`, () => {
    const clock = new TestClock();
    const place = shared ? { cells: new SharedCells(), owner: 'me' } : undefined;
    const bucket = createTokenBucket(limit, clock, place);
    assert.equal(taken(bucket), 3);
    assert.equal(bucket.remaining, 0);
    clock.advance(999);
    assert.equal(taken(bucket), 0);
    assert.equal(bucket.refillMs, 1);
    clock.advance(1);
    assert.equal(taken(bucket), 2);
    clock.advance(60_000);
    assert.equal(taken(bucket), 3);
  });
}

test('buckets at one place are one, at different places or of different sizes they are not', () => {
  const clock = new TestClock();
  const place = { cells: new SharedCells(), owner: 'me' };
  const one = createTokenBucket(limit, clock, place);
  const other = createTokenBucket(limit, clock, { ...place, cells: new SharedCells(place.cells.buffer) });
  one.take();
  other.take();
  assert.equal(taken(one, other), 1);
  assert.equal(taken(createTokenBucket(limit, clock, placeWithin(place, 'part'))), 3);
  assert.equal(taken(createTokenBucket({ ...limit, maxTokens: 4 }, clock, place)), 4);
  clock.advance(1_000);
  assert.equal(taken(one, other), 2);
});
