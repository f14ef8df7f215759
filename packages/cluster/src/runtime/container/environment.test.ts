import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod } from '@lateen/kube';
import type { PodFacts } from '../pod/pod-facts.ts';
import { containerEnvironment, expandVariables, type ObjectLookup } from './environment.ts';

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'shop', uid: 'u1', labels: { app: 'cart' } },
  spec: { containers: [] },
};
const facts: PodFacts = {
  pod,
  podIP: '10.244.0.5',
  hostIP: '10.244.0.1',
  nodeName: 'lateen',
  capacity: { cpu: 2, memoryBytes: 2 ** 30 },
};
const lookup: ObjectLookup = {
  configMap: (_, name) =>
    name === 'settings'
      ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { COLOR: 'red', SIZE: 'xl' } }
      : undefined,
  secret: (_, name) =>
    name === 'keys'
      ? { apiVersion: 'v1', kind: 'Secret', metadata: { name }, data: { pass: 'aMOp' } }
      : undefined,
  services: (namespace) => [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: namespace === 'default' ? 'kubernetes' : 'my-cart', namespace },
      spec: {
        clusterIP: namespace === 'default' ? '10.96.0.1' : '10.96.7.7',
        ports: [{ name: 'http-web', port: 80, protocol: 'TCP' }],
      },
    },
  ],
};

function environmentOf(container: Partial<Container>): Record<string, string> {
  return containerEnvironment({ name: 'c', ...container }, facts, lookup);
}

test('variables come from values, fields, resources, config maps, secrets and services', () => {
  const env = environmentOf({
    resources: { limits: { cpu: '1500m' } },
    envFrom: [{ prefix: 'S_', configMapRef: { name: 'settings' } }],
    env: [
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
      { name: 'PASS', valueFrom: { secretKeyRef: { name: 'keys', key: 'pass' } } },
      { name: 'GONE', valueFrom: { configMapKeyRef: { name: 'none', key: 'k', optional: true } } },
      { name: 'URL', value: 'http://$(IP)/$(S_COLOR)/$$(IP)/$(NOBODY)' },
    ],
  });
  assert.equal(env['URL'], 'http://10.244.0.5/red/$(IP)/$(NOBODY)');
  assert.equal(env['APP'], 'cart');
  assert.equal(env['CPUS'], '2');
  assert.equal(env['MEM'], '1024');
  assert.equal(env['PASS'], 'hé');
  assert.equal(env['S_SIZE'], 'xl');
  assert.ok(!('GONE' in env));
  assert.equal(env['KUBERNETES_SERVICE_HOST'], '10.96.0.1');
  assert.equal(env['MY_CART_SERVICE_PORT_HTTP_WEB'], '80');
  assert.equal(env['MY_CART_PORT_80_TCP_ADDR'], '10.96.7.7');
});

test('what is missing is named', () => {
  const missingKey = { name: 'X', valueFrom: { secretKeyRef: { name: 'keys', key: 'nope' } } };
  assert.throws(() => environmentOf({ env: [missingKey] }), {
    code: 'CreateContainerConfigError',
    message: "couldn't find key nope in Secret shop/keys",
  });
  assert.throws(() => environmentOf({ envFrom: [{ configMapRef: { name: 'none' } }] }), {
    message: 'configmap "none" not found',
  });
});

test('expansion takes only names that are closed', () => {
  assert.equal(expandVariables('$(A) $A $(A', { A: '1' }), '1 $A $(A');
});
