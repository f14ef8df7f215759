import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeightedSchedule } from './weighted-schedule.ts';

const turns = (weights: readonly number[], count: number, begin: number): string => {
  const schedule = new WeightedSchedule(
    weights.length,
    (i) => weights[i] as number,
    () => begin,
  );
  return Array.from({ length: count }, () => schedule.next()).join('');
};

test('the turns of a round are those of Envoy, wherever they begin', () => {
  const twice = (round: string): string => round + round;
  assert.equal(turns([1, 2, 3], 12, 0), twice('212012'));
  assert.equal(turns([5, 1, 1], 14, 0), twice('0000120'));
  for (let begin = 0; begin < 1; begin += 0.05)
    assert.ok(twice('212012').includes(turns([1, 2, 3], 6, begin)), `at ${begin}`);
});

test('no item has more than its share of the first turns of many schedules', () => {
  let light = 0;
  for (let i = 0; i < 1_000; i++) if (turns([1, 9], 1, (i + 0.5) / 1_000) === '0') light++;
  assert.ok(light > 80 && light < 120, `${light} of 1000`);
});

test('weights below one have their turns', () => {
  assert.equal(turns([0.7, 1], 17, 0).replaceAll('1', '').length, 7);
});
