import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LateenError } from '@lateen/core';
import { readInjectorConfig } from '@lateen/control/inject';
import { parseMeshConfig } from '@lateen/config';
import type { KubeObject } from '@lateen/kube';
import { injectorConfigMap, meshConfigMap } from './manifests/istiod.ts';
import { installSteps, renderInstall } from './render-install.ts';
import { resolveInstall, type InstallRequest } from './resolve-install.ts';

function operator(spec: unknown): unknown {
  return { apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', spec };
}

function refused(request: InstallRequest): string {
  try {
    resolveInstall(request);
  } catch (error) {
    assert.ok(error instanceof LateenError, String(error));
    return `${error.message} ${error.hint ?? ''}`;
  }
  return assert.fail('it was accepted');
}

function find(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found !== undefined, `no ${kind} ${name}`);
  return found;
}

test('each profile has the components that Istio’s has', () => {
  const names = (profile: string): string[] =>
    installSteps(resolveInstall({ profile })).map(({ name }) => name);
  assert.deepEqual(names('default'), ['Istio core', 'Istiod', 'Ingress gateways']);
  assert.deepEqual(names('demo'), ['Istio core', 'Istiod', 'Ingress gateways', 'Egress gateways']);
  assert.deepEqual(names('minimal'), ['Istio core', 'Istiod']);
  assert.deepEqual(names('empty'), []);
});

test('files lie over the profile and settings over the files', () => {
  const installation = resolveInstall({
    operators: [
      operator({
        profile: 'demo',
        meshConfig: { accessLogEncoding: 'TEXT' },
        values: { global: { proxy: { logLevel: 'info' } } },
      }),
    ],
    settings: [
      'meshConfig.accessLogEncoding=JSON',
      'components.egressGateways[0].enabled=false',
      'values.global.proxy.logLevel=debug',
      'components.pilot.k8s.replicaCount=3',
    ],
  });
  assert.equal(installation.profile, 'demo');
  assert.equal(installation.meshConfig.accessLogFile, '/dev/stdout');
  assert.equal(installation.meshConfig.accessLogEncoding, 'JSON');
  assert.equal(installation.values.global?.proxy?.logLevel, 'debug');
  const objects = renderInstall(installation);
  assert.equal(
    objects.some(({ metadata }) => metadata.name === 'istio-egressgateway'),
    false,
  );
  const istiod = find(objects, 'Deployment', 'istiod') as KubeObject & { spec: { replicas: number } };
  assert.equal(istiod.spec.replicas, 3);
});

test('a setting of a gateway changes that gateway and nothing else of it', () => {
  const objects = renderInstall(
    resolveInstall({ settings: ['components.ingressGateways[0].k8s.service.type=NodePort'] }),
  );
  const service = find(objects, 'Service', 'istio-ingressgateway') as KubeObject & {
    spec: { type: string; ports: { port: number }[] };
  };
  assert.equal(service.spec.type, 'NodePort');
  assert.deepEqual(
    service.spec.ports.map(({ port }) => port),
    [15021, 80, 443],
  );
});

test('a setting that does not exist is named with what was meant or what is allowed', () => {
  assert.match(refused({ settings: ['hubb=x'] }), /no field hubb Did you mean hub\?/);
  assert.match(refused({ settings: ['components.pilot.enabled=maybe'] }), /must be true or false/);
  assert.match(refused({ settings: ['nothing'] }), /must be PATH=VALUE/);
  assert.match(
    refused({ settings: ['profile=dem'] }),
    /must be one of default, demo, minimal, empty.*demo\?/,
  );
  assert.match(refused({ profile: 'big' }), /no profile big/);
  assert.match(
    refused({ settings: ['meshConfig.accesLogFile=x'] }),
    /meshConfig\.accesLogFile.*accessLogFile/,
  );
  assert.match(refused({ settings: ['hub[0]=x'] }), /hub is not a list/);
  assert.match(refused({ operators: [operator({ component: {} })] }), /component: unknown field/);
  assert.match(refused({ operators: [{ kind: 'Gateway' }] }), /must hold an IstioOperator/);
});

