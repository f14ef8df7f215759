import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import type { Cluster, Listener } from '../model/index.ts';
import type { DataPlane, DataPlaneOptions } from '../data-plane.ts';
import { clusterFromJson, filterTypes, listenerFromJson, routerJson } from '../testing/envoy-config.ts';
import { ask, portOf, startDataPlane, statOf, until, upstream, type Closers } from '../testing/harness.ts';
import { SharedCells } from './shared-cells.ts';

const always = { default_value: { numerator: 100 } };
const limit = (tokens: number) => ({
  '@type': `${filterTypes}.local_ratelimit.v3.LocalRateLimit`,
  stat_prefix: 'l',
  token_bucket: { max_tokens: tokens, fill_interval: '3600s' },
  filter_enabled: always,
  filter_enforced: always,
});

/** One of two threads of a process; each binds ports of its own, as only what is counted is of interest. */
async function startThread(
  t: Closers,
  cells: SharedCells,
  index: number,
  clusters: readonly Cluster[],
  listeners: readonly Listener[],
  options: DataPlaneOptions = {},
): Promise<DataPlane> {
  const dataPlane = startDataPlane(t, {
    ...options,
    share: {
      cells: new SharedCells(cells.buffer),
      ticketSecret: new Uint8Array(32),
      leads: true,
      index,
      threads: 2,
      handOver: () => false,
      whenServing: async () => {},
      hostsChanged() {},
      outlierDetected() {},
    },
  });
  const { refused } = await dataPlane.update({ clusters: { set: clusters }, listeners: { set: listeners } });
  assert.deepEqual(refused, []);
  return dataPlane;
}

test('a limit of a route within a listener is one for all threads, and not that of another listener', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end());
  const cells = new SharedCells();
  const listener = (name: string) =>
    listenerFromJson(
      {
        route_config: {
          name: 'local_route',
          virtual_hosts: [
            {
              name: 'all',
              domains: ['*'],
              routes: [
                {
                  match: { prefix: '/' },
                  route: { cluster: 'up' },
                  typed_per_filter_config: { limit: limit(2) },
                },
              ],
            },
          ],
        },
        http_filters: [{ name: 'limit', typed_config: limit(1_000) }, routerJson],
      },
      {},
      { name },
    );
  const thread = (index: number): Promise<DataPlane> =>
    startThread(t, cells, index, [clusterFromJson('up', [up])], [listener('a'), listener('b')]);
  const [one, other] = [await thread(0), await thread(1)];
  const statusOf = async (dataPlane: DataPlane, name: string): Promise<number> =>
    (await ask(portOf(dataPlane, name))).status;
  assert.equal(await statusOf(one, 'a'), 200);
  assert.equal(await statusOf(other, 'a'), 200);
  assert.deepEqual([await statusOf(one, 'a'), await statusOf(other, 'a')], [429, 429]);
  assert.deepEqual([await statusOf(one, 'b'), await statusOf(other, 'b')], [200, 200]);
  assert.equal(await statusOf(one, 'b'), 429);
});

test('bodies of all threads together are as fast as a bandwidth limit says, of a filter and of a route', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end(Buffer.alloc(100_000)));
  const bandwidth = (kbps: number) => ({
    '@type': `${filterTypes}.bandwidth_limit.v3.BandwidthLimit`,
    stat_prefix: 'slow',
    enable_mode: 'RESPONSE',
    limit_kbps: kbps,
    fill_interval: '0.1s',
  });
  for (const ofRoute of [false, true]) {
    const clock = new TestClock();
    const cells = new SharedCells();
    const route = {
      match: { prefix: '/' },
      route: { cluster: 'up' },
      typed_per_filter_config: ofRoute ? { limit: bandwidth(10) } : {},
    };
    const listener = listenerFromJson({
      route_config: {
        name: 'local_route',
        virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }],
      },
      http_filters: [{ name: 'limit', typed_config: bandwidth(ofRoute ? 100_000 : 10) }, routerJson],
    });
    const threads = await Promise.all(
      [0, 1].map((index) =>
        startThread(t, cells, index, [clusterFromJson('up', [up])], [listener], { clock }),
      ),
    );
    const stat = (thread: DataPlane, name: string): number =>
      statOf(thread, `slow.http_bandwidth_limit.response_${name}`);
    for (const thread of threads) {
      const asked = request({ port: portOf(thread), host: '127.0.0.1', agent: false }, (response) =>
        response.resume(),
      );
      asked.on('error', () => {});
      asked.end();
      t.after(() => asked.destroy());
      await until(() => stat(thread, 'pending') > 0);
    }
    for (let i = 0; i < 9; i++) clock.advance(100);
    const allowed = threads.map((thread) => stat(thread, 'allowed_total_size'));
    assert.equal(
      allowed.reduce((sum, bytes) => sum + bytes, 0),
      10 * 1_024,
      `${allowed}`,
    );
  }
});

test('no more faults are under way in all threads together than may be', async (t) => {
  const cells = new SharedCells();
  const fault = {
    '@type': `${filterTypes}.fault.v3.HTTPFault`,
    delay: { fixed_delay: '3600s', percentage: { numerator: 100 } },
    max_active_faults: 1,
  };
  const direct = { match: { prefix: '/' }, direct_response: { status: 204 } };
  const listener = listenerFromJson({
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [direct] }] },
    http_filters: [{ name: 'fault', typed_config: fault }, routerJson],
  });
  const [one, other] = [
    await startThread(t, cells, 0, [], [listener]),
    await startThread(t, cells, 1, [], [listener]),
  ];
  const stat = (thread: DataPlane, name: string): number =>
    statOf(
      thread,
      thread.stats.snapshot().groups.find(({ prefix }) => prefix.endsWith('.fault.'))?.prefix + name,
    );
  const delayed = request({ port: portOf(one), host: '127.0.0.1', agent: false }).on('error', () => {});
  delayed.end();
  t.after(() => delayed.destroy());
  await until(() => stat(one, 'active_faults') === 1);
  assert.equal((await ask(portOf(other), '/')).status, 204);
  assert.deepEqual([stat(other, 'active_faults'), stat(other, 'faults_overflow')], [0, 1]);
  delayed.destroy();
  await until(() => stat(one, 'active_faults') === 0);
  const next = request({ port: portOf(other), host: '127.0.0.1', agent: false }).on('error', () => {});
  next.end();
  t.after(() => next.destroy());
  await until(() => stat(other, 'active_faults') === 1);
});
