import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { adsSource, deltaAds, loopbackCluster, startBootstrapped } from '../testing/bootstrapped-proxy.ts';
import { bytesOf, deltaControlPlane, type DeltaControlPlane } from '../testing/delta-control-plane.ts';
import { ask, portOf, statOf, until, upstream } from '../testing/harness.ts';
import { nameServer } from '../testing/name-server.ts';
import { httpChain, socketAddress, types } from '../testing/program.ts';

const listener = {
  name: 'main',
  address: socketAddress(0),
  filter_chains: [
    httpChain({
      route_config: {
        name: 'routes',
        virtual_hosts: [
          { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'up' } }] },
        ],
      },
    }),
  ],
};
const checks = {
  health_checks: [
    {
      timeout: '60s',
      interval: '60s',
      healthy_threshold: 1,
      unhealthy_threshold: 1,
      http_health_check: { path: '/health' },
    },
  ],
};

/** An endpoint that says who it is, and answers checks of its health when it is told to. */
async function checked(t: TestContext, name: string) {
  const held: ServerResponse[] = [];
  const { port } = await upstream(t, ({ url }, response) => {
    if (url === '/health') held.push(response);
    else response.end(name);
  });
  const isAsked = (): Promise<void> => until(() => held.length > 0);
  const answer = async (status = 200): Promise<void> => {
    await isAsked();
    held.shift()?.writeHead(status).end();
  };
  return { port, isAsked, answer };
}

function put(control: DeltaControlPlane, version: string, json: object): void {
  control.set({ typeUrl: Cluster.typeUrl, name: 'up', version, bytes: bytesOf(Cluster, json) });
}

async function proxyOf(t: TestContext, control: DeltaControlPlane) {
  t.after(() => control.close());
  const http2 = {
    '@type': `${types}.extensions.upstreams.http.v3.HttpProtocolOptions`,
    explicit_http_config: { http2_protocol_options: {} },
  };
  return startBootstrapped(t, {
    node: { id: 'me' },
    dynamic_resources: { cds_config: adsSource, lds_config: adsSource, ads_config: deltaAds('xds') },
    static_resources: {
      clusters: [
        {
          ...loopbackCluster('xds', control.port),
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2,
          },
        },
      ],
    },
  });
}

test('a new version serves when each of its hosts has been checked once, and the old one until then', async (t) => {
  const control = await deltaControlPlane();
  const [old, first, second] = [
    await checked(t, 'old'),
    await checked(t, 'first'),
    await checked(t, 'second'),
  ];
  put(control, '1', loopbackCluster('up', old.port));
  control.set({
    typeUrl: Listener.typeUrl,
    name: 'main',
    version: '1',
    bytes: bytesOf(Listener, listener),
  });
  const { dataPlane, ready } = await proxyOf(t, control);
  await ready;
  const get = async (): Promise<string> => (await ask(portOf(dataPlane))).body;
  assert.equal(await get(), 'old');
  const endpoints = [first, second].map(({ port }) => ({ endpoint: { address: socketAddress(port) } }));
  put(control, '2', {
    name: 'up',
    load_assignment: { cluster_name: 'up', endpoints: [{ lb_endpoints: endpoints }] },
    ...checks,
  });
  await first.answer();
  await second.isAsked();
  assert.equal(statOf(dataPlane, 'cluster_manager.warming_clusters'), 1);
  assert.equal(await get(), 'old');
  await second.answer(503);
  await until(() => statOf(dataPlane, 'cluster_manager.warming_clusters') === 0);
  // One of two is well: no panic, and no request for the other.
  assert.deepEqual([await get(), await get(), await get()], ['first', 'first', 'first']);
  assert.equal(statOf(dataPlane, 'cluster.up.health_check.attempt'), 2);
  assert.equal(statOf(dataPlane, 'cluster.up.membership_healthy'), 1);
});

