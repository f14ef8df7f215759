import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GradientController } from './gradient-controller.ts';

const rules = {
  percentile: 0.5,
  maxConcurrency: 100,
  updateIntervalMs: 100,
  minRttIntervalMs: 10_000,
  jitter: 0,
  minRttRequests: 4,
  minConcurrency: 3,
  buffer: 0.25,
};

const half = (): number => 0.5;

/** A controller, and requests one after the other that take so long. */
function controlled(more: Partial<typeof rules> = {}) {
  let nowMs = 0;
  const controller = new GradientController({ ...rules, ...more }, nowMs);
  const carry = (...times: readonly number[]): void => {
    for (const time of times) {
      assert.ok(controller.admit(nowMs));
      nowMs += time;
      controller.record(nowMs - time, nowMs, half);
    }
  };
  const pass = (ms: number): void => {
    nowMs += ms;
    // Time is looked at with the next request.
    if (controller.admit(nowMs)) controller.cancel();
  };
  return { controller, carry, pass, now: () => nowMs };
}

test('few requests at a time measure how long they take without load', () => {
  const { controller, carry } = controlled();
  assert.equal(controller.state.limit, 3);
  assert.deepEqual(
    [0, 0, 0, 0].map(() => controller.admit(0)),
    [true, true, true, false],
  );
  for (let i = 0; i < 3; i++) controller.cancel();
  carry(10, 30, 20);
  assert.ok(controller.isMeasuring);
  carry(20);
  assert.ok(!controller.isMeasuring);
  assert.equal(controller.state.minRttMs, 20);
});

test('the limit grows while times stay near that, and shrinks when they do not', () => {
  const { controller, carry, pass } = controlled();
  carry(20, 20, 20, 20);
  carry(20);
  pass(100);
  // 20 * 1.25 / 20 is 1.25: 3 * 1.25 and its root, rounded down.
  assert.deepEqual([controller.state.gradient, controller.state.limit], [1.25, 5]);
  carry(1);
  pass(100);
  // Never more than twice: 10 and its root.
  assert.deepEqual([controller.state.gradient, controller.state.limit], [2, 13]);
  carry(2_000);
  pass(100);
  // Never less than half: 6.5 and its root.
  assert.deepEqual([controller.state.gradient, controller.state.limit], [0.5, 9]);
  assert.equal(controller.state.sampleRttMs, 2_000);
});

test('it stays within its bounds', () => {
  const { controller, carry, pass } = controlled({ maxConcurrency: 6 });
  carry(20, 20, 20, 20);
  for (let i = 0; i < 3; i++) {
    carry(1);
    pass(100);
  }
  assert.equal(controller.state.limit, 6);
});

test('it is measured again after a while, and after some time at the least limit; what began before counts for nothing', () => {
  const { controller, carry, pass, now } = controlled();
  carry(20, 20, 20, 20);
  carry(20);
  pass(100);
  assert.ok(controller.admit(now()));
  const before = now();
  pass(10_000);
  assert.ok(controller.isMeasuring);
  assert.equal(controller.state.limit, 3);
  controller.record(before, now(), half);
  carry(5, 5, 5);
  assert.ok(controller.isMeasuring);
  carry(5);
  assert.deepEqual(
    [controller.isMeasuring, controller.state.minRttMs, controller.state.limit],
    [false, 5, 5],
  );
  for (let i = 0; i < 20 && !controller.isMeasuring; i++) {
    carry(500);
    pass(100);
  }
  assert.ok(controller.isMeasuring && now() < 20_000);
});
