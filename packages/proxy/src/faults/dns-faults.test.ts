import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultForward, defaultRoute } from '../model/index.ts';
import { clusterFromJson } from '../testing/envoy-config.ts';
import { asks, assertLogged } from '../testing/fault-case.ts';
import { upstream } from '../testing/harness.ts';
import { becomes, watchedProxy } from '../testing/watched-proxy.ts';

/** A cluster of one name. The TLD `invalid` stands for nothing anywhere (RFC 6761). */
function named(host: string, port: number, type: 'STRICT_DNS' | 'LOGICAL_DNS') {
  const socket_address = { address: host, port_value: port };
  return clusterFromJson('up', [], {
    type,
    load_assignment: {
      cluster_name: 'up',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address } } }] }],
    },
  });
}

for (const [version, ask] of Object.entries(asks)) {
  for (const type of ['STRICT_DNS', 'LOGICAL_DNS'] as const) {
    test(`${version}: a request to a name that stands for nothing has 503 until it does (${type})`, async (t) => {
      const { port: up } = await upstream(t, (_request, response) => response.end('found'));
      const route = defaultRoute(defaultForward('up'));
      const proxy = await watchedProxy(t, [route], [named('nowhere.invalid', up, type)]);
      await becomes(() => proxy.stat('cluster.up.update_failure') > 0, true);
      const { status, body } = await ask(t, proxy.port);
      assert.deepEqual({ status, body }, { status: 503, body: 'no healthy upstream' });
      assertLogged(await proxy.log.next(), { status: 503, flags: 'UH', details: 'no_healthy_upstream' });
      proxy.counted({
        'cluster.up.upstream_cx_none_healthy': 1,
        'cluster.up.update_success': 0,
        'cluster.up.membership_total': 0,
        'cluster.up.upstream_cx_total': 0,
      });
      const { refused } = await proxy.dataPlane.update({ clusters: { set: [named('localhost', up, type)] } });
      assert.deepEqual(refused, []);
      await becomes(() => proxy.stat('cluster.up.membership_total') > 0, true);
      assert.equal((await ask(t, proxy.port)).body, 'found');
      assert.equal((await proxy.log.next()).flags, '-');
      await proxy.settle();
    });
  }
}
