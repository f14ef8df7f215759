import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { silentLogger, systemClock } from '@lateen/core';
import {
  informer,
  isStatus,
  kubeconfigClient,
  resources,
  type ConfigMap,
  type Deployment,
  type KubeClient,
  type KubeObject,
  type Selection,
  type WatchEvent,
} from '@lateen/kube';
import { createApiServer, type ApiServer } from './api/index.ts';

let folder = '';
let server: ApiServer;
const clients: Record<string, KubeClient> = {};
let closeHttp = (): void => {};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-client-'));
  server = await createApiServer({ dataDir: folder, clock: systemClock, logger: silentLogger });
  const port = await server.listen('127.0.0.1', 0);
  const kubeconfig = join(folder, 'kubeconfig');
  writeFileSync(kubeconfig, server.kubeconfig(`https://127.0.0.1:${port}`));
  const http = await kubeconfigClient(kubeconfig);
  closeHttp = () => http.close();
  clients['in the same process'] = server.client('tester');
  clients['over HTTPS'] = http;
  await http
    .create(resources.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
    .catch(() => {});
});

after(async () => {
  closeHttp();
  await server.close();
  rmSync(folder, { recursive: true });
});

const reason =
  (wanted: string) =>
  (error: unknown): boolean =>
    isStatus(error, wanted);

let serial = 0;

