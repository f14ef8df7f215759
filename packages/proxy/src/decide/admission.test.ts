import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rejectedShare, SuccessWindow } from './admission.ts';

const rules = {
  enabled: () => true,
  httpSuccess: [],
  grpcSuccess: new Set<number>(),
  windowMs: 30_000,
  aggression: 1,
  successThreshold: 0.95,
  minRequestsPerSecond: 0,
  maxRejectedShare: 0.8,
};

test('nobody is refused while as many succeed as are to', () => {
  assert.equal(rejectedShare({ requests: 0, successes: 0 }, rules), 0);
  assert.equal(rejectedShare({ requests: 100, successes: 95 }, rules), 0);
  assert.equal(rejectedShare({ requests: 100, successes: 100 }, rules), 0);
});

test('the share grows with failures up to the most, and sooner where that is asked for', () => {
  const half = { requests: 99, successes: 47.5 };
  assert.equal(rejectedShare(half, rules).toFixed(6), '0.490000');
  assert.equal(rejectedShare(half, { ...rules, aggression: 2 }).toFixed(6), '0.700000');
  assert.equal(rejectedShare({ requests: 1_000, successes: 0 }, rules), 0.8);
});

test('what is older than the window counts no more', () => {
  const window = new SuccessWindow(3_000);
  for (let i = 0; i < 6; i++) window.record(0, i < 2);
  window.record(900, true);
  window.record(1_000, false);
  assert.deepEqual([window.requests, window.successes, window.requestsPerSecond], [8, 3, 2]);
  window.moveTo(2_999);
  assert.equal(window.requests, 8);
  window.moveTo(3_000);
  assert.deepEqual([window.requests, window.successes], [1, 0]);
  window.moveTo(4_000);
  assert.deepEqual([window.requests, window.successes], [0, 0]);
});
