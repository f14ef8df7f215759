import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { ClusterDiscoveryService } from '@lateen/protocol/envoy/service/cluster/v3';
import type { DiscoveryRequest } from '@lateen/protocol/envoy/service/discovery/v3';
import { ListenerDiscoveryService } from '@lateen/protocol/envoy/service/listener/v3';
import { createGrpcServer } from '@lateen/protocol/grpc';
import {
  discoveredRoutesListener,
  loopbackCluster,
  startBootstrapped,
} from '../testing/bootstrapped-proxy.ts';
import { bytesOf } from '../testing/delta-control-plane.ts';
import { ask, portOf, portOfServer, statOf, upstream } from '../testing/harness.ts';
import { decodeBootstrap } from './bootstrap.ts';

const grpc = (api_type: string, value = 'a') => ({
  api_config_source: {
    api_type,
    transport_api_version: 'V3',
    grpc_services: [{ envoy_grpc: { cluster_name: 'grpc' }, initial_metadata: [{ key: 'x-tenant', value }] }],
  },
});

const rest = {
  initial_fetch_timeout: '0s',
  api_config_source: {
    api_type: 'REST',
    cluster_names: ['rest'],
    refresh_delay: '0.05s',
    request_timeout: '2s',
  },
};

function folder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'lateen-sources-'));
  test.after(() => rmSync(path, { recursive: true }));
  return path;
}

const endpointsFile = (port: number) =>
  JSON.stringify({
    version_info: String(port),
    resources: [
      {
        '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
        ...loopbackCluster('backend', port).load_assignment,
      },
      {
        '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
        cluster_name: 'of nobody',
      },
    ],
  });

