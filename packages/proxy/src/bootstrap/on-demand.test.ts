import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { RouteConfiguration, VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import {
  deltaAds,
  discoveredRoutesListener,
  loopbackCluster,
  startBootstrapped,
} from '../testing/bootstrapped-proxy.ts';
import { bytesOf, deltaControlPlane } from '../testing/delta-control-plane.ts';
import { ask, portOf, statOf, tcpUpstream, upstream } from '../testing/harness.ts';
import { becomes } from '../testing/watched-proxy.ts';
import { decodeBootstrap } from './bootstrap.ts';

const ads = { ads: {} };
const type = (name: string): string => `type.googleapis.com/envoy.extensions.filters.${name}`;
const address = { socket_address: { address: '127.0.0.1', port_value: 0 } };

const onDemand = (timeout: string) => ({ odcds: { source: ads, timeout } });

const httpListener = discoveredRoutesListener(ads, [
  {
    name: 'on_demand',
    typed_config: { '@type': type('http.on_demand.v3.OnDemand'), ...onDemand('30s') },
  },
]);

const tcpListener = {
  name: 'tcp',
  address,
  filter_chains: [
    {
      filters: [
        {
          name: 'tcp',
          typed_config: {
            '@type': type('network.tcp_proxy.v3.TcpProxy'),
            stat_prefix: 'late',
            cluster: 'late-tcp',
            on_demand: { odcds_config: ads, timeout: '30s' },
          },
        },
      ],
    },
  ],
};

const table = {
  name: 'routes',
  vhds: { config_source: ads },
  virtual_hosts: [
    {
      name: 'known',
      domains: ['known.test'],
      routes: [
        {
          match: { prefix: '/hasty' },
          route: { cluster: 'never' },
          typed_per_filter_config: {
            on_demand: { '@type': type('http.on_demand.v3.PerRouteConfig'), ...onDemand('0.02s') },
          },
        },
        { match: { prefix: '/by-header' }, route: { cluster_header: 'x-cluster' } },
      ],
    },
  ],
};

test('requests and connections wait for virtual hosts and clusters that are fetched when they are needed', async (t) => {
  const { port: backend } = await upstream(t, (request, response) => response.end(`hello ${request.url}`));
  const control = await deltaControlPlane();
  t.after(() => control.close());
  const resource = <T>(
    of: { typeUrl: string } & Parameters<typeof bytesOf<T>>[0],
    name: string,
    json: unknown,
  ) => ({
    typeUrl: of.typeUrl,
    name,
    version: '1',
    bytes: bytesOf(of, json),
  });
  control.set(resource(RouteConfiguration, 'routes', table));
  const bootstrap = {
    node: { id: 'me' },
    dynamic_resources: { ads_config: deltaAds('xds') },
    static_resources: {
      clusters: [loopbackCluster('xds', control.port)],
      listeners: [httpListener, tcpListener],
    },
  };
  const { dataPlane, ready } = await startBootstrapped(t, bootstrap);
  await ready;
  const get = (path: string, host: string, headers: Record<string, string> = {}, body?: string) =>
    ask(portOf(dataPlane), path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { host, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  const asked = (typeUrl: string, name: string) =>
    control.request(
      (request) => request.typeUrl === typeUrl && request.resourceNamesSubscribe?.includes(name) === true,
    );

  const mentions = (field: 'resourceNamesSubscribe' | 'resourceNamesUnsubscribe', name: string): number =>
    control.requests.filter((request) => request[field]?.includes(name) === true).length;

  // A virtual host, and then a cluster, with a body that waits too.
  const late = get('/late', 'late.test', {}, 'body');
  await asked(VirtualHost.typeUrl, 'routes/late.test');
  control.set({
    ...resource(VirtualHost, 'routes/late.test', {
      name: 'late',
      domains: ['late.test'],
      routes: [{ match: { prefix: '/late' }, route: { cluster: 'late' } }],
    }),
    aliases: ['routes/late.test'],
  });
  await asked(Cluster.typeUrl, 'late');
  control.set(resource(Cluster, 'late', loopbackCluster('late', backend)));
  assert.equal((await late).body, 'hello /late');
  // Where the host is known and the route is not, nothing is waited for.
  assert.equal((await get('/other', 'late.test')).status, 404);

  // What does not exist.
  const missing = get('/', 'missing.test');
  await asked(VirtualHost.typeUrl, 'routes/missing.test');
  control.sayMissing(VirtualHost.typeUrl, 'routes/missing.test');
  assert.equal((await missing).status, 404);
  const none = get('/by-header', 'known.test', { 'x-cluster': 'none' });
  await asked(Cluster.typeUrl, 'none');
  control.sayMissing(Cluster.typeUrl, 'none');
  assert.equal((await none).status, 503);
  for (const times of [1, 2]) {
    assert.equal((await get('/hasty', 'known.test')).status, 503);
    await becomes(() => mentions('resourceNamesUnsubscribe', 'never'), times);
    assert.equal(mentions('resourceNamesSubscribe', 'never'), times);
  }
  assert.equal((await get('/by-header', 'known.test', { 'x-cluster': 'late' })).body, 'hello /by-header');

  // A connection.
  const echo = await tcpUpstream(t, (socket) => socket.pipe(socket));
  const client = connect(portOf(dataPlane, 'tcp'), '127.0.0.1');
  t.after(() => client.destroy());
  client.write('early');
  await asked(Cluster.typeUrl, 'late-tcp');
  control.set(resource(Cluster, 'late-tcp', loopbackCluster('late-tcp', echo)));
  const [chunk] = (await once(client, 'data')) as [Buffer];
  assert.equal(chunk.toString(), 'early');
  assert.equal(statOf(dataPlane, 'tcp.late.on_demand_cluster_success'), 1);
});

test('virtual hosts that are asked for one by one need an incremental source', () => {
  const decoded = decodeBootstrap({
    static_resources: {
      listeners: [
        {
          ...httpListener,
          filter_chains: [
            {
              filters: [
                {
                  name: 'hcm',
                  typed_config: {
                    ...httpListener.filter_chains[0]?.filters[0]?.typed_config,
                    rds: undefined,
                    route_config: {
                      ...table,
                      vhds: { config_source: { path_config_source: { path: '/dev/null' } } },
                    },
                  },
                },
              ],
            },
          ],
        },
      ],
    },
  });
  assert.match(decoded.ok ? '' : JSON.stringify(decoded.problems), /vhds.config_source.*DELTA_GRPC/);
});
