import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { Secret } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { createTestAuthority } from '@lateen/testkit';
import {
  adsSource,
  deltaAds,
  discoveredRoutesListener,
  loopbackCluster,
  startBootstrapped,
} from '../testing/bootstrapped-proxy.ts';
import { bytesOf, deltaControlPlane } from '../testing/delta-control-plane.ts';
import { ask, portOf, upstream } from '../testing/harness.ts';

const ads = adsSource;

async function start(t: TestContext, port: number, statePath: string, keyPath?: string) {
  const bootstrap = {
    node: { id: 'me' },
    dynamic_resources: { lds_config: ads, cds_config: ads, ads_config: deltaAds('xds') },
    static_resources: { clusters: [loopbackCluster('xds', port)] },
  };
  const { proxy, dataPlane } = await startBootstrapped(t, bootstrap, { statePath, keyPath });
  return { proxy, dataPlane, ask: (path = '/') => ask(portOf(dataPlane), path) };
}

const listener = discoveredRoutesListener(ads);

const tls = (secret: string) => ({
  name: 'tls',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
    common_tls_context: { validation_context_sds_secret_config: { name: secret, sds_config: ads } },
  },
});

test('a proxy that starts again without its control plane serves what it had, and takes news when it is back', async (t) => {
  const statePath = mkdtempSync(join(tmpdir(), 'lateen-kept-'));
  // Proxies write into it until they are closed, which is after what is asked for here.
  process.once('exit', () => rmSync(statePath, { recursive: true, force: true }));
  const { port: backend } = await upstream(t, (request, response) => response.end(`hello ${request.url}`));
  const endpoint = { address: { socket_address: { address: '127.0.0.1', port_value: backend } } };
  const of = (
    type:
      | typeof Cluster
      | typeof Listener
      | typeof RouteConfiguration
      | typeof ClusterLoadAssignment
      | typeof Secret,
    name: string,
    version: string,
    json: unknown,
  ) => ({
    typeUrl: type.typeUrl,
    name,
    version,
    bytes: bytesOf<never>(type as never, json),
  });
  const key = '-----BEGIN PRIVATE KEY-----';
  const first = await deltaControlPlane();
  first.set(
    of(Cluster, 'backend', 'c1', { name: 'backend', type: 'EDS', eds_cluster_config: { eds_config: ads } }),
    of(Cluster, 'old', 'c1', { name: 'old', connect_timeout: '1s' }),
    of(Cluster, 'safe', 'c1', { name: 'safe', transport_socket: tls('roots') }),
    of(ClusterLoadAssignment, 'backend', 'e1', {
      cluster_name: 'backend',
      endpoints: [{ lb_endpoints: [{ endpoint }] }],
    }),
    of(Listener, 'main', 'l1', listener),
    of(RouteConfiguration, 'routes', 'r1', {
      name: 'routes',
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'backend' } }] },
      ],
    }),
    of(Secret, 'roots', 's1', {
      name: 'roots',
      generic_secret: { secret: { inline_string: key } },
    }),
  );
  const before = await start(t, first.port, statePath);
  await first.request(
    ({ typeUrl, responseNonce = '' }) => typeUrl === RouteConfiguration.typeUrl && responseNonce !== '',
  );
  assert.equal((await before.ask()).body, 'hello /');
  await first.close();
  assert.equal((await before.ask('/on')).body, 'hello /on');
  await before.proxy.close();

  // Nothing that is secret is on disk, nor a file that is not whole.
  const files = readdirSync(statePath).sort();
  assert.deepEqual(files, [
    'cluster.state',
    'endpoint.state',
    'listener.state',
    'route.state',
    'secret.state',
  ]);
  for (const file of files) assert.ok(!readFileSync(join(statePath, file)).includes(key));

  const again = await start(t, first.port, statePath);
  assert.equal((await again.ask('/again')).body, 'hello /again');
  assert.deepEqual(again.proxy.warming.missing, ['secret roots has not been received']);

  const second = await deltaControlPlane(first.port);
  t.after(() => second.close());
  second.set(
    of(Cluster, 'backend', 'c1', { name: 'backend', type: 'EDS', eds_cluster_config: { eds_config: ads } }),
    of(ClusterLoadAssignment, 'backend', 'e1', {
      cluster_name: 'backend',
      endpoints: [{ lb_endpoints: [{ endpoint }] }],
    }),
    of(Listener, 'main', 'l1', listener),
    of(RouteConfiguration, 'routes', 'r2', {
      name: 'routes',
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'news' } } },
          ],
        },
      ],
    }),
  );
  const asked = await second.request((request) => request.typeUrl === Cluster.typeUrl);
  assert.deepEqual(asked.initialResourceVersions, { backend: 'c1', old: 'c1', safe: 'c1' });
  await second.request(
    (request) => request.typeUrl === RouteConfiguration.typeUrl && (request.responseNonce ?? '') !== '',
  );
  assert.equal((await again.ask()).body, 'news');
  await second.request(
    (request) => request.typeUrl === Cluster.typeUrl && (request.responseNonce ?? '') !== '',
  );
  assert.deepEqual([...again.proxy.store.kind('cluster').resources.keys()], ['backend']);
  // Nothing needs the secret any more.
  assert.equal(again.proxy.warming.ready, true);
});

