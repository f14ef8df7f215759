import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference, quantileMs, trafficOf } from './rates.ts';

const counters = (requests: number, errors: number, buckets: [number, number][] = []) => ({
  requests,
  errors,
  buckets: new Map(buckets),
});

test('rates are what came between two readings over the time between them', () => {
  const counted = difference(counters(10, 1), counters(30, 6));
  assert.deepEqual(trafficOf(counted, 10_000), { requestsPerSecond: 2, errorShare: 0.25 });
});

test('a proxy that was started anew counts from zero', () => {
  assert.equal(difference(counters(100, 50), counters(4, 1)).requests, 4);
  assert.equal(difference(counters(100, 50), counters(4, 1)).errors, 1);
});

test('quantiles lie within their bucket by share, and at the last bound where they exceed it', () => {
  const buckets = new Map([
    [Infinity, 100],
    [10, 50],
    [20, 90],
  ]);
  assert.equal(quantileMs(buckets, 0.25), 5);
  assert.equal(quantileMs(buckets, 0.7), 15);
  assert.equal(quantileMs(buckets, 0.95), 20);
  assert.equal(quantileMs(new Map(), 0.5), undefined);
});
