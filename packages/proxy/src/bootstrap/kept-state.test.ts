import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { Secret } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
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

async function start(t: TestContext, port: number, statePath: string) {
  const bootstrap = {
    node: { id: 'me' },
    dynamic_resources: { lds_config: ads, cds_config: ads, ads_config: deltaAds('xds') },
    static_resources: { clusters: [loopbackCluster('xds', port)] },
  };
  const { proxy, dataPlane } = await startBootstrapped(t, bootstrap, { statePath });
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
