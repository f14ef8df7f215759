import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatGroup } from '../telemetry/stat-group.ts';
import { ControlPlaneStats } from './control-plane-stats.ts';
import { subscriptionStatistics } from './subscription-statistics.ts';

function harness(owners: readonly (readonly [string, readonly string[]])[] = []) {
  const groups = new Set<StatGroup>();
  const statistics = subscriptionStatistics(
    { add: (group) => void groups.add(group), remove: (group) => void groups.delete(group) },
    { routePrefix: () => '', filterLayer: () => 'http', endpointOwners: () => new Map(owners) },
  );
  const numbers = (): Record<string, number> => {
    const found: Record<string, number> = {};
    for (const group of groups) {
      group.visit({
        number: (name, _kind, value) => void (found[group.prefix + name] = value),
        text() {},
        histogram() {},
      });
    }
    return found;
  };
  return { statistics, numbers };
}

const named = (...names: readonly string[]) => new Map(names.map((name) => [name, undefined]));

test('endpoints are counted by every cluster that has them, as long as they are wanted', () => {
  const { statistics, numbers } = harness([
    ['shared', ['one', 'two']],
    ['three', ['three']],
  ]);
  statistics.subscribed('endpoint', named('shared', 'three'));
  const resource = { name: 'shared', version: '1', typeUrl: '', bytes: new Uint8Array() };
  const update = { type: 'endpoint' as const, version: '1', changed: [resource], removed: [] };
  statistics.taken(update, new Map(), 1);
  statistics.fetchTimedOut('endpoint', 'three');
  for (const cluster of ['one', 'two']) {
    assert.equal(numbers()[`cluster.${cluster}.update_success`], 1);
    assert.equal(numbers()[`cluster.${cluster}.update_attempt`], 2);
    assert.equal(numbers()[`cluster.${cluster}.init_fetch_timeout`], 0);
  }
  assert.equal(numbers()['cluster.three.init_fetch_timeout'], 1);
  statistics.subscribed('endpoint', named('three'));
  assert.deepEqual([...new Set(Object.keys(numbers()).map((name) => name.split('.')[1]))], ['three']);
});

test('a kind that comes by a stream of its own says whether that is connected, and the stream of all kinds does not', () => {
  const { statistics, numbers } = harness([['a', ['a']]]);
  statistics.subscribed('cluster');
  statistics.subscribed('endpoint', named('a'));
  const own = new ControlPlaneStats();
  statistics.servedBy('cluster', undefined, own);
  statistics.ads.connected = false;
  own.connected = true;
  assert.equal(numbers()['control_plane.connected_state'], 0);
  assert.equal(numbers()['cluster_manager.cds.control_plane.connected_state'], 1);
  assert.equal(numbers()['cluster.a.control_plane.connected_state'], undefined);
});
