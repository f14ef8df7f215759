import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderResult } from './report.ts';
import { median, type Standing } from './run-case.ts';

function standing(name: string, requestsPerSecond: number, cpuUsPerRequest: number): Standing {
  return {
    name,
    version: '1.2',
    requestsPerSecond,
    cpuUsPerRequest,
    p50Ms: 0.5,
    p99Ms: 1,
    errors: 0,
    anonymousMb: 20,
    rounds: [],
  };
}

test('the table says how ours stands to each', () => {
  const text = renderResult({
    name: 'c',
    summary: 's',
    missing: ['caddy is not installed'],
    standings: [standing('lateen', 40_000, 24), standing('haproxy', 50_000, 20)],
  });
  assert.match(text, /\| lateen 1\.2 +\| +40,000 .* 1\.00x \| +1\.00x \|/);
  assert.match(text, /\| haproxy 1\.2 +\| +50,000 .* 0\.80x \| +1\.20x \|/);
  assert.match(text, /MISSING: caddy is not installed/);
});

test('the median of an even number is between the two in the middle', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([3, 1, 2]), 2);
});
