import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { silentLogger, TestClock } from '@lateen/core';
import {
  jsonPatch,
  KubeStatusError,
  matchesFields,
  mergePatch,
  parseFieldSelector,
  resources,
  type ConfigMap,
  type KubeClient,
  type KubeObject,
  type Resource,
  type Selection,
  type WatchEvent,
} from '@lateen/kube';
import { selfSignedAuthority } from '../ca/authority.ts';
import { loadAuthority } from '../ca/authority-secret.ts';
import { followInjectionSettings } from './injection-settings.ts';
import { publishRootCertificates } from './root-certificates.ts';
import { maintainWebhookRegistrations } from './webhook-registrations.ts';

interface Watcher {
  readonly resource: Resource;
  readonly selection: Selection;
  readonly onEvent: (event: WatchEvent<KubeObject>) => void;
}

/** An API server in memory, with what these controllers use of one. */
class MemoryServer {
  readonly objects = new Map<string, KubeObject>();
  readonly #watchers = new Set<Watcher>();
  #revision = 0;
  writes = 0;

  put(object: KubeObject): KubeObject {
    const key = keyOf(object.kind, object.metadata.namespace, object.metadata.name);
    const type = this.objects.has(key) ? 'MODIFIED' : 'ADDED';
    const kept = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#revision) } };
    this.objects.set(key, kept);
    this.#tell(type, kept);
    return kept;
  }

  remove(kind: string, namespace: string | undefined, name: string): void {
    const key = keyOf(kind, namespace, name);
    const object = this.objects.get(key);
    assert.ok(object !== undefined, `no ${key}`);
    this.objects.delete(key);
    this.#tell('DELETED', object);
  }

  get(kind: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.objects.get(keyOf(kind, namespace, name));
  }

  #tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    for (const { resource, selection, onEvent } of this.#watchers) {
      if (resource.kind === object.kind && isSelected(object, selection)) onEvent({ type, object });
    }
  }

  readonly client: KubeClient = {
    get: (resource: Resource, namespace: string | undefined, name: string) => {
      const found = this.get(resource.kind, namespace, name);
      return found === undefined ? Promise.reject(failure('NotFound', 404)) : Promise.resolve(found);
    },
    list: (resource: Resource, selection: Selection = {}) =>
      Promise.resolve({
        items: [...this.objects.values()].filter(
          (object) => object.kind === resource.kind && isSelected(object, selection),
        ),
        resourceVersion: String(this.#revision),
      }),
    create: (resource: Resource, object: KubeObject) => {
      if (this.get(resource.kind, object.metadata.namespace, object.metadata.name) !== undefined) {
        return Promise.reject(failure('AlreadyExists', 409));
      }
      this.writes++;
      return Promise.resolve(this.put(object));
    },
    patch: (
      resource: Resource,
      namespace: string | undefined,
      name: string,
      type: string,
      patch: unknown,
    ) => {
      const found = this.get(resource.kind, namespace, name);
      if (found === undefined) return Promise.reject(failure('NotFound', 404));
      const patched =
        type === 'json' ? jsonPatch(found, patch) : { ok: true, value: mergePatch(found, patch) };
      if (!patched.ok || !('value' in patched)) return Promise.reject(failure('Invalid', 422));
      this.writes++;
      return Promise.resolve(this.put(patched.value as KubeObject));
    },
    watch: (
      resource: Resource,
      selection: Selection,
      onEvent: (event: WatchEvent<KubeObject>) => void,
      signal: AbortSignal,
    ) => {
      const watcher = { resource, selection, onEvent };
      this.#watchers.add(watcher);
      return new Promise<void>((resolve) => {
        signal.addEventListener(
          'abort',
          () => {
            this.#watchers.delete(watcher);
            resolve();
          },
          { once: true },
        );
      });
    },
  } as unknown as KubeClient;
}

function keyOf(kind: string, namespace: string | undefined, name: string): string {
  return `${kind}/${namespace ?? ''}/${name}`;
}

function isSelected(object: KubeObject, selection: Selection): boolean {
  if (selection.namespace !== undefined && object.metadata.namespace !== selection.namespace) return false;
  if (selection.fieldSelector === undefined) return true;
  const wanted = parseFieldSelector(selection.fieldSelector);
  return wanted.ok && matchesFields(object, wanted.value);
}

function failure(reason: string, code: number): KubeStatusError {
  return new KubeStatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    reason,
    code,
  });
}

function namespace(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** Lets everything that is under way come to rest. */
async function settle(clock: TestClock): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await setImmediate();
    clock.advance(50);
  }
}

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const clock = new TestClock(Date.now());
const common = { clock, logger: silentLogger };

