import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { decodeBootstrap } from '../bootstrap/bootstrap.ts';
import { parseAgentConfig, type AgentConfig } from './agent-config.ts';
import { bootstrapJson } from './bootstrap-json.ts';
import { parsePodInfo } from './pod-info.ts';
import { durationMs } from './proxy-config.ts';

const env = {
  POD_NAME: 'reviews-v1-abc',
  POD_NAMESPACE: 'bookinfo',
  INSTANCE_IP: '10.244.0.7',
  SERVICE_ACCOUNT: 'bookinfo-reviews',
  CA_ADDR: 'istiod.istio-system.svc:15012',
  PROXY_CONFIG: '{"terminationDrainDuration":"7s"}\n',
  ISTIO_META_WORKLOAD_NAME: 'reviews-v1',
  ISTIO_META_POD_PORTS: '[{"containerPort":9080}]',
  ISTIO_METAJSON_EXTRA: '{"A":1}',
};
const files: Record<string, string> = {
  '/etc/istio/pod/labels': 'app="reviews"\nservice.istio.io/canonical-name="reviews"\nversion="v1"\n',
  '/etc/istio/pod/annotations': 'note="a \\"b\\"\\nc"\n',
};

function parse(args: string, variables: Record<string, string> = env): AgentConfig {
  const result = parseAgentConfig(args.split(' '), variables, {
    read: (path) => files[path],
    hasFolder: (path) => path === '/var/lib/istio/data',
  });
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

const injected =
  'sidecar --domain $(POD_NAMESPACE).svc.cluster.local --proxyLogLevel=warning --proxyComponentLogLevel=misc:error --log_output_level=default:info';

test("an injected sidecar has the node that Istio's control plane expects", () => {
  const { node } = bootstrapJson(parse(injected)) as { node: Record<string, unknown> };
  assert.equal(node['id'], 'sidecar~10.244.0.7~reviews-v1-abc.bookinfo~bookinfo.svc.cluster.local');
  assert.equal(node['cluster'], 'reviews.bookinfo');
  const metadata = node['metadata'] as Record<string, unknown>;
  assert.deepEqual(metadata['LABELS'], {
    app: 'reviews',
    'service.istio.io/canonical-name': 'reviews',
    version: 'v1',
  });
  assert.deepEqual(metadata['ANNOTATIONS'], { note: 'a "b"\nc' });
  assert.equal(metadata['WORKLOAD_NAME'], 'reviews-v1');
  assert.equal(metadata['SERVICE_ACCOUNT'], 'bookinfo-reviews');
  assert.equal(metadata['A'], 1);
});

test('the bootstrap that the agent writes is one that the proxy takes', () => {
  for (const address of ['istiod.istio-system.svc:15012', '127.0.0.1:15010']) {
    const decoded = decodeBootstrap(
      bootstrapJson(parse('router', { ...env, PROXY_CONFIG: `{"discoveryAddress":"${address}"}` })),
    );
    assert.ok(decoded.ok, JSON.stringify(decoded));
    assert.equal(decoded.value.ads?.variant, 'delta');
    const tls = decoded.value.clusters.find((c) => c.model.name === 'xds-grpc')?.model.transport.kind;
    assert.equal(tls, address.endsWith('15012') ? 'upstream_tls' : 'raw');
    // The authority is asked over TLS: by the control plane's own connection where that has it.
    const authority = decoded.value.clusters.find((c) => c.model.name === 'ca-grpc');
    assert.equal(authority?.model.transport.kind, address.endsWith('15012') ? undefined : 'upstream_tls');
  }
});

test('the arguments of the first releases are taken', () => {
  const config = parse(
    'sidecar --configPath /etc/istio/proxy --binaryPath /usr/local/bin/envoy --serviceCluster ratings --drainDuration 45s --parentShutdownDuration 1m0s --discoveryAddress istio-pilot.istio-system:15007 --discoveryRefreshDelay 1s --zipkinAddress zipkin.istio-system:9411 --connectTimeout 10s --proxyAdminPort 15000 --controlPlaneAuthPolicy NONE',
  );
  assert.equal(config.proxyConfig.discoveryAddress, 'istio-pilot.istio-system:15007');
  assert.equal(config.proxyConfig.plaintext, true);
  assert.equal(config.proxyConfig.serviceCluster, 'ratings');
  assert.equal(config.proxyConfig.drainDurationMs, 45_000);
});

test('everything that is wrong is named at once', () => {
  const result = parseAgentConfig(
    ['gateway', '--log_output_level', 'loud'],
    {
      PROXY_CONFIG: '{"statusPort":"x","drainDuration":5,"discoveryAddress":"nowhere"}',
      SECRET_TTL: '20ms',
    },
    { read: () => undefined, hasFolder: () => false },
  );
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problems.map((p) => p.path),
    [
      'proxy',
      'discoveryAddress',
      '$PROXY_CONFIG statusPort',
      '$PROXY_CONFIG drainDuration',
      '--log_output_level',
      '$SECRET_TTL',
    ],
  );
});

