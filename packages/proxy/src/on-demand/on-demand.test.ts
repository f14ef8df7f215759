import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { OnDemand, type DemandOutcome } from './on-demand.ts';

const ads = { kind: 'ads' } as const;

/** What is asked for at present. */
function demands() {
  const clock = new TestClock();
  const onDemand = new OnDemand(clock);
  const asked = new Set<string>();
  onDemand.seeker = {
    cluster: (name) => void asked.add(name),
    giveClusterUp: (name) => void asked.delete(name),
    virtualHost: (table, host) => void asked.add(`${table}/${host}`),
    giveHostUp: (name) => void asked.delete(name),
  };
  const ended: DemandOutcome[] = [];
  return { clock, onDemand, ended, asked: () => [...asked], done: (one: DemandOutcome) => ended.push(one) };
}

test('what one thread gives up is asked for as long as others wait', () => {
  const { clock, onDemand, asked, done } = demands();
  const [first, second] = [onDemand.seekerFor(1), onDemand.seekerFor(2)];
  onDemand.cluster('c', ads, 1_000, done);
  onDemand.virtualHost('t', 'a.test', 1_000, done);
  for (const thread of [first, second]) {
    thread.cluster('c', ads);
    thread.virtualHost('t', 'a.test');
  }
  first.giveClusterUp('c');
  first.giveHostUp('t/a.test');
  assert.deepEqual(asked(), ['c', 't/a.test']);
  clock.advance(1_000);
  assert.deepEqual(asked(), ['c', 't/a.test']);
  // One that has given up does so once.
  first.giveClusterUp('c');
  second.giveHostUp('t/a.test');
  assert.deepEqual(asked(), ['c']);
  second.giveClusterUp('c');
  assert.deepEqual(asked(), []);
});

test('a thread that does not wait gives up nothing', () => {
  const { onDemand, asked, ended, done } = demands();
  const thread = onDemand.seekerFor(1);
  onDemand.cluster('c', ads, 1_000, done);
  thread.giveClusterUp('c');
  assert.deepEqual(asked(), ['c']);
  // Who waited in it is served when the cluster comes; what it says later is late.
  thread.cluster('c', ads);
  onDemand.settleCluster('c', 'available');
  thread.giveClusterUp('c');
  assert.deepEqual([asked(), ended], [['c'], ['available']]);
});
