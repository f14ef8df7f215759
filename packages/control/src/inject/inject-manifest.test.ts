import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseManifests } from '@lateen/config';
import { injectManifest } from './inject-manifest.ts';
import { defaultInjectionValues } from './injection-values.ts';
import { readInjectorConfig, renderInjectorConfig } from './injector-config.ts';

function injectYaml(yaml: string): Record<string, unknown>[] {
  return parseManifests(yaml, 'test').documents.map(({ object }) => {
    const result = injectManifest(object, 'default', {}, defaultInjectionValues);
    assert.ok(result.ok, JSON.stringify(result));
    return result.value.object;
  });
}

function containerNames(object: Record<string, unknown>, ...path: string[]): string[] {
  let spec: unknown = object;
  for (const step of [...path, 'spec', 'containers']) spec = (spec as Record<string, unknown>)[step];
  return (spec as { name: string }[]).map(({ name }) => name);
}

const template = 'template: {metadata: {labels: {app: a}}, spec: {containers: [{name: a, image: a}]}}';

test('every kind that has pods gets the sidecar, others come back as they are', () => {
  const [service, deployment, old, cron] = injectYaml(`
apiVersion: v1
kind: Service
metadata: {name: a}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: a}
spec: {${template}}
---
apiVersion: extensions/v1beta1
kind: Deployment
metadata: {name: a-v1}
spec: {${template}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: c}
spec: {schedule: "* * * * *", jobTemplate: {spec: {${template}}}}
`);
  assert.deepEqual(service, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } });
  assert.deepEqual(containerNames(deployment!, 'spec', 'template'), ['a', 'istio-proxy']);
  assert.deepEqual(containerNames(cron!, 'spec', 'jobTemplate', 'spec', 'template'), ['a', 'istio-proxy']);
  assert.match(JSON.stringify(old), /apps\/v1\/namespaces\/default\/deployments\/a-v1/);
});

test('a manifest that is injected is not injected again', () => {
  const [once] = injectYaml(
    `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {${template}}`,
  );
  const twice = injectManifest(once!, 'default', {}, defaultInjectionValues);
  assert.ok(twice.ok);
  assert.equal(twice.value.object, once);
  assert.match(twice.value.skipped ?? '', /already/);
});

test('the elements of a List are injected in their places', () => {
  const list = {
    kind: 'List',
    apiVersion: 'v1',
    items: [
      { kind: 'ConfigMap', apiVersion: 'v1' },
      { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'p' }, spec: { containers: [{ name: 'a' }] } },
    ],
  };
  const result = injectManifest(list, 'default', {}, defaultInjectionValues);
  assert.ok(result.ok);
  const items = result.value.object['items'] as Record<string, unknown>[];
  assert.equal(items[0], list.items[0]);
  assert.deepEqual(containerNames(items[1]!), ['a', 'istio-proxy']);
});

test('an annotation that cannot be read is named where it stands in the manifest', () => {
  const result = injectManifest(
    {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'a' },
      spec: {
        template: {
          metadata: { annotations: { 'traffic.sidecar.istio.io/excludeInboundPorts': 'x' } },
          spec: { containers: [{ name: 'a' }] },
        },
      },
    },
    'default',
    {},
    defaultInjectionValues,
  );
  assert.ok(!result.ok);
  assert.equal(
    result.problems[0]!.path,
    'spec.template.metadata.annotations["traffic.sidecar.istio.io/excludeInboundPorts"]',
  );
});

test('the values of an installation come back from its ConfigMap', () => {
  const data = renderInjectorConfig({
    global: { hub: 'example.org/mesh', tag: '9', proxy: { logLevel: 'debug' }, istioNamespace: 'mesh' },
    sidecarInjectorWebhook: { rewriteAppHTTPProbe: false },
    revision: 'canary',
  });
  const read = readInjectorConfig(data);
  assert.ok(read.ok);
  assert.deepEqual(read.value, {
    ...defaultInjectionValues,
    hub: 'example.org/mesh',
    tag: '9',
    logLevel: 'debug',
    istioNamespace: 'mesh',
    revision: 'canary',
    rewriteAppHttpProbe: false,
  });
});
