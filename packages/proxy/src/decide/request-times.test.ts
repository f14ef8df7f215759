import assert from 'node:assert/strict';
import { test } from 'node:test';
import { histogramCells, KeptTimes, TimeHistogram, type RequestTimes } from './request-times.ts';

const kinds: Readonly<Record<string, () => RequestTimes>> = {
  'kept as they were': () => new KeptTimes(),
  'kept by ranges': () => new TimeHistogram(new Int32Array(histogramCells + 3), 3),
};

for (const [kind, create] of Object.entries(kinds)) {
  test(`times ${kind} answer with the one that a share is below, and are forgotten`, () => {
    const times = create();
    const near = (share: number, expected: number): void => {
      for (let ms = 100; ms >= 1; ms--) times.add(ms, Math.random);
      assert.equal(times.count, 100);
      const taken = times.take(share);
      assert.ok(Math.abs(taken / expected - 1) <= 0.011, `${taken}, not ${expected}`);
      assert.equal(times.count, 0);
    };
    near(0, 1);
    near(0.5, 51);
    near(0.95, 96);
    near(1, 100);
    times.add(5, Math.random);
    times.clear();
    assert.equal(times.count, 0);
  });
}

test('times beyond the ranges count in the first and the last', () => {
  const times = new TimeHistogram(new Int32Array(histogramCells), 0);
  times.add(0);
  assert.ok(times.take(0.5) <= 0.01);
  times.add(1e9);
  assert.ok(times.take(0.5) > 500_000);
});