test('where there is a folder for keys a proxy that starts again serves TLS at once, but by no certificate that has expired', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-kept-keys-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [statePath, keyPath] = [join(folder, 'state'), join(folder, 'keys')];
  const authority = await createTestAuthority();
  const [good, old] = [
    await authority.issue({ dns: ['good.test'] }),
    await authority.issue({ dns: ['old.test'], notAfter: new Date(Date.now() - 60_000) }),
  ];
  const secret = (name: string, { cert, key }: typeof good) => ({
    typeUrl: Secret.typeUrl,
    name,
    version: 's1',
    bytes: bytesOf(Secret, {
      name,
      tls_certificate: { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } },
    }),
  });
  const listening = (name: string) => {
    const { filter_chains: chains, ...rest } = discoveredRoutesListener(ads);
    const context = {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: { tls_certificate_sds_secret_configs: [{ name, sds_config: ads }] },
    };
    const socket = { name: 'tls', typed_config: context };
    const json = {
      ...rest,
      name,
      filter_chains: chains.map((chain) => ({ ...chain, transport_socket: socket })),
    };
    return { typeUrl: Listener.typeUrl, name, version: 'l1', bytes: bytesOf(Listener, json) };
  };
  const control = await deltaControlPlane();
  const cluster = bytesOf(Cluster, { name: 'up' });
  control.set(
    { typeUrl: Cluster.typeUrl, name: 'up', version: 'c1', bytes: cluster },
    secret('good', good),
    secret('old', old),
    listening('good'),
    listening('old'),
    {
      typeUrl: RouteConfiguration.typeUrl,
      name: 'routes',
      version: 'r1',
      bytes: bytesOf(RouteConfiguration, { name: 'routes' }),
    },
  );
  const before = await start(t, control.port, statePath, keyPath);
  await control.request(
    ({ typeUrl, responseNonce = '' }) => typeUrl === RouteConfiguration.typeUrl && responseNonce !== '',
  );
  await control.close();
  await before.proxy.close();
  assert.deepEqual(readdirSync(keyPath), ['secret.keys']);
  assert.equal(statSync(join(keyPath, 'secret.keys')).mode & 0o777, 0o600);
  for (const file of readdirSync(statePath))
    assert.ok(!readFileSync(join(statePath, file)).includes('PRIVATE KEY'));

  const again = await start(t, control.port, statePath, keyPath);
  assert.deepEqual(again.proxy.warming.missing, ['secret old has not been received']);
  const client = connectTls({
    port: portOf(again.dataPlane, 'good'),
    ca: authority.root,
    servername: 'good.test',
  });
  await once(client, 'secureConnect');
  client.destroy();
});