test('every setting’s text is read by the type of its field', () => {
  const { spec } = resolveInstall({
    settings: ['tag=1', 'values.pilot.autoscaleMin=2', 'values.global.imagePullSecrets={a,b}'],
  });
  assert.equal(spec.tag, '1');
  assert.equal(spec.values?.pilot?.autoscaleMin, 2);
  assert.deepEqual(spec.values?.global?.imagePullSecrets, ['a', 'b']);
});

test('the control plane reads back what the installation was told', () => {
  const installation = resolveInstall({
    settings: ['hub=example.org/mesh', 'tag=9', 'values.global.proxy.logLevel=debug', 'revision=canary'],
  });
  const mesh = parseMeshConfig(meshConfigMap(installation).data['mesh'] ?? '');
  assert.ok(mesh.ok);
  assert.equal(mesh.value.defaultConfig?.discoveryAddress, 'istiod-canary.istio-system.svc:15012');
  const injector = readInjectorConfig(injectorConfigMap(installation).data);
  assert.ok(injector.ok);
  assert.equal(injector.value.hub, 'example.org/mesh');
  assert.equal(injector.value.tag, '9');
  assert.equal(injector.value.logLevel, 'debug');
  assert.equal(injector.value.revision, 'canary');
});

test('nothing is applied before what it needs', () => {
  const kinds = renderInstall(resolveInstall({ profile: 'demo' })).map(({ kind }) => kind);
  const before = (first: string, then: string): void =>
    assert.ok(kinds.lastIndexOf(first) < kinds.indexOf(then), `${first} before ${then}`);
  before('Namespace', 'ServiceAccount');
  before('CustomResourceDefinition', 'Deployment');
  before('ServiceAccount', 'Deployment');
  before('ConfigMap', 'Deployment');
  before('Service', 'MutatingWebhookConfiguration');
});

test('the parts of the injection webhook never match the same pod', () => {
  type Expression = { key: string; operator: string; values?: string[] };
  type Webhook = {
    namespaceSelector: { matchExpressions: Expression[] };
    objectSelector: { matchExpressions: Expression[] };
  };
  const matches = (expressions: Expression[], labels: Record<string, string>): boolean =>
    expressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'DoesNotExist') return value === undefined;
      if (operator === 'In') return value !== undefined && values.includes(value);
      return value === undefined || !values.includes(value);
    });
  for (const setting of [[], ['values.sidecarInjectorWebhook.enableNamespacesByDefault=true']]) {
    const objects = renderInstall(resolveInstall({ settings: setting }));
    const { webhooks } = find(
      objects,
      'MutatingWebhookConfiguration',
      'istio-sidecar-injector',
    ) as KubeObject & {
      webhooks: Webhook[];
    };
    for (const injection of [undefined, 'enabled', 'disabled']) {
      for (const rev of [undefined, 'default', 'other']) {
        for (const inject of [undefined, 'true', 'false']) {
          for (const podRev of [undefined, 'default', 'other']) {
            const labels = (entries: Record<string, string | undefined>): Record<string, string> =>
              JSON.parse(JSON.stringify(entries));
            const namespace = labels({ 'istio-injection': injection, 'istio.io/rev': rev });
            const pod = labels({ 'sidecar.istio.io/inject': inject, 'istio.io/rev': podRev });
            const count = webhooks.filter(
              (webhook) =>
                matches(webhook.namespaceSelector.matchExpressions, namespace) &&
                matches(webhook.objectSelector.matchExpressions, pod),
            ).length;
            assert.ok(count <= 1, `${count} match ${JSON.stringify({ namespace, pod })}`);
            if (inject === 'false') assert.equal(count, 0);
          }
        }
      }
    }
  }
});
