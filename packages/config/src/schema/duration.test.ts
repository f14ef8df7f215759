import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from './duration.ts';

test('durations are read as Go reads them', () => {
  for (const [text, ms] of [
    ['7s', 7000],
    ['1.5h', 5_400_000],
    ['1m30s', 90_000],
    ['250ms', 250],
    ['.5s', 500],
    ['5.s', 5000],
    ['-1s', -1000],
    ['1h1m1s1ms', 3_661_001],
    ['1us', 0.001],
    ['0', 0],
    ['0s', 0],
  ] as const) {
    assert.equal(parseDuration(text), ms, text);
  }
  for (const text of ['', '7', 's', '7 s', '7sec', '1d', '1s ', '--1s', '1e3s', '٣s']) {
    assert.equal(parseDuration(text), undefined, text);
  }
});
