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
    locality: 'r/z',
    network: '',
    namedPorts: { web: 9080 },
    interception: 'TPROXY',
  });
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
