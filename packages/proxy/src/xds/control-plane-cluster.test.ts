import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBootstrap } from '../bootstrap/bootstrap.ts';
import type { Cluster } from '../model/index.ts';
import { cluster } from '../testing/harness.ts';
import { http2Cluster } from '../testing/http2-peers.ts';
import { controlPlaneProblem } from './control-plane-cluster.ts';

const source = (name: string) => ({
  api_config_source: {
    api_type: 'GRPC',
    transport_api_version: 'V3',
    grpc_services: [{ envoy_grpc: { cluster_name: name } }],
  },
});

const at = (name: string, address: string) => ({
  name,
  load_assignment: {
    cluster_name: name,
    endpoints: [
      { lb_endpoints: [{ endpoint: { address: { socket_address: { address, port_value: 15_012 } } } }] },
    ],
  },
});

const tls = (more: object, common: object = {}) => ({
  transport_socket: {
    name: 'tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      ...more,
      common_tls_context: common,
    },
  },
});

/** The clusters of a bootstrap, the first of which is asked for listeners and the second for routes. */
function clustersOf(clusters: readonly object[]): readonly Cluster[] {
  const decoded = decodeBootstrap({
    dynamic_resources: { cds_config: source('first'), lds_config: source('second') },
    static_resources: { clusters },
  });
  assert.ok(decoded.ok, JSON.stringify(decoded));
  return decoded.value.clusters.map(({ model }) => model);
}

test('clusters that configuration is asked for through speak HTTP/2 and send PINGs, others are left as they are', () => {
  const pinged = {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { interval: '5s', timeout: '1s' } },
        },
      },
    },
  };
  const models = clustersOf([
    at('first', '127.0.0.1'),
    { ...at('second', '127.0.0.1'), ...pinged },
    at('third', '127.0.0.1'),
  ]);
  assert.deepEqual(
    models.map(({ http }) => [http.protocol, http.http2.keepalive?.intervalMs]),
    [
      ['http2', 30_000],
      ['http2', 5_000],
      ['http1', undefined],
    ],
  );
});

test('the server is verified even where the cluster does not ask for it', () => {
  const roots = { validation_context: { trusted_ca: { inline_string: 'roots' } } };
  const names = {
    validation_context: {
      trusted_ca: { inline_string: 'roots' },
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: 'spiffe://a/b' } }],
    },
  };
  const shown = clustersOf([
    { ...at('first', 'istiod.example'), type: 'STRICT_DNS', ...tls({}) },
    { ...at('second', '10.0.0.1'), ...tls({ sni: 'istiod.example' }, roots) },
  ]).map(({ transport }) => {
    assert.ok(transport.kind === 'upstream_tls');
    const { validation, alpn } = transport.options;
    return [transport.sni, transport.autoSanValidation, validation?.systemRoots === true, alpn];
  });
  assert.deepEqual(shown, [
    ['istiod.example', true, true, ['h2']],
    ['istiod.example', true, false, ['h2']],
  ]);
  const [own] = clustersOf([{ ...at('first', '10.0.0.1'), ...tls({}, names) }, at('second', '10.0.0.1')]);
  assert.ok(own?.transport.kind === 'upstream_tls');
  assert.equal(own.transport.autoSanValidation, false);
  assert.equal(own.transport.options.validation?.sanMatches.length, 1);
});

test('a source that only other resources name must be a cluster that speaks HTTP/2 and verifies its server', () => {
  assert.equal(
    controlPlaneProblem(cluster('a', [1]), 'grpc'),
    'cluster "a" must have http2_protocol_options',
  );
  assert.equal(controlPlaneProblem(http2Cluster('a', [1]), 'grpc'), undefined);
  const unverified = http2Cluster('a', [1], {
    transport: {
      kind: 'upstream_tls',
      options: { certificates: [], certificateSecrets: [], alpn: [], cipherSuites: [], ecdhCurves: [] },
      sni: 'a',
      autoSni: false,
      autoSanValidation: false,
      maxSessionKeys: 1,
    },
  });
  assert.equal(
    controlPlaneProblem(unverified, 'grpc'),
    'cluster "a" must have a validation_context with roots',
  );
  assert.equal(
    controlPlaneProblem(unverified, 'rest'),
    'cluster "a" must have a validation_context with roots',
  );
  assert.equal(controlPlaneProblem(cluster('a', [1]), 'rest'), undefined);
});

test('a cluster that is asked by REST is verified, and speaks what it says', () => {
  const rest = { api_config_source: { api_type: 'REST', cluster_names: ['first'], refresh_delay: '1s' } };
  const decoded = decodeBootstrap({
    dynamic_resources: { cds_config: rest },
    static_resources: { clusters: [{ ...at('first', '10.0.0.1'), ...tls({}) }] },
  });
  assert.ok(decoded.ok, JSON.stringify(decoded));
  const [first] = decoded.value.clusters.map(({ model }) => model);
  assert.ok(first?.transport.kind === 'upstream_tls');
  assert.deepEqual([first.http.protocol, first.http.http2.keepalive], ['http1', undefined]);
  const { sni, autoSanValidation, options } = first.transport;
  assert.deepEqual([sni, autoSanValidation, options.alpn], ['10.0.0.1', true, []]);
  assert.equal(options.validation?.systemRoots, true);
  assert.deepEqual([...decoded.value.controlPlanes], ['first']);
});
