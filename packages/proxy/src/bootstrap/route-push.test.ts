import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import {
  adsSource,
  deltaAds,
  discoveredRoutesListener,
  loopbackCluster,
  startBootstrapped,
} from '../testing/bootstrapped-proxy.ts';
import { bytesOf, deltaControlPlane } from '../testing/delta-control-plane.ts';
import { ask, portOf, until } from '../testing/harness.ts';

test('of a route table that is pushed with one virtual host changed the others are taken over', async (t) => {
  const control = await deltaControlPlane();
  t.after(() => control.close());
  const push = (version: string, bodies: Readonly<Record<string, string>>): void =>
    control.set({
      typeUrl: RouteConfiguration.typeUrl,
      name: 'routes',
      version,
      bytes: bytesOf(RouteConfiguration, {
        name: 'routes',
        virtual_hosts: Object.entries(bodies).map(([name, body]) => ({
          name,
          domains: [name],
          routes: [
            { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: body } } },
          ],
        })),
      }),
    });
  push('1', { 'a.test': 'a1', 'b.test': 'b1' });
  const { dataPlane, ready } = await startBootstrapped(t, {
    node: { id: 'me' },
    dynamic_resources: { ads_config: deltaAds('xds') },
    static_resources: {
      clusters: [loopbackCluster('xds', control.port)],
      listeners: [discoveredRoutesListener(adsSource)],
    },
  });
  await ready;
  const get = async (host: string): Promise<string> =>
    (await ask(portOf(dataPlane), '/', { headers: { host } })).body;
  const hosts = () => dataPlane.routes('routes')?.virtualHosts ?? [];
  assert.deepEqual([await get('a.test'), await get('b.test')], ['a1', 'b1']);
  const [a, b] = hosts();
  push('2', { 'new.test': 'new', 'a.test': 'a1', 'b.test': 'b2' });
  await until(() => hosts().length === 3);
  assert.equal(hosts()[1], a);
  assert.notEqual(hosts()[2], b);
  assert.deepEqual([await get('new.test'), await get('a.test'), await get('b.test')], ['new', 'a1', 'b2']);
});
