import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import { defaultRouteConfiguration, type ConfigSource } from '../model/index.ts';
import { OnDemand, type DemandOutcome } from '../on-demand/on-demand.ts';
import { Runtime } from '../runtime/runtime.ts';
import { bytesOf } from '../testing/delta-control-plane.ts';
import { onDemandFeed } from './on-demand-feed.ts';

test('a cluster that nobody answers for is asked for no more when nobody waits, unless the answer comes late', () => {
  const clock = new TestClock();
  const onDemand = new OnDemand(clock);
  let wanted: readonly string[] = [];
  const feed = onDemandFeed({
    onDemand,
    subscriptions: { want: (_, names) => (wanted = [...names.keys()]) },
    putRoutes: async () => {},
    runtime: new Runtime(),
  });
  const ended: DemandOutcome[] = [];
  const ads: ConfigSource = { kind: 'ads' };
  const wait = (name: string) => onDemand.cluster(name, ads, 5_000, (outcome) => ended.push(outcome));

  wait('a');
  wait('warming');
  wait('late');
  feed.clustersCame(['warming', 'of no demand']);
  clock.advance(1_000);
  wait('a');
  clock.advance(4_000);
  assert.deepEqual(
    [wanted, ended],
    [
      ['a', 'warming'],
      ['timeout', 'timeout', 'timeout'],
    ],
  );
  clock.advance(1_000);
  assert.deepEqual(wanted, ['warming']);
  for (let i = 0; i < 2_000; i++) wait(`random-${i}`);
  clock.advance(5_000);
  assert.deepEqual(wanted, ['warming']);

  wait('a');
  assert.deepEqual(wanted, ['warming', 'a']);
  feed.clustersCame(['random-1999']);
  assert.deepEqual(wanted, ['warming', 'a', 'random-1999']);
  // Only the latest are remembered.
  feed.clustersCame(['random-0']);
  assert.deepEqual(wanted, ['warming', 'a', 'random-1999']);
  feed.clustersMissing(['warming']);
  wait('warming');
  clock.advance(5_000);
  assert.deepEqual(wanted, ['random-1999']);
});

test('a host that nobody answers for is asked for no more when nobody waits, unless the answer comes late', async () => {
  const clock = new TestClock();
  const onDemand = new OnDemand(clock);
  let wanted: readonly string[] = [];
  const feed = onDemandFeed({
    onDemand,
    subscriptions: { want: (_, names) => (wanted = [...names.keys()]) },
    putRoutes: async () => {},
    runtime: new Runtime(),
  });
  feed.complete({ ...defaultRouteConfiguration('t', []), onDemandHosts: true }, undefined);
  const ended: DemandOutcome[] = [];
  const wait = (host: string) => onDemand.virtualHost('t', host, 5_000, (outcome) => ended.push(outcome));

  wait('a.test');
  const leave = wait('b.test');
  clock.advance(1_000);
  wait('a.test');
  leave();
  clock.advance(4_000);
  // Of the first host the second request waits on; of the other nobody does.
  assert.deepEqual([wanted, ended], [['t', 't/a.test'], ['timeout']]);
  clock.advance(1_000);
  assert.deepEqual([wanted, ended], [['t'], ['timeout', 'timeout']]);

  const host = { name: 'a', domains: ['a.test'] };
  await feed.takeHosts({
    type: 'virtualHost',
    version: '1',
    changed: [
      { name: 't/a.test', version: '1', typeUrl: VirtualHost.typeUrl, bytes: bytesOf(VirtualHost, host) },
    ],
    removed: [],
  });
  assert.deepEqual(wanted, ['t', 't/a.test']);
});
