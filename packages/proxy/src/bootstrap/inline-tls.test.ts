import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { createTestAuthority } from '@lateen/testkit';
import { deltaAds, loopbackCluster, startBootstrapped } from '../testing/bootstrapped-proxy.ts';
import { bytesOf, deltaControlPlane, type DeltaControlPlane } from '../testing/delta-control-plane.ts';
import type { RunningProxy } from './running-proxy.ts';

const types = 'type.googleapis.com/envoy.extensions';
const address = { socket_address: { address: '127.0.0.1', port_value: 0 } };
const ads = { ads: {}, resource_api_version: 'V3' };

const upstreamTls = (common: object) => ({
  name: 'tls',
  typed_config: {
    '@type': `${types}.transport_sockets.tls.v3.UpstreamTlsContext`,
    common_tls_context: common,
  },
});

const downstreamTls = (common: object) => ({
  name: 'tls',
  typed_config: {
    '@type': `${types}.transport_sockets.tls.v3.DownstreamTlsContext`,
    common_tls_context: common,
  },
});

const listenerOf = (common: object) => ({
  name: 'main',
  address,
  filter_chains: [
    {
      filters: [
        {
          name: 'tcp',
          typed_config: {
            '@type': `${types}.filters.network.tcp_proxy.v3.TcpProxy`,
            stat_prefix: 'x',
            cluster: 'c',
          },
        },
      ],
      transport_socket: downstreamTls(common),
    },
  ],
});

async function proxyOf(t: TestContext, control: DeltaControlPlane): Promise<RunningProxy> {
  const { proxy } = await startBootstrapped(t, {
    node: { id: 'n', cluster: 'c' },
    static_resources: { clusters: [loopbackCluster('xds', control.port)] },
    dynamic_resources: { ads_config: deltaAds('xds'), cds_config: ads, lds_config: ads },
  });
  return proxy;
}

test('clusters and listeners whose own TLS is unusable are refused when they come, even those that wait for secrets', async (t) => {
  const authority = await createTestAuthority();
  const [own, other] = [
    await authority.issue({ dns: ['a.test'] }),
    await authority.issue({ dns: ['a.test'] }),
  ];
  const control = await deltaControlPlane();
  t.after(() => control.close());
  const secret = { name: 'never', sds_config: ads };
  const clusters = [
    { name: 'fine', transport_socket: upstreamTls({}) },
    {
      name: 'no-file',
      transport_socket: upstreamTls({
        combined_validation_context: {
          default_validation_context: { trusted_ca: { filename: '/nowhere/roots.pem' } },
          validation_context_sds_secret_config: secret,
        },
      }),
    },
    {
      name: 'no-roots',
      transport_socket_matches: [
        { name: 'plain', match: {} },
        {
          name: 'tls',
          match: { tls: true },
          transport_socket: upstreamTls({ validation_context: { trusted_ca: { inline_string: 'x' } } }),
        },
      ],
    },
    {
      name: 'behind-header',
      transport_socket: {
        name: 'header',
        typed_config: {
          '@type': `${types}.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport`,
          config: {},
          transport_socket: upstreamTls({ tls_params: { cipher_suites: ['AES128-SHA', 'NO-SUCH'] } }),
        },
      },
    },
  ];
  const offered = [
    ...clusters.map((json) => ({
      typeUrl: Cluster.typeUrl,
      name: json.name,
      version: '1',
      bytes: bytesOf(Cluster, json),
    })),
    {
      typeUrl: Listener.typeUrl,
      name: 'main',
      version: '1',
      bytes: bytesOf(
        Listener,
        listenerOf({
          tls_certificates: [
            { certificate_chain: { inline_string: own.cert }, private_key: { inline_string: other.key } },
          ],
          tls_params: { ecdh_curves: ['P-256', 'P-1'] },
          validation_context_sds_secret_config: secret,
        }),
      ),
    },
  ];
  control.set(...offered);
  const proxy = await proxyOf(t, control);

  const refusalOf = async (typeUrl: string): Promise<string> =>
    (await control.request((one) => one.typeUrl === typeUrl && one.errorDetail !== undefined)).errorDetail
      ?.message ?? '';
  const ofClusters = await refusalOf(Cluster.typeUrl);
  const context = 'transport_socket.typed_config.common_tls_context';
  for (const expected of [
    `no-file: ${context}.combined_validation_context.default_validation_context.trusted_ca: ENOENT: no such file or directory, open '/nowhere/roots.pem'`,
    `no-roots: transport_socket_matches[1].${context}.validation_context.trusted_ca: holds no roots that can be used: no certificate in PEM`,
    `behind-header: transport_socket.typed_config.${context}.tls_params.cipher_suites[1]: OpenSSL has no cipher suite "NO-SUCH"`,
  ])
    assert.ok(ofClusters.includes(expected), ofClusters);
  assert.ok(!ofClusters.includes('fine'), ofClusters);

  const ofListener = await refusalOf(Listener.typeUrl);
  const chain = `main: filter_chains[0].${context}`;
  assert.ok(
    ofListener.includes(`${chain}.tls_certificates[0].private_key: is not the key of the certificate`),
    ofListener,
  );
  assert.ok(
    ofListener.includes(`${context}.tls_params.ecdh_curves[1]: OpenSSL has no curve "P-1"`),
    ofListener,
  );
  assert.deepEqual(
    proxy.dataPlane.clusters().map(({ cluster }) => cluster.name),
    ['xds', 'fine'],
  );
  assert.deepEqual(proxy.dataPlane.listeners(), []);
});
