import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { createTestAuthority, type TestCertificate } from '@lateen/testkit';
import type { DataPlane } from '../data-plane.ts';
import type { NodeIdentity } from '../model/index.ts';
import { clusterFromJson, listenerFromJson, routerJson, routesJson } from '../testing/envoy-config.ts';
import { ask, portOf, startDataPlane, tcpUpstream, upstream, type Closers } from '../testing/harness.ts';

const types = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const spiffe = (name: string): string => `spiffe://test.domain/ns/default/sa/${name}`;

const tls = (side: 'Upstream' | 'Downstream', own: TestCertificate, root: string) => ({
  transport_socket: {
    name: 'tls',
    typed_config: {
      '@type': `${types}.${side}TlsContext`,
      ...(side === 'Downstream' ? { require_client_certificate: true } : {}),
      common_tls_context: {
        tls_certificates: [
          { certificate_chain: { inline_string: own.cert }, private_key: { inline_string: own.key } },
        ],
        validation_context: { trusted_ca: { inline_string: root } },
      },
    },
  },
});

const istioStats = {
  name: 'istio.stats',
  typed_config: { '@type': 'type.googleapis.com/stats.PluginConfig' },
};
const metadataExchange = {
  name: 'istio.metadata_exchange',
  typed_config: {
    '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
    type_url: 'type.googleapis.com/io.istio.http.peer_metadata.Config',
    value: {
      downstream_discovery: [{ istio_headers: {} }],
      upstream_propagation: [{ istio_headers: {} }],
    },
  },
};
const tcpProxy = {
  name: 'tcp',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'tcp',
    cluster: 'up',
  },
};

const node = (account: string): NodeIdentity => ({
  id: account,
  cluster: account,
  metadata: {
    NAMESPACE: 'elsewhere',
    WORKLOAD_NAME: account,
    SERVICE_ACCOUNT: 'what-it-says',
    MESH_ID: 'mesh',
  },
});

/** A proxy with mutual TLS on one side; counts what it carries. */
async function sidecar(
  t: Closers,
  name: string,
  direction: 'INBOUND' | 'OUTBOUND',
  to: number,
  secure: object,
  kind: 'http' | 'tcp',
): Promise<DataPlane> {
  const plane = startDataPlane(t, { node: node(name) });
  const [ofListener, ofCluster] = direction === 'INBOUND' ? [secure, {}] : [{}, secure];
  const manager = {
    route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' } }]),
    http_filters: [metadataExchange, istioStats, routerJson],
  };
  const filters = kind === 'tcp' ? { filters: [istioStats, tcpProxy] } : {};
  const listener = listenerFromJson(manager, { ...ofListener, ...filters }, { traffic_direction: direction });
  const change = {
    clusters: { set: [clusterFromJson('up', [to], ofCluster)] },
    listeners: { set: [listener] },
  };
  assert.deepEqual(await plane.update(change), { refused: [] });
  return plane;
}

function principals(plane: DataPlane, metric: string): (string | undefined)[] {
  const line = plane.stats
    .prometheus()
    .split('\n')
    .find((one) => one.startsWith(`${metric}{`));
  return ['source_principal', 'destination_principal'].map(
    (label) => new RegExp(`[{,]${label}="([^"]*)"`).exec(line ?? '')?.[1],
  );
}

async function pair(
  t: Closers,
  to: number,
  kind: 'http' | 'tcp',
): Promise<{ readonly client: DataPlane; readonly server: DataPlane }> {
  const authority = await createTestAuthority();
  const own = async (name: string): Promise<TestCertificate> => authority.issue({ uris: [spiffe(name)] });
  const serverTls = tls('Downstream', await own('reviews'), authority.root);
  const server = await sidecar(t, 'reviews', 'INBOUND', to, serverTls, kind);
  const clientTls = tls('Upstream', await own('productpage'), authority.root);
  const client = await sidecar(t, 'productpage', 'OUTBOUND', portOf(server), clientTls, kind);
  return { client, server };
}

test('both ends of a request know each other by their certificates, whatever they say of themselves', async (t) => {
  const app = await upstream(t, (_request, response) => response.end());
  const { client, server } = await pair(t, app.port, 'http');
  await ask(portOf(client));
  await ask(portOf(client));
  for (const plane of [client, server]) {
    assert.deepEqual(principals(plane, 'istio_requests_total'), [spiffe('productpage'), spiffe('reviews')]);
    assert.match(plane.stats.prometheus(), /istio_requests_total\{.*\} 2\n/);
  }
});

test('both ends of a TCP connection do too', async (t) => {
  const { client, server } = await pair(t, await tcpUpstream(t, (socket) => socket.pipe(socket)), 'tcp');
  const socket = connect(portOf(client), '127.0.0.1', () => socket.end('12345'));
  await once(socket.resume(), 'close');
  for (const plane of [client, server])
    assert.deepEqual(principals(plane, 'istio_tcp_connections_opened_total'), [
      spiffe('productpage'),
      spiffe('reviews'),
    ]);
});

test('nobody is known where there is no TLS', async (t) => {
  const app = await upstream(t, (_request, response) => response.end());
  const server = await sidecar(t, 'reviews', 'INBOUND', app.port, {}, 'http');
  const client = await sidecar(t, 'productpage', 'OUTBOUND', portOf(server), {}, 'http');
  await ask(portOf(client));
  for (const plane of [client, server])
    assert.deepEqual(principals(plane, 'istio_requests_total'), ['unknown', 'unknown']);
});
