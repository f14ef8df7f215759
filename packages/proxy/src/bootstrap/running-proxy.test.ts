import assert from 'node:assert/strict';
import { EventEmitter, on } from 'node:events';
import { test } from 'node:test';
import { silentLogger, systemClock } from '@lateen/core';
import { encode, fromJson, type MessageType } from '@lateen/protocol';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import { createGrpcServer, type ServerStream } from '@lateen/protocol/grpc';
import { knownTypes } from '../decode/known-types.ts';
import type { DataPlane } from '../data-plane.ts';
import type { DataPlaneChange } from '../model/index.ts';
import type { Closers } from '../testing/harness.ts';
import { dumpConfig } from '../admin/config-dump.ts';
import { decodeBootstrap } from './bootstrap.ts';
import { createDataPlane } from '../create-data-plane.ts';
import { startProxy } from './running-proxy.ts';

const ads = { ads: {}, initial_fetch_timeout: '0s' };

function bootstrapFor(port: number) {
  const decoded = decodeBootstrap({
    node: { id: 'sidecar~127.0.0.1~a.default~default.svc.cluster.local' },
    dynamic_resources: {
      lds_config: ads,
      cds_config: ads,
      ads_config: { api_type: 'DELTA_GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }] },
    },
    static_resources: {
      clusters: [
        {
          name: 'xds-grpc',
          load_assignment: {
            cluster_name: 'xds-grpc',
            endpoints: [
              {
                lb_endpoints: [
                  { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } },
                ],
              },
            ],
          },
        },
      ],
    },
  });
  assert.ok(decoded.ok, JSON.stringify(decoded));
  return decoded.value;
}

