import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { TestClock } from '@lateen/core';
import type { Probe } from '@lateen/kube';
import { ProbeLoop } from './probe-loop.ts';

function start(probe: Probe, eager: boolean) {
  const clock = new TestClock();
  const seen = { tries: 0, verdicts: [] as boolean[], failures: 0 };
  const state = { healthy: false };
  const loop = new ProbeLoop({
    probe,
    eager,
    clock,
    run: async () => {
      seen.tries++;
      return state.healthy ? { ok: true } : { ok: false, message: 'no' };
    },
    onVerdict: (healthy) => seen.verdicts.push(healthy),
    onFailure: () => seen.failures++,
  });
  const advance = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 50) {
      clock.advance(Math.min(50, left));
      await turn();
    }
  };
  return { clock, seen, state, loop, advance };
}

test('an eager probe finds a container ready within a tenth of a second, and failures before do not count', async () => {
  const { seen, state, advance } = start(
    { initialDelaySeconds: 1, periodSeconds: 15, failureThreshold: 2 },
    true,
  );
  await advance(900);
  assert.ok(seen.tries >= 9);
  assert.equal(seen.failures, 0);
  state.healthy = true;
  await advance(100);
  assert.deepEqual(seen.verdicts, [true]);
  const tries = seen.tries;
  await advance(10_000);
  assert.ok(seen.tries - tries <= 1, 'then only by its period');
});

test('a ready container is unready after as many failures in a row as the threshold says', async () => {
  const { seen, state, advance } = start({ periodSeconds: 2, failureThreshold: 3 }, true);
  state.healthy = true;
  await advance(200);
  state.healthy = false;
  await advance(4_000);
  assert.deepEqual(seen.verdicts, [true]);
  state.healthy = true;
  await advance(2_000);
  state.healthy = false;
  await advance(6_100);
  assert.deepEqual(seen.verdicts, [true, false]);
});

test('a probe that is not eager keeps to its delay and period', async () => {
  const { seen, advance } = start({ initialDelaySeconds: 3, periodSeconds: 1, failureThreshold: 2 }, false);
  await advance(2_900);
  assert.equal(seen.tries, 0);
  await advance(1_200);
  assert.deepEqual(seen.verdicts, [false]);
  assert.equal(seen.failures, 2);
});

test('nothing is decided after closing, not even by a try under way', async () => {
  const { seen, state, loop, advance } = start({ periodSeconds: 1 }, true);
  state.healthy = true;
  loop.close();
  await advance(2_000);
  assert.deepEqual(seen.verdicts, []);
  assert.equal(seen.tries, 1);
});
