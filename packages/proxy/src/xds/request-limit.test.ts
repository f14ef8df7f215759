import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { ControlPlaneStats } from './control-plane-stats.ts';
import { RequestLimit } from './request-limit.ts';

function harness(maxTokens: number, tokensPerSecond: number) {
  const clock = new TestClock();
  const stats = new ControlPlaneStats();
  const limit = new RequestLimit({ maxTokens, tokensPerSecond }, clock, stats);
  const sent: number[] = [];
  const pass = (...requests: readonly number[]): void => {
    for (const one of requests) limit.pass(one, (request) => sent.push(request));
  };
  return { clock, stats, limit, sent, pass };
}

test('requests beyond the bucket wait for it to be filled, and go in their order', () => {
  const { clock, stats, sent, pass } = harness(2, 4);
  pass(1, 2, 3, 4);
  assert.deepEqual([sent, stats.pending, stats.limited], [[1, 2], 2, 1]);
  clock.advance(249);
  assert.deepEqual(sent, [1, 2]);
  clock.advance(1);
  assert.deepEqual([sent, stats.pending, stats.limited], [[1, 2, 3], 1, 2]);
  // One that comes now does not overtake the one that waits.
  pass(5);
  clock.advance(500);
  assert.deepEqual([sent, stats.pending], [[1, 2, 3, 4, 5], 0]);
  clock.advance(10_000);
  pass(6, 7, 8);
  assert.deepEqual([sent.length, stats.pending], [7, 1]);
});

test('what waits for a stream that is over is not sent', () => {
  const { clock, stats, limit, sent, pass } = harness(1, 1);
  pass(1, 2);
  limit.clear();
  clock.advance(5_000);
  assert.deepEqual([sent, stats.pending], [[1], 0]);
});
