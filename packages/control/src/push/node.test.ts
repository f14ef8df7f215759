import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeNode } from './node.ts';

const id = 'sidecar~10.244.0.7~reviews-v1-abc.default~default.svc.cluster.local';

test('a node is who its id and metadata say', () => {
  const proxy = decodeNode({
    id,
    locality: { region: 'r', zone: 'z' },
    metadata: {
      NAMESPACE: 'default',
      SERVICE_ACCOUNT: 'reader',
      INSTANCE_IPS: '10.244.0.7,fd00::7',
      LABELS: { app: 'reviews', odd: 7 },
      POD_PORTS: '[{"name":"web","containerPort":9080},{"containerPort":1}]',
      INTERCEPTION_MODE: 'TPROXY',
      ISTIO_VERSION: '1.24.0',
    },
  });
  assert.ok(proxy.ok);
  assert.deepEqual(proxy.value, {
    id,
    kind: 'sidecar',
    addresses: ['10.244.0.7', 'fd00::7'],
    namespace: 'default',
    name: 'reviews-v1-abc',
    labels: { app: 'reviews' },
    serviceAccount: 'reader',
    version: '1.24.0',
    metadata: {
      NAMESPACE: 'default',
      SERVICE_ACCOUNT: 'reader',
      INSTANCE_IPS: '10.244.0.7,fd00::7',
      POD_PORTS: '[{"name":"web","containerPort":9080},{"containerPort":1}]',
      INTERCEPTION_MODE: 'TPROXY',
      ISTIO_VERSION: '1.24.0',
    },
    locality: 'r/z',
    network: '',
    namedPorts: { web: 9080 },
    interception: 'TPROXY',
    topology: {},
  });
});

test('a gateway says what stands before it: its annotation over what it was started with', () => {
  const at = (annotation: string | undefined, started: unknown) =>
    decodeNode({
      id: 'router~10.244.0.9~edge-1.istio-system~istio-system.svc.cluster.local',
      metadata: {
        ...(annotation === undefined ? {} : { ANNOTATIONS: { 'proxy.istio.io/config': annotation } }),
        PROXY_CONFIG: { gatewayTopology: started },
      },
    } as Parameters<typeof decodeNode>[0]);
  const both = at('gatewayTopology: { numTrustedProxies: 2 }', {
    numTrustedProxies: 1,
    forwardClientCertDetails: 'APPEND_FORWARD',
    proxyProtocol: {},
  });
  assert.ok(both.ok);
  assert.deepEqual(both.value.topology, {
    numTrustedProxies: 2,
    forwardClientCertDetails: 'APPEND_FORWARD',
    proxyProtocol: true,
  });
  const annotation = 'node.metadata.ANNOTATIONS["proxy.istio.io/config"].gatewayTopology';
  for (const [text, started, path] of [
    ['gatewayTopology: { numTrustedProxies: two }', {}, `${annotation}.numTrustedProxies`],
    ['gatewayTopology: { trusted: 2 }', {}, `${annotation}.trusted`],
    [undefined, { numTrustedProxies: -1 }, 'node.metadata.PROXY_CONFIG.gatewayTopology.numTrustedProxies'],
    [
      undefined,
      { forwardClientCertDetails: 'X' },
      'node.metadata.PROXY_CONFIG.gatewayTopology.forwardClientCertDetails',
    ],
  ] as const) {
    const wrong = at(text, started);
    assert.ok(!wrong.ok);
    assert.equal(wrong.problems[0]?.path, path);
  }
});

test('a node without metadata is taken by its id alone', () => {
  const proxy = decodeNode({ id });
  assert.ok(proxy.ok);
  assert.equal(proxy.value.namespace, 'default');
  assert.deepEqual(proxy.value.addresses, ['10.244.0.7']);
  assert.deepEqual(proxy.value.namedPorts, {});
});

for (const [wrong, message] of [
  ['', /must be TYPE~ADDRESS~NAME\.NAMESPACE~DOMAIN/],
  ['sidecar~1.1.1.1~a.b', /must be TYPE~ADDRESS/],
  ['ztunnel~1.1.1.1~a.b~b.svc', /must begin with sidecar or router, not "ztunnel"/],
] as const) {
  test(`the id "${wrong}" is refused with what is expected`, () => {
    const proxy = decodeNode({ id: wrong });
    assert.ok(!proxy.ok);
    assert.match(proxy.problems[0]?.message ?? '', message);
  });
}

test('ports that are not JSON are passed over, not fatal', () => {
  const proxy = decodeNode({ id, metadata: { POD_PORTS: '[{' } });
  assert.ok(proxy.ok);
});