test('every namespace has the root certificate, again where somebody removed or changed it', async () => {
  const server = new MemoryServer();
  server.put(namespace('default'));
  server.put(namespace('kube-system'));
  const roots = publishRootCertificates({ client: server.client, root: 'ROOT', ...common });
  closers.push(() => roots.close());
  const rootIn = (name: string): string | undefined =>
    (server.get('ConfigMap', name, 'istio-ca-root-cert') as ConfigMap | undefined)?.data?.['root-cert.pem'];
  await settle(clock);
  assert.equal(rootIn('default'), 'ROOT');
  assert.equal(rootIn('kube-system'), undefined);

  server.put(namespace('shop'));
  server.remove('ConfigMap', 'default', 'istio-ca-root-cert');
  await settle(clock);
  assert.equal(rootIn('shop'), 'ROOT');
  assert.equal(rootIn('default'), 'ROOT');

  server.put({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio-ca-root-cert', namespace: 'shop' },
    data: { 'root-cert.pem': 'OTHER' },
  });
  await settle(clock);
  assert.equal(rootIn('shop'), 'ROOT');
  const { writes } = server;
  await settle(clock);
  assert.equal(server.writes, writes, 'nothing is written when all is in order');
});

function registration(kind: string, service: string): KubeObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: { name: `${kind}-${service}` },
    webhooks: [
      {
        name: 'a.istio.io',
        failurePolicy: 'Ignore',
        clientConfig: { service: { name: service, namespace: 'istio-system' } },
      },
    ],
  };
}

interface Registered extends KubeObject {
  webhooks: { failurePolicy: string; clientConfig: { caBundle?: string } }[];
}

test('our webhook registrations get the root, validation is made strict, others’ are left alone', async () => {
  const server = new MemoryServer();
  for (const kind of ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']) {
    server.put(registration(kind, 'istiod'));
    server.put(registration(kind, 'elsewhere'));
  }
  const registrations = maintainWebhookRegistrations({
    client: server.client,
    service: { name: 'istiod', namespace: 'istio-system' },
    root: 'ROOT',
    ...common,
  });
  closers.push(() => registrations.close());
  await settle(clock);
  const webhook = (kind: string, service: string) =>
    (server.get(kind, undefined, `${kind}-${service}`) as Registered | undefined)?.webhooks[0];
  const bundle = Buffer.from('ROOT').toString('base64');
  assert.equal(webhook('MutatingWebhookConfiguration', 'istiod')?.clientConfig.caBundle, bundle);
  assert.equal(webhook('MutatingWebhookConfiguration', 'istiod')?.failurePolicy, 'Ignore');
  assert.equal(webhook('ValidatingWebhookConfiguration', 'istiod')?.clientConfig.caBundle, bundle);
  assert.equal(webhook('ValidatingWebhookConfiguration', 'istiod')?.failurePolicy, 'Fail');
  assert.equal(webhook('MutatingWebhookConfiguration', 'elsewhere')?.clientConfig.caBundle, undefined);

  // Installing again puts the registration back as the manifest has it.
  server.put(registration('ValidatingWebhookConfiguration', 'istiod'));
  await settle(clock);
  assert.equal(webhook('ValidatingWebhookConfiguration', 'istiod')?.failurePolicy, 'Fail');
});

test('the settings of injection follow their ConfigMaps, and a wrong one changes nothing', async () => {
  const server = new MemoryServer();
  const configMap = (name: string, data: Record<string, string>): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'istio-system' },
    data,
  });
  server.put(configMap('istio', { mesh: 'trustDomain: mesh.example' }));
  const settings = followInjectionSettings({
    client: server.client,
    namespace: 'istio-system',
    revision: 'default',
    ...common,
  });
  closers.push(() => settings.close());
  await settings.synced;
  assert.equal(settings.current.mesh.trustDomain, 'mesh.example');
  assert.equal(settings.current.values.tag, '1.24.0');

  server.put(
    configMap('istio-sidecar-injector', { config: 'policy: enabled', values: '{"global":{"tag":"9"}}' }),
  );
  server.put(configMap('istio', { mesh: 'trustDomian: wrong' }));
  await settle(clock);
  assert.equal(settings.current.values.tag, '9');
  assert.equal(settings.current.mesh.trustDomain, 'mesh.example');
});

test('replicas that start together end up with one CA', async () => {
  const server = new MemoryServer();
  const options = {
    client: server.client,
    namespace: 'istio-system',
    trustDomain: 'cluster.local',
    ...common,
  };
  const [first, second] = await Promise.all([loadAuthority(options), loadAuthority(options)]);
  assert.equal(first.root, second.root);
  assert.equal((await loadAuthority(options)).root, first.root);
  assert.equal(server.writes, 1);
  assert.equal(
    server.get(resources.secrets.kind, 'istio-system', 'istio-ca-secret')?.['type'],
    'istio.io/ca-root',
  );
});

test('a CA that the user brings is used in either form of its Secret', async () => {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  const own = selfSignedAuthority('corp.example', clock.now());
  for (const data of [
    {
      'ca-cert.pem': own.certificate,
      'ca-key.pem': own.privateKey,
      'root-cert.pem': own.root,
      'cert-chain.pem': own.root,
    },
    { 'tls.crt': own.certificate, 'tls.key': own.privateKey, 'ca.crt': own.root },
  ]) {
    const server = new MemoryServer();
    server.put({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'cacerts', namespace: 'istio-system' },
      data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, encode(text)])),
    });
    const authority = await loadAuthority({
      client: server.client,
      namespace: 'istio-system',
      trustDomain: 'cluster.local',
      ...common,
    });
    assert.equal(authority.root, own.root);
    assert.equal(server.writes, 0);
  }
});