test('a certificate is asked for a day, or for as long as the pod says', () => {
  assert.equal(parse('sidecar').certificateTtlMs, 86_400_000);
  assert.equal(parse('sidecar', { SECRET_TTL: '10m' }).certificateTtlMs, 600_000);
});

test('durations and labels are read as Go writes them', () => {
  assert.equal(durationMs('1m0.5s'), 60_500);
  assert.equal(durationMs('45'), undefined);
  assert.deepEqual(parsePodInfo('a="x=\\u00e9"\n\nbroken\nb=""\n'), { a: 'x=é', b: '' });
});

test('statistics of a pod are those that its ProxyConfig and its annotations ask for', () => {
  const stats = (proxyConfig: object, annotations: string) => {
    const config = parseAgentConfig(
      ['sidecar'],
      { ...env, PROXY_CONFIG: JSON.stringify(proxyConfig) },
      { read: (path) => (path.endsWith('annotations') ? annotations : files[path]), hasFolder: () => false },
    );
    assert.ok(config.ok, JSON.stringify(config));
    const decoded = decodeBootstrap(bootstrapJson(config.value));
    assert.ok(decoded.ok, JSON.stringify(decoded));
    return decoded.value.stats;
  };
  const none = stats({}, '');
  assert.equal(none.matcher, undefined);
  assert.deepEqual(none.sinks, []);
  const asked = stats(
    {
      proxyStatsMatcher: { inclusionRegexps: ['.*outlier.*'], inclusionPrefixes: ['http'] },
      statsdUdpAddress: '10.0.0.9:8125',
    },
    'sidecar.istio.io/statsInclusionPrefixes="cluster.outbound,listener"\n' +
      'sidecar.istio.io/statsHistogramBuckets="{\\"istiocustom\\":[1,5],\\"bad\\":1}"\n',
  );
  assert.equal(asked.matcher?.kind, 'only');
  const patterns = asked.matcher?.kind === 'only' ? asked.matcher.patterns : [];
  const has = (wanted: object): boolean => patterns.some((one) => isDeepStrictEqual(one, wanted));
  assert.ok(has({ kind: 'prefix', value: 'cluster.outbound' }));
  assert.ok(has({ kind: 'prefix', value: 'server' }));
  assert.ok(has({ kind: 'regex', regex: '.*outlier.*' }));
  assert.ok(!has({ kind: 'prefix', value: 'http' }));
  assert.deepEqual(asked.histogramBuckets, [
    { match: { kind: 'prefix', value: 'istiocustom' }, bounds: [1, 5] },
  ]);
  const [sink] = asked.sinks;
  assert.ok(sink?.kind === 'statsd_udp' && sink.to.port === 8_125 && sink.to.address === '10.0.0.9');
});
