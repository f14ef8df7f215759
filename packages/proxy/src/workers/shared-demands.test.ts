import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { freePort } from '@lateen/testkit/free-port';
import { deltaAds, loopbackCluster } from '../testing/bootstrapped-proxy.ts';
import { bytesOf, deltaControlPlane } from '../testing/delta-control-plane.ts';
import { upstream } from '../testing/harness.ts';
import { admin, httpChain, logged, socketAddress, start, types } from '../testing/program.ts';

const filter = `${types}.extensions.filters.http.on_demand.v3`;

function route(prefix: string, timeout: string) {
  return {
    match: { prefix },
    route: { cluster_header: 'x-cluster' },
    typed_per_filter_config: {
      on_demand: { '@type': `${filter}.PerRouteConfig`, odcds: { source: { ads: {} }, timeout } },
    },
  };
}

test('a cluster that one thread gives up comes for those that wait in others', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('late'));
  const control = await deltaControlPlane();
  t.after(() => control.close());
  const port = await freePort();
  const routes = {
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route('/hasty', '0.3s'), route('/', '60s')] }],
    },
  };
  const child = start(
    t,
    {
      node: { id: 'me' },
      admin,
      dynamic_resources: { ads_config: deltaAds('xds') },
      static_resources: {
        clusters: [loopbackCluster('xds', control.port)],
        listeners: [
          {
            name: 'main',
            address: socketAddress(port),
            connection_balance_config: { exact_balance: {} },
            filter_chains: [
              httpChain(routes, [{ name: 'on_demand', typed_config: { '@type': `${filter}.OnDemand` } }]),
            ],
          },
        ],
      },
    },
    '--concurrency',
    '2',
  );
  await logged(child, /warming listener main complete/, 2);
  const open = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const threads = [await open(), await open()] as const;
  const ask = async (socket: Socket, path: string, cluster: string): Promise<string> => {
    socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\nx-cluster: ${cluster}\r\n\r\n`);
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    return bytes.toString().slice(9, 12);
  };
  for (const [name, hasty, patient] of [
    ['x', threads[0], threads[1]],
    ['y', threads[1], threads[0]],
  ] as const) {
    const served = ask(patient, '/', name);
    await control.request((request) => request.resourceNamesSubscribe?.includes(name) === true);
    assert.equal(await ask(hasty, '/hasty', name), '503');
    control.set({
      typeUrl: Cluster.typeUrl,
      name,
      version: '1',
      bytes: bytesOf(Cluster, loopbackCluster(name, up)),
    });
    assert.equal(await served, '200');
    assert.ok(
      !control.requests.some(({ resourceNamesUnsubscribe = [] }) => resourceNamesUnsubscribe.includes(name)),
    );
  }
});