test('hosts that a new version keeps have their connections still, and are what it has found them to be', async (t) => {
  const control = await deltaControlPlane();
  const sockets = new Set<unknown>();
  let well = true;
  let paths: (string | undefined)[] = [];
  const { port } = await upstream(t, ({ url, socket }, response) => {
    if (url?.startsWith('/health') === true) paths.push(url);
    else sockets.add(socket);
    response.writeHead(url?.startsWith('/health') === true && !well ? 503 : 200).end('here');
  });
  const version = (path: string) => ({
    ...loopbackCluster('up', port),
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    health_checks: [{ ...checks.health_checks[0], http_health_check: { path } }],
  });
  put(control, '1', version('/health/1'));
  control.set({ typeUrl: Listener.typeUrl, name: 'main', version: '1', bytes: bytesOf(Listener, listener) });
  const { dataPlane, ready } = await proxyOf(t, control);
  await ready;
  const get = async (): Promise<number> => (await ask(portOf(dataPlane))).status;
  const isInForce = (count: number): Promise<void> =>
    until(
      () =>
        statOf(dataPlane, 'cluster_manager.cluster_modified') === count &&
        statOf(dataPlane, 'cluster_manager.warming_clusters') === 0,
    );
  assert.equal(await get(), 200);
  put(control, '2', version('/health/2'));
  await isInForce(1);
  assert.equal(await get(), 200);
  assert.equal(sockets.size, 1);
  well = false;
  put(control, '3', version('/health/3'));
  await isInForce(2);
  assert.equal(await get(), 503);
  well = true;
  paths = [];
  put(control, '4', version('/health/4'));
  await isInForce(3);
  assert.deepEqual(paths, ['/health/4']);
  assert.equal(await get(), 200);
  assert.equal(sockets.size, 1);
});

test('at the start listeners wait until the hosts that EDS names are checked', async (t) => {
  const control = await deltaControlPlane();
  const host = await checked(t, 'here');
  put(control, '1', { name: 'up', type: 'EDS', eds_cluster_config: { eds_config: adsSource }, ...checks });
  control.set({ typeUrl: Listener.typeUrl, name: 'main', version: '1', bytes: bytesOf(Listener, listener) });
  const { proxy, dataPlane, ready } = await proxyOf(t, control);
  await control.request(({ typeUrl }) => typeUrl === ClusterLoadAssignment.typeUrl);
  control.set({
    typeUrl: ClusterLoadAssignment.typeUrl,
    name: 'up',
    version: '1',
    bytes: bytesOf(ClusterLoadAssignment, loopbackCluster('up', host.port).load_assignment),
  });
  await host.isAsked();
  assert.deepEqual(proxy.warming.missing, ['listeners have not been received', 'cluster up is warming']);
  assert.equal(
    control.requests.some(({ typeUrl }) => typeUrl === Listener.typeUrl),
    false,
  );
  assert.deepEqual(dataPlane.listeners(), []);
  await host.answer();
  await ready;
  assert.equal((await ask(portOf(dataPlane))).body, 'here');
});

test('listeners wait until the names of a static cluster are resolved, unless it says that they need not', async (t) => {
  const { port } = await upstream(t, (_request, response) => response.end('here'));
  const answers = Promise.withResolvers<void>();
  const names = await nameServer(t, 'up.test', { a: [[127, 0, 0, 1]] }, 30, answers.promise);
  const start = (more: object) =>
    startBootstrapped(t, {
      static_resources: {
        listeners: [listener],
        clusters: [
          {
            name: 'up',
            type: 'STRICT_DNS',
            dns_lookup_family: 'V4_ONLY',
            dns_resolvers: [socketAddress(names.port)],
            load_assignment: {
              cluster_name: 'up',
              endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port, 'up.test') } }] }],
            },
            ...more,
          },
        ],
      },
    });
  const hasty = await start({ wait_for_warm_on_init: false });
  await hasty.ready;
  assert.equal((await ask(portOf(hasty.dataPlane))).body, 'no healthy upstream');
  const { proxy, dataPlane, ready } = await start({});
  await until(() => names.asked.length === 2);
  assert.deepEqual(proxy.warming.missing, ['cluster up is warming', 'listener main is warming']);
  assert.deepEqual(dataPlane.listeners(), []);
  answers.resolve();
  await ready;
  assert.equal((await ask(portOf(dataPlane))).body, 'here');
});