test('clusters by a stream, listeners by a delta stream, routes over REST and endpoints from a file make one proxy', async (t) => {
  const one = await upstream(t, (_, response) => response.end('one'));
  const two = await upstream(t, (_, response) => response.end('two'));
  const dir = folder(t);
  mkdirSync(join(dir, 'v1'));
  mkdirSync(join(dir, 'v2'));
  writeFileSync(join(dir, 'v1', 'eds.json'), endpointsFile(one.port));
  writeFileSync(join(dir, 'v2', 'eds.json'), endpointsFile(two.port));
  symlinkSync('v1', join(dir, 'now'));

  const fileSource = {
    path_config_source: { path: join(dir, 'now', 'eds.json'), watched_directory: { path: dir } },
  };
  const backend = { name: 'backend', type: 'EDS', eds_cluster_config: { eds_config: fileSource } };
  const metadata: unknown[] = [];
  const server = createGrpcServer();
  server.stream(ClusterDiscoveryService.streamClusters, (stream) => ({
    onMessage(request: DiscoveryRequest) {
      metadata.push(stream.metadata['x-tenant']);
      if (request.versionInfo !== undefined) return;
      const value = bytesOf(Cluster, backend);
      stream.send({
        typeUrl: Cluster.typeUrl,
        versionInfo: '1',
        nonce: '1',
        resources: [{ typeUrl: Cluster.typeUrl, value }],
      });
    },
  }));
  server.stream(ListenerDiscoveryService.deltaListeners, (stream) => ({
    onMessage(request) {
      metadata.push(stream.metadata['x-tenant']);
      if ((request.responseNonce ?? '') !== '') return;
      const value = bytesOf(Listener, discoveredRoutesListener(rest));
      stream.send({
        typeUrl: Listener.typeUrl,
        nonce: '1',
        resources: [{ name: 'main', version: '1', resource: { typeUrl: Listener.typeUrl, value } }],
      });
    },
  }));
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => server.close());

  const polls = new EventEmitter();
  let prefix = '/';
  const restServer = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const json = JSON.parse(text) as Record<string, unknown>;
      const version = prefix;
      polls.emit('poll', request.url, request.headers.host, json);
      if (json['version_info'] === version) {
        response.writeHead(304).end();
        return;
      }
      response.end(
        JSON.stringify({
          version_info: version,
          resources: [
            {
              '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
              name: 'routes',
              virtual_hosts: [
                {
                  name: 'all',
                  domains: ['*'],
                  routes: [{ match: { prefix }, route: { cluster: 'backend' } }],
                },
              ],
            },
          ],
        }),
      );
    });
  });
  restServer.listen(0, '127.0.0.1');
  await once(restServer, 'listening');
  t.after(() => {
    restServer.close();
    restServer.closeAllConnections();
  });

  const bootstrap = {
    node: { id: 'n' },
    dynamic_resources: { cds_config: grpc('GRPC'), lds_config: grpc('DELTA_GRPC', 'b') },
    static_resources: {
      clusters: [loopbackCluster('grpc', port), loopbackCluster('rest', portOfServer(restServer))],
    },
  };
  const firstPoll = once(polls, 'poll');
  const { dataPlane, ready } = await startBootstrapped(t, bootstrap);
  await ready;
  assert.deepEqual(new Set(metadata), new Set(['a', 'b']));
  const [path, host, first] = (await firstPoll) as [string, string, Record<string, unknown>];
  assert.equal(path, '/v3/discovery:routes');
  assert.equal(host, 'rest');
  assert.deepEqual(first['resource_names'], ['routes']);
  assert.equal((await ask(portOf(dataPlane))).body, 'one');

  // The folder's link is swapped, as Kubernetes does with mounted files.
  symlinkSync('v2', join(dir, 'next'));
  renameSync(join(dir, 'next'), join(dir, 'now'));
  while ((await ask(portOf(dataPlane))).body !== 'two') await new Promise((resolve) => setImmediate(resolve));

  prefix = '/only';
  await once(polls, 'poll');
  await once(polls, 'poll');
  assert.equal((await ask(portOf(dataPlane), '/only')).body, 'two');
  assert.equal((await ask(portOf(dataPlane), '/')).status, 404);

  assert.equal(statOf(dataPlane, 'cluster_manager.cds.control_plane.connected_state'), 1);
  assert.equal(statOf(dataPlane, 'listener_manager.lds.control_plane.connected_state'), 1);
  assert.equal(statOf(dataPlane, 'cluster_manager.cds.update_success'), 1);
  assert.equal(statOf(dataPlane, 'listener_manager.lds.update_success'), 1);
  assert.equal(statOf(dataPlane, 'cluster_manager.active_clusters'), 3);
  assert.equal(statOf(dataPlane, 'listener_manager.total_listeners_active'), 1);
  assert.equal(statOf(dataPlane, 'http.main.rds.routes.update_success'), 2);
  assert.match(dataPlane.stats.text(), /^http\.main\.rds\.routes\.version_text: "\/only"$/m);
  assert.match(dataPlane.stats.prometheus(), /envoy_cluster_manager_cds_update_success 1\n/);
});

test('a resource whose source is not a static cluster is refused, and so is a bootstrap', async () => {
  const wrong = {
    api_config_source: { api_type: 'GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'x' } }] },
  };
  const decoded = decodeBootstrap({
    dynamic_resources: { lds_config: wrong },
    static_resources: { listeners: [discoveredRoutesListener(wrong)] },
  });
  assert.deepEqual(decoded.ok ? [] : decoded.problems, [
    {
      path: 'static_resources.listeners[0]',
      message: 'source of routes/routes: cluster "x" is not among static_resources.clusters',
    },
    {
      path: 'dynamic_resources.lds_config',
      message: 'cluster "x" is not among static_resources.clusters',
    },
  ]);
});

test('of a response that has a cluster twice neither is taken, and the others are', async (t) => {
  const path = join(folder(t), 'cds.json');
  const of = (name: string, port: number) => ({
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    ...loopbackCluster(name, port),
  });
  writeFileSync(path, JSON.stringify({ resources: [of('a', 1), of('b', 2), of('a', 3)] }));
  const { proxy, dataPlane } = await startBootstrapped(t, {
    dynamic_resources: { cds_config: { path_config_source: { path } } },
  });
  const counted = (what: string): number => statOf(dataPlane, `cluster_manager.cds.${what}`);
  while (counted('update_rejected') === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(
    dataPlane.clusters().map(({ cluster: { name } }) => name),
    ['b'],
  );
  assert.equal(proxy.store.kind('cluster').refused.get('a')?.reason, 'duplicate cluster a found');
  assert.equal(counted('update_success'), 0);
});
