import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { Runtime } from '@lateen/protocol/envoy/service/runtime/v3';
import { runtimeRoutes } from '../admin/runtime-routes.ts';
import { deltaAds, loopbackCluster, startBootstrapped } from '../testing/bootstrapped-proxy.ts';
import { bytesOf, deltaControlPlane } from '../testing/delta-control-plane.ts';
import { ask, portOf, statOf, upstream } from '../testing/harness.ts';
import { decodeBootstrap } from './bootstrap.ts';

const fault = 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault';
const router = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const hcm =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

test('routes, faults, weights and limits follow the runtime, whatever layer it changes by', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'lateen-layers-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [version, text] of [
    ['v1', '0'],
    ['v2', '100'],
  ] as const) {
    mkdirSync(join(root, version, 'mine'), { recursive: true });
    writeFileSync(join(root, version, 'mine', 'to_new'), text);
  }
  symlinkSync('v1', join(root, 'now'));
  const { port: backend } = await upstream(t, (_, response) => response.end('backend'));
  const control = await deltaControlPlane();
  t.after(() => control.close());
  const layer = (version: string, values: unknown) => ({
    typeUrl: Runtime.typeUrl,
    name: 'remote',
    version,
    bytes: bytesOf(Runtime, { name: 'remote', layer: values }),
  });
  control.set(layer('1', {}));

  const answer = (text: string) => ({ direct_response: { status: 200, body: { inline_string: text } } });
  const bootstrap = {
    node: { id: 'me', cluster: 'mine' },
    layered_runtime: {
      layers: [
        { name: 'base', static_layer: { abort: { share: 0 }, split: { one: 0 } } },
        { name: 'disk', disk_layer: { symlink_root: join(root, 'now'), append_service_cluster: true } },
        { name: 'rtds', rtds_layer: { name: 'remote', rtds_config: { ads: {} } } },
        { name: 'admin', admin_layer: {} },
      ],
    },
    dynamic_resources: { ads_config: deltaAds('xds') },
    static_resources: {
      clusters: [
        loopbackCluster('xds', control.port),
        loopbackCluster('one', backend),
        loopbackCluster('two', backend),
      ],
      listeners: [
        {
          name: 'main',
          address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
          filter_chains: [
            {
              filters: [
                {
                  name: 'hcm',
                  typed_config: {
                    '@type': hcm,
                    stat_prefix: 'main',
                    http_filters: [
                      {
                        name: 'fault',
                        typed_config: {
                          '@type': fault,
                          abort: { http_status: 503, percentage: { numerator: 100 } },
                          abort_percent_runtime: 'abort.share',
                        },
                      },
                      { name: 'router', typed_config: { '@type': router } },
                    ],
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'all',
                          domains: ['*'],
                          routes: [
                            {
                              match: {
                                prefix: '/new',
                                runtime_fraction: { default_value: { numerator: 50 }, runtime_key: 'to_new' },
                              },
                              ...answer('new'),
                            },
                            { match: { prefix: '/new' }, ...answer('old') },
                            {
                              match: { prefix: '/' },
                              route: {
                                weighted_clusters: {
                                  runtime_key_prefix: 'split',
                                  clusters: [
                                    { name: 'one', weight: 100 },
                                    { name: 'two', weight: 1 },
                                  ],
                                },
                              },
                            },
                          ],
                        },
                      ],
                    },
                  },
                },
              ],
            },
          ],
        },
      ],
    },
  };
  const { proxy, dataPlane } = await startBootstrapped(t, bootstrap);
  const { runtime } = proxy.bootstrap;
  const get = (path: string) => ask(portOf(dataPlane), path);
  const modify = (query: string) =>
    runtimeRoutes(runtime)[1]?.handle({ method: 'POST', path: '', query: new URLSearchParams(query) });

  // The layer on disk.
  assert.equal((await get('/new')).body, 'old');
  symlinkSync('v2', join(root, 'next'));
  renameSync(join(root, 'next'), join(root, 'now'));
  while ((await get('/new')).body !== 'new') await new Promise((resolve) => setImmediate(resolve));

  // Weights of the static layer: the first cluster has none.
  assert.equal((await get('/')).body, 'backend');
  assert.equal(statOf(dataPlane, 'cluster.one.upstream_rq_total'), 0);
  assert.equal(statOf(dataPlane, 'cluster.two.upstream_rq_total'), 1);

  // A limit that the control plane sets, and takes back.
  await control.request(
    ({ typeUrl, responseNonce = '' }) => typeUrl === Runtime.typeUrl && responseNonce === '1',
  );
  control.set(layer('2', { 'circuit_breakers.two.default.max_requests': 0 }));
  await control.request(
    ({ typeUrl, responseNonce = '' }) => typeUrl === Runtime.typeUrl && responseNonce === '2',
  );
  assert.equal((await get('/')).status, 503);
  assert.equal(statOf(dataPlane, 'cluster.two.upstream_rq_active_overflow'), 1);
  control.remove(Runtime.typeUrl, 'remote');
  await control.request(
    ({ typeUrl, responseNonce = '' }) => typeUrl === Runtime.typeUrl && responseNonce === '3',
  );
  assert.equal((await get('/')).status, 200);

  // The admin port.
  assert.equal((await modify('abort.share=100&fault.http.abort.http_status=418'))?.status, 200);
  assert.equal((await get('/')).status, 418);
  const { body = '' } =
    (await runtimeRoutes(runtime)[0]?.handle({ method: 'GET', path: '', query: new URLSearchParams() })) ??
    {};
  const shown = JSON.parse(body) as { layers: string[]; entries: Record<string, unknown> };
  assert.deepEqual(shown.layers, ['base', 'disk', 'rtds', 'admin']);
  assert.deepEqual(shown.entries['abort.share'], { layer_values: ['0', '', '', '100'], final_value: '100' });
  await modify('abort.share=');
  assert.equal((await get('/')).status, 200);
  assert.equal(statOf(dataPlane, 'runtime.num_layers'), 4);
  assert.equal(statOf(dataPlane, 'runtime.admin_overrides_active'), 1);
  assert.equal((await modify(''))?.status, 400);
});

