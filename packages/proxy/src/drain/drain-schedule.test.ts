import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { DrainSchedule } from './drain-schedule.ts';

test('nothing is closed before a drain begins, and everything at once with the immediate strategy', () => {
  const drain = new DrainSchedule(new TestClock(), () => 0);
  assert.equal(drain.closes(), false);
  drain.start(1_000, 'immediate');
  assert.equal(drain.closes(), true);
});

test('the share of connections that are closed grows over the drain time', () => {
  const clock = new TestClock();
  let next = 0;
  const drain = new DrainSchedule(clock, () => (next = (next + 0.01) % 1));
  drain.start(100_000, 'gradual');
  const share = (): number => Array.from({ length: 100 }, () => drain.closes()).filter(Boolean).length / 100;
  assert.equal(share(), 0);
  clock.advance(25_000);
  assert.ok(Math.abs(share() - 0.25) < 0.03);
  clock.advance(50_000);
  assert.ok(Math.abs(share() - 0.75) < 0.03);
  clock.advance(25_000);
  assert.equal(share(), 1);
});

test('a gradual drain that is begun again goes on, and one that is made immediate closes everything', () => {
  const clock = new TestClock();
  const drain = new DrainSchedule(clock, () => 0.5);
  drain.start(100_000, 'gradual');
  clock.advance(60_000);
  drain.start(100_000, 'gradual');
  assert.equal(drain.closes(), true);
  drain.start(100_000, 'immediate');
  assert.equal(drain.closes(), true);
});