/** A control plane over real gRPC that is told what to say, and a proxy whose data plane only takes notes. */
async function harness(t: Closers) {
  const events = new EventEmitter();
  const server = createGrpcServer();
  let stream: ServerStream<DeltaDiscoveryResponse> | undefined;
  server.stream(AggregatedDiscoveryService.deltaAggregatedResources, (opened) => {
    stream = opened;
    return { onMessage: (request) => events.emit('request', request, opened.metadata['authorization']) };
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const requests = on(events, 'request');
  const changes: DataPlaneChange[] = [];
  const serving = createDataPlane();
  const update = serving.update.bind(serving);
  const { stats } = serving;
  const dataPlane: DataPlane = Object.assign(serving, {
    update(this: void, change: DataPlaneChange) {
      changes.push(change);
      return update(change);
    },
  });
  const ready = Promise.withResolvers<void>();
  const proxy = await startProxy({
    bootstrap: bootstrapFor(port),
    dataPlane,
    clock: systemClock,
    log: silentLogger,
    xdsMetadata: () => ({ authorization: 'Bearer me' }),
    onReady: ready.resolve,
    isLocalSecret: (name) => name === 'default',
  });
  t.after(async () => {
    await proxy.close();
    await server.close();
  });
  let nonce = 0;
  return {
    changes,
    stat: (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(stats.text())?.[1],
    proxy,
    ready: ready.promise,
    /** The next request of the proxy, short. */
    async next(): Promise<Record<string, unknown>> {
      const { value } = (await requests.next()) as { value: [DeltaDiscoveryRequest, string] };
      const [request, token] = value;
      assert.equal(token, 'Bearer me');
      const { typeUrl, node, ...rest } = request;
      return { type: typeUrl?.split('.').at(-1), ...(node === undefined ? {} : { node: node.id }), ...rest };
    },
    send<T>(type: MessageType<T>, resources: Record<string, unknown>, removed: readonly string[] = []) {
      const message = (json: unknown) => {
        const parsed = fromJson(type, json, { registry: knownTypes });
        assert.ok(parsed.ok, JSON.stringify(parsed));
        return parsed.value;
      };
      stream?.send({
        typeUrl: type.typeUrl,
        nonce: String(++nonce),
        resources: Object.entries(resources).map(([name, json]) => ({
          name,
          version: String(nonce),
          resource: { typeUrl: type.typeUrl, value: encode(type, message(json)) },
        })),
        removedResources: removed,
      });
    },
    dropConnection: () => stream?.fail(new Error('gone')),
  };
}

const eds = (name: string) => ({
  name,
  type: 'EDS',
  eds_cluster_config: { eds_config: ads },
});

function httpListener(name: string, route: string, extra: object = {}) {
  return {
    name,
    address: { socket_address: { address: '0.0.0.0', port_value: 80 } },
    bind_to_port: false,
    filter_chains: [
      {
        filters: [
          {
            name: 'hcm',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: 'http',
              rds: { config_source: ads, route_config_name: route },
              http_filters: [
                {
                  name: 'router',
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                  },
                },
              ],
              ...extra,
            },
          },
        ],
      },
    ],
  };
}

test('what the bootstrap defines is neither changed nor removed by the control plane', async (t) => {
  const h = await harness(t);
  await h.next();
  h.send(Cluster, { 'xds-grpc': { name: 'xds-grpc' }, other: { name: 'other' } });
  assert.deepEqual(await h.next(), { type: 'Cluster', responseNonce: '1' });
  assert.deepEqual(await h.next(), { type: 'Listener' });
  h.send(Cluster, {}, ['xds-grpc', 'other']);
  assert.deepEqual(await h.next(), { type: 'Cluster', responseNonce: '2' });
  const [own, ...others] = h.proxy.dataPlane.clusters();
  assert.deepEqual([own?.cluster.name, own?.endpoints.length, others.length], ['xds-grpc', 1, 0]);
  assert.equal(h.proxy.store.kind('cluster').resources.size, 0);
  // The way to the control plane is still there.
  h.dropConnection();
  assert.equal((await h.next())['type'], 'Cluster');
});

test('a proxy asks for what its resources refer to, becomes ready, refuses one resource and resumes', async (t) => {
  const h = await harness(t);
  const node = 'sidecar~127.0.0.1~a.default~default.svc.cluster.local';
  assert.deepEqual(await h.next(), { type: 'Cluster', node });
  // As Envoy: a stream that is open is a connection, whether or not there is anything to be said on it.
  assert.equal(h.stat('control_plane.connected_state'), '1');

  h.send(Cluster, { a: eds('a'), b: { name: 'b' } });
  assert.deepEqual(await h.next(), { type: 'Cluster', responseNonce: '1' });
  assert.deepEqual(await h.next(), { type: 'ClusterLoadAssignment', resourceNamesSubscribe: ['a'] });
  h.send(ClusterLoadAssignment, { a: { cluster_name: 'a' } });
  assert.deepEqual(await h.next(), { type: 'ClusterLoadAssignment', responseNonce: '2' });
  // Only now are all clusters that came first warm.
  assert.deepEqual(await h.next(), { type: 'Listener' });
  h.send(Listener, { l: httpListener('l', 'r') });
  assert.deepEqual(await h.next(), { type: 'Listener', responseNonce: '3' });
  assert.deepEqual(await h.next(), { type: 'RouteConfiguration', resourceNamesSubscribe: ['r'] });
  h.send(RouteConfiguration, { r: { name: 'r' } });
  assert.deepEqual(await h.next(), { type: 'RouteConfiguration', responseNonce: '4' });
  await h.ready;
  const inForce = h.changes.flatMap((change) =>
    (change.listeners?.set ?? []).map((listener) => listener.name),
  );
  assert.deepEqual(inForce, ['l']);

  h.send(Listener, {
    l: httpListener('l', 'r', { http_filters: [{ name: 'unheard-of' }] }),
    m: httpListener('m', 'r'),
  });
  const refusal = await h.next();
  assert.equal(refusal['responseNonce'], '5');
  const detail = refusal['errorDetail'] as { code: number; message: string };
  assert.equal(detail.code, 13);
  assert.match(detail.message, /^l: filter_chains\[0\].filters\[0\].typed_config.http_filters.*"unheard-of"/);
  assert.equal(h.proxy.store.kind('listener').resources.get('l')?.version, '3');
  assert.equal(h.proxy.store.kind('listener').refused.get('l')?.version, '5');

  assert.equal(h.stat('listener_manager.lds.update_rejected'), '1');
  assert.equal(h.stat('listener_manager.lds.update_attempt'), '3');
  assert.equal(h.stat('control_plane.connected_state'), '1');

  h.dropConnection();
  const again = [await h.next(), await h.next(), await h.next(), await h.next()];
  assert.deepEqual(again, [
    { type: 'Cluster', node, initialResourceVersions: { a: '1', b: '1' } },
    { type: 'ClusterLoadAssignment', resourceNamesSubscribe: ['a'], initialResourceVersions: { a: '2' } },
    { type: 'Listener', initialResourceVersions: { l: '3', m: '5' } },
    { type: 'RouteConfiguration', resourceNamesSubscribe: ['r'], initialResourceVersions: { r: '4' } },
  ]);
  assert.equal(h.stat('listener_manager.lds.update_failure'), '1');
  assert.equal(h.stat('cluster.a.update_success'), '1');
  assert.equal(h.stat('cluster.a.update_failure'), '1');
});

test('a version that waits is shown beside the one that serves, with what it waits for', async (t) => {
  const h = await harness(t);
  await h.next();
  h.send(Cluster, {});
  for (let i = 0; i < 2; i++) await h.next();
  h.send(Listener, { l: httpListener('l', 'r') });
  for (let i = 0; i < 2; i++) await h.next();
  h.send(RouteConfiguration, { r: { name: 'r' } });
  await h.next();
  await h.ready;
  h.send(Listener, { l: httpListener('l', 'another') });
  for (let i = 0; i < 2; i++) await h.next();
  const listeners = (): unknown => {
    const parts = dumpConfig(h.proxy, { endpointsOf: undefined });
    const part = parts.find(({ type }) => type.typeName.endsWith('ListenersConfigDump'));
    const list = part?.json['dynamic_listeners'] as Record<string, { version_info?: string }>[] | undefined;
    const one = list?.[0];
    return { active: one?.['active_state']?.version_info, warming: one?.['warming_state']?.version_info };
  };
  assert.deepEqual(listeners(), { active: '2', warming: '4' });
  assert.deepEqual(h.proxy.warming.waits(), [{ kind: 'listener', name: 'l', for: [['routes', 'another']] }]);
  assert.equal(h.stat('listener_manager.total_listeners_warming'), '1');
  assert.equal(h.stat('listener_manager.listener_modified'), '1');
  h.send(RouteConfiguration, { another: { name: 'another' } });
  await h.next();
  await h.next();
  assert.deepEqual(listeners(), { active: '4', warming: undefined });
  assert.equal(h.stat('http.http.rds.another.update_success'), '1');
  assert.equal(h.stat('http.http.rds.r.update_success'), undefined);
});

test('a secret that the proxy makes itself needs no source, another one does', async (t) => {
  const h = await harness(t);
  await h.next();
  // Istio names a cluster that only its agent serves.
  const sds = {
    api_config_source: { api_type: 'GRPC', grpc_services: [{ envoy_grpc: { cluster_name: 'sds-grpc' } }] },
  };
  const secured = (secret: string) => ({
    name: secret,
    transport_socket: {
      name: 'tls',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
        common_tls_context: { tls_certificate_sds_secret_configs: [{ name: secret, sds_config: sds }] },
      },
    },
  });
  h.send(Cluster, { default: secured('default'), other: secured('other') });
  const refusal = await h.next();
  const detail = refusal['errorDetail'] as { message: string };
  assert.equal(
    detail.message,
    'other: the source of secrets/other: "sds-grpc" is not among static_resources.clusters',
  );
});
