import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadFigures } from './load-figures.ts';
import { renderResult } from './report.ts';
import { median, type Standing } from './run-case.ts';

function standing(name: string, requestsPerSecond: number, cpuUsPerRequest: number): Standing {
  return {
    name,
    version: '1.2',
    figures: { requestsPerSecond, cpuUsPerRequest, p50Ms: 0.5, p99Ms: 1, anonymousMb: 20 },
    rounds: [],
  };
}

test('the table says how ours stands to each', () => {
  const text = renderResult({
    name: 'c',
    summary: 's',
    figures: loadFigures,
    baseline: 'lateen',
    missing: ['caddy is not installed'],
    standings: [standing('lateen', 40_000, 24), standing('haproxy', 50_000, 20)],
  });
  assert.match(text, /\| lateen 1\.2 +\| +40,000 .* 1\.00x \| +1\.00x \|/);
  assert.match(text, /\| haproxy 1\.2 +\| +50,000 .* 0\.80x \| +1\.20x \|/);
  assert.match(text, /MISSING: caddy is not installed/);
});

test('a figure that a contender does not have is a dash', () => {
  const text = renderResult({
    name: 'c',
    summary: 's',
    figures: [
      { key: 'a', title: 'a', digits: 1, ratio: 'our a' },
      { key: 'b', title: 'b', digits: 0, ratio: 'our b' },
    ],
    baseline: 'lateen',
    missing: [],
    standings: [
      { name: 'lateen', version: '', figures: { a: 1, b: 2 }, rounds: [] },
      { name: 'direct', version: '', figures: { a: 2 }, rounds: [] },
    ],
  });
  assert.match(text, /\| lateen \| 1\.0 \| 2 \| 1\.00x \| 1\.00x \|/);
  assert.match(text, /\| direct \| 2\.0 \| - \| 0\.50x \| {5}- \|/);
});

test('the median of an even number is between the two in the middle', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([3, 1, 2]), 2);
});
