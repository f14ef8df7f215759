import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataPlane } from '../model/index.ts';
import { clusterFromJson, filterTypes, listenerFromJson, routerJson } from '../testing/envoy-config.ts';
import { ask, portOf, startDataPlane, upstream } from '../testing/harness.ts';
import { SharedCells } from './shared-cells.ts';

const always = { default_value: { numerator: 100 } };
const limit = (tokens: number) => ({
  '@type': `${filterTypes}.local_ratelimit.v3.LocalRateLimit`,
  stat_prefix: 'l',
  token_bucket: { max_tokens: tokens, fill_interval: '3600s' },
  filter_enabled: always,
  filter_enforced: always,
});

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
  const thread = async (index: number): Promise<DataPlane> => {
    const dataPlane = startDataPlane(t, {
      share: {
        cells: new SharedCells(cells.buffer),
        ticketSecret: new Uint8Array(32),
        // Each binds ports of its own: only what is counted is of interest.
        leads: true,
        index,
        threads: 2,
        handOver: () => false,
        hostsChanged() {},
        outlierDetected() {},
      },
    });
    const { refused } = await dataPlane.update({
      clusters: { set: [clusterFromJson('up', [up])] },
      listeners: { set: [listener('a'), listener('b')] },
    });
    assert.deepEqual(refused, []);
    return dataPlane;
  };
  const [one, other] = [await thread(0), await thread(1)];
  const statusOf = async (dataPlane: DataPlane, name: string): Promise<number> =>
    (await ask(portOf(dataPlane, name))).status;
  assert.equal(await statusOf(one, 'a'), 200);
  assert.equal(await statusOf(other, 'a'), 200);
  assert.deepEqual([await statusOf(one, 'a'), await statusOf(other, 'a')], [429, 429]);
  assert.deepEqual([await statusOf(one, 'b'), await statusOf(other, 'b')], [200, 200]);
  assert.equal(await statusOf(one, 'b'), 429);
});