for (const kind of ['in the same process', 'over HTTPS']) {
  describe(`a client ${kind}`, () => {
    let client: KubeClient;
    let name = '';
    const map = (
      data: Record<string, string> = {},
      more: Partial<ConfigMap['metadata']> = {},
    ): ConfigMap => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'default', ...more },
      data,
    });
    const get = () => client.get<ConfigMap>(resources.configMaps, 'default', name);

    beforeEach(() => {
      client = clients[kind] as KubeClient;
      name = `map-${serial++}`;
    });

    test('creates, reads, and says what is there already and what is not', async () => {
      const created = await client.create(resources.configMaps, map({ a: '1' }));
      assert.deepEqual(await get(), created);
      await assert.rejects(client.create(resources.configMaps, map()), reason('AlreadyExists'));
      await assert.rejects(client.get(resources.configMaps, 'default', 'nothing'), reason('NotFound'));
      await assert.rejects(client.get(resources.nodes, undefined, 'nothing'), reason('NotFound'));
      await assert.rejects(
        client.create(resources.configMaps, map({}, { name: 'Not A Name' })),
        reason('Invalid'),
      );
    });

    test('refuses an update of an old revision', async () => {
      const first = await client.create(resources.configMaps, map({ a: '1' }));
      const second = await client.update<ConfigMap>(resources.configMaps, { ...first, data: { a: '2' } });
      assert.notEqual(second.metadata.resourceVersion, first.metadata.resourceVersion);
      await assert.rejects(client.update(resources.configMaps, first), reason('Conflict'));
    });

    test('patches in each of the ways, and a dry run leaves things as they are', async () => {
      await client.create(resources.configMaps, map({ a: '1', b: '2' }));
      const merge = { data: { a: null, c: '3' } };
      await client.patch(resources.configMaps, 'default', name, 'merge', merge, { dryRun: true });
      assert.deepEqual((await get()).data, { a: '1', b: '2' });
      await client.patch(resources.configMaps, 'default', name, 'merge', merge);
      assert.deepEqual((await get()).data, { b: '2', c: '3' });
      const json = [
        { op: 'test', path: '/data/b', value: '2' },
        { op: 'replace', path: '/data/b', value: 'x' },
      ];
      await client.patch(resources.configMaps, 'default', name, 'json', json);
      await client.patch(resources.configMaps, 'default', name, 'strategic-merge', { data: { c: null } });
      assert.deepEqual((await get()).data, { b: 'x' });
    });

    test('applies, and says whose fields are in the way', async () => {
      const apply = (value: string, fieldManager: string, force = false) =>
        client.patch<ConfigMap>(resources.configMaps, 'default', name, 'apply', map({ a: value }), {
          fieldManager,
          force,
        });
      await apply('1', 'one');
      await assert.rejects(apply('2', 'two'), (error: unknown) => {
        assert.ok(isStatus(error, 'Conflict'));
        assert.match(error.message, /"one"/);
        return true;
      });
      assert.equal((await apply('2', 'two', true)).data?.['a'], '2');
    });

    test('keeps status and the rest apart', async () => {
      const created = await client.create<Deployment>(resources.deployments, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, namespace: 'default' },
        spec: {
          selector: { matchLabels: { app: name } },
          template: {
            metadata: { labels: { app: name } },
            spec: { containers: [{ name: 'c', image: 'x' }] },
          },
        },
        status: { replicas: 5 },
      });
      assert.equal(created.status?.replicas ?? 0, 0);
      const reported = await client.updateStatus<Deployment>(resources.deployments, {
        ...created,
        spec: { ...created.spec, replicas: 9 },
        status: { replicas: 1 },
      });
      assert.deepEqual([reported.spec.replicas, reported.status?.replicas], [1, 1]);
      const scaled = await client.patch<KubeObject>(
        resources.deployments,
        'default',
        name,
        'merge',
        { spec: { replicas: 2 } },
        { subresource: 'scale' },
      );
      assert.equal(scaled.kind, 'Scale');
      const after = await client.get<Deployment>(resources.deployments, 'default', name);
      assert.deepEqual([after.spec.replicas, after.status?.replicas], [2, 1]);
    });

    test('deletes only the object that was meant', async () => {
      const created = await client.create(resources.configMaps, map());
      const wrong = client.delete(resources.configMaps, 'default', name, { uid: 'another' });
      await assert.rejects(wrong, reason('Conflict'));
      await client.delete(resources.configMaps, 'default', name, { uid: created.metadata.uid ?? '' });
      await assert.rejects(get(), reason('NotFound'));
      await assert.rejects(client.delete(resources.configMaps, 'default', name), reason('NotFound'));
    });

    test('lists by namespace, labels and fields', async () => {
      await client.create(resources.configMaps, map({}, { labels: { suite: name } }));
      const count = async (selection: Selection): Promise<number> =>
        (await client.list(resources.configMaps, selection)).items.length;
      assert.equal(await count({ labelSelector: `suite=${name}` }), 1);
      assert.equal(await count({ namespace: 'default', labelSelector: `suite in (${name},other)` }), 1);
      assert.equal(await count({ namespace: 'elsewhere', labelSelector: `suite=${name}` }), 0);
      assert.equal(await count({ fieldSelector: `metadata.name=${name}` }), 1);
      assert.equal(
        await count({ fieldSelector: `metadata.name!=${name}`, labelSelector: `suite=${name}` }),
        0,
      );
    });

    test('watches from a revision what has happened since, in order, until it is told to stop', async () => {
      await client.create(resources.configMaps, map({ a: '1' }));
      const { resourceVersion } = await client.list(resources.configMaps);
      await client.patch(resources.configMaps, 'default', name, 'merge', { data: { a: '2' } });
      await client.delete(resources.configMaps, 'default', name);
      await client.create(resources.configMaps, map({ a: '3' }));
      const stop = new AbortController();
      const seen: string[] = [];
      const onEvent = (event: WatchEvent<ConfigMap>): void => {
        if (event.type === 'BOOKMARK' || event.object.metadata.name !== name) return;
        seen.push(`${event.type} ${event.object.data?.['a']}`);
        if (seen.length === 3) stop.abort();
      };
      const selection = { namespace: 'default', resourceVersion };
      await client.watch<ConfigMap>(resources.configMaps, selection, onEvent, stop.signal);
      assert.deepEqual(seen, ['MODIFIED 2', 'DELETED 2', 'ADDED 3']);
    });

    test('cannot watch from a revision that never was', async () => {
      const watching = client.watch(
        resources.configMaps,
        { resourceVersion: '999999999' },
        () => {},
        AbortSignal.timeout(2000),
      );
      await assert.rejects(
        watching,
        (error: unknown) => isStatus(error, 'Expired') || isStatus(error, 'Timeout'),
      );
    });

    test('asks for what has no method of its own', async () => {
      const version = (await client.raw('GET', '/version')) as { gitVersion: string };
      assert.match(version.gitVersion, /^v1\.\d+\.\d+/);
      const review = (await client.raw('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } },
      })) as { status: { allowed: boolean } };
      assert.equal(review.status.allowed, true);
      await assert.rejects(client.raw('GET', '/apis/nothing.example.com/v1/things'), reason('NotFound'));
    });

    test('is followed by an informer', async () => {
      const followed = informer<ConfigMap>({
        client,
        resource: resources.configMaps,
        selection: { namespace: 'default' },
        clock: systemClock,
        logger: silentLogger,
      });
      await followed.synced;
      const seen: string[] = [];
      const over = Promise.withResolvers<void>();
      followed.subscribe(({ type, object }) => {
        if (object.metadata.name !== name) return;
        seen.push(type);
        if (type === 'deleted') over.resolve();
      });
      await client.create(resources.configMaps, map());
      await client.patch(resources.configMaps, 'default', name, 'merge', { data: { a: '1' } });
      await client.delete(resources.configMaps, 'default', name);
      await over.promise;
      assert.deepEqual(seen, ['added', 'changed', 'deleted']);
      await followed.close();
    });
  });
}