test('layers that Envoy refuses are refused with their place', () => {
  const decoded = decodeBootstrap({
    layered_runtime: {
      layers: [
        { name: 'a', admin_layer: {} },
        { name: 'b', admin_layer: {} },
        { name: 'b', disk_layer: {} },
        { name: 'c' },
      ],
    },
  });
  assert.deepEqual(decoded.ok ? [] : decoded.problems.map(({ path }) => path), [
    'layered_runtime.layers[1].admin_layer',
    'layered_runtime.layers[2].name',
    'layered_runtime.layers[2].disk_layer.symlink_root',
    'layered_runtime.layers[3]',
  ]);
});

test('clusters are asked for when the layers that come by RTDS are there, or have had their time', async (t) => {
  const control = await deltaControlPlane();
  t.after(() => control.close());
  const layer = (name: string, initial_fetch_timeout: string) => ({
    name,
    rtds_layer: { name, rtds_config: { ads: {}, initial_fetch_timeout } },
  });
  const { proxy, dataPlane } = await startBootstrapped(t, {
    node: { id: 'n' },
    dynamic_resources: { ads_config: deltaAds('xds'), cds_config: { ads: {} } },
    static_resources: { clusters: [loopbackCluster('xds', control.port)] },
    layered_runtime: { layers: [layer('here', '0s'), layer('late', '0.05s')] },
  });
  const asksFor = (typeUrl: string) => control.request((one) => one.typeUrl === typeUrl);
  await asksFor(Runtime.typeUrl);
  while (statOf(dataPlane, 'runtime.init_fetch_timeout') === 0)
    await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    control.requests.map(({ typeUrl }) => typeUrl),
    [Runtime.typeUrl],
  );
  assert.equal(proxy.warming.clustersDone, false);
  control.set({
    typeUrl: Runtime.typeUrl,
    name: 'here',
    version: '1',
    bytes: bytesOf(Runtime, { name: 'here', layer: { key: 1 } }),
  });
  await asksFor(Cluster.typeUrl);
  assert.equal(statOf(dataPlane, 'runtime.update_success'), 1);
});
