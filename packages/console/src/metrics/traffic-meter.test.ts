import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { smallMesh } from '../testing/small-mesh.ts';
import { TrafficMeter } from './traffic-meter.ts';

const pod = { namespace: 'default', name: 'web' };

function meter() {
  const clock = new TestClock();
  const source = smallMesh();
  const traffic = new TrafficMeter({ source, clock, windowMs: 10_000 });
  return {
    clock,
    source,
    traffic,
    readAfter: async (delayMs: number, requests: number): Promise<void> => {
      clock.advance(delayMs);
      source.pages.set(
        'web:15090',
        `envoy_cluster_upstream_rq_total{cluster_name="outbound|80||b.a"} ${requests}`,
      );
      await traffic.read([pod]);
    },
    state: () => {
      const measured = traffic.measure().pods.get('default/web');
      return [measured?.spanMs, measured?.outbound[0]?.counted.requests];
    },
  };
}

test('rates are taken over a window that moves on', async () => {
  const { readAfter, state, traffic } = meter();
  await readAfter(0, 100);
  assert.deepEqual(state(), [0, 0]);
  assert.equal(traffic.measure().isMeasured, false);
  for (let i = 1; i <= 8; i++) await readAfter(2000, 100 + i);
  assert.deepEqual(state(), [10_000, 5]);
  assert.equal(traffic.measure().isMeasured, true);
});

test('what was counted in a pause is not spread over what comes after it', async () => {
  const { readAfter, state, traffic, clock } = meter();
  await readAfter(0, 100);
  await readAfter(2000, 110);
  clock.advance(600_000);
  traffic.forgetPast();
  await readAfter(0, 5000);
  assert.deepEqual(state(), [0, 0]);
  await readAfter(1000, 5004);
  assert.deepEqual(state(), [1000, 4]);
});

test('a proxy that cannot be read is named, and one that went is forgotten', async () => {
  const { readAfter, traffic, source } = meter();
  await readAfter(0, 1);
  source.pages.clear();
  await traffic.read([pod]);
  assert.deepEqual(traffic.measure().unread, [{ pod: 'default/web', reason: 'connection refused' }]);
  await traffic.read([]);
  assert.deepEqual(traffic.measure(), { pods: new Map(), unread: [], isMeasured: false });
});
