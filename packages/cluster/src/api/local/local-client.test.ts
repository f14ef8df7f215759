import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { LateenError, silentLogger, systemClock } from '@lateen/core';
import { isStatus, resources, type KubeClient, type KubeObject, type WatchEvent } from '@lateen/kube';
import { createApiServer, type ApiServer } from '../index.ts';

let folder = '';
let server: ApiServer;
let client: KubeClient;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-api-'));
  server = await createApiServer({ dataDir: folder, clock: systemClock, logger: silentLogger });
  client = server.client();
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function configMap(name: string, data: Record<string, string> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data };
}

test('an object gets a uid, a time and a revision, and is read back the same', async () => {
  const created = await client.create(resources.configMaps, configMap('one', { a: '1' }));
  assert.match(created.metadata.uid ?? '', /^[0-9a-f-]{36}$/);
  assert.ok(created.metadata.creationTimestamp);
  assert.deepEqual(await client.get(resources.configMaps, 'default', 'one'), created);
});

test('an update based on an old revision is refused, and one without a revision is not', async () => {
  const first = await client.create(resources.configMaps, configMap('one', { a: '1' }));
  await client.update(resources.configMaps, { ...first, data: { a: '2' } });
  await assert.rejects(
    client.update(resources.configMaps, { ...first, data: { a: '3' } }),
    (error: unknown) => isStatus(error, 'Conflict'),
  );
  const blind = await client.update(resources.configMaps, configMap('one', { a: '4' }));
  assert.deepEqual(blind['data'], { a: '4' });
});

test('a watch begins where the list ended and tells what comes into the selection and what leaves it', async () => {
  const { resourceVersion } = await client.list(resources.configMaps, { namespace: 'default' });
  const seen: string[] = [];
  const over = new AbortController();
  const watching = client.watch(
    resources.configMaps,
    { namespace: 'default', labelSelector: 'app=web', resourceVersion },
    (event: WatchEvent<KubeObject>) => {
      seen.push(`${event.type} ${event.object.metadata.name}`);
      if (seen.length === 3) over.abort();
    },
    over.signal,
  );
  const one = await client.create(resources.configMaps, configMap('one'));
  one.metadata.labels = { app: 'web' };
  const in1 = await client.update(resources.configMaps, one);
  const in2 = await client.update(resources.configMaps, { ...in1, data: { a: '1' } });
  in2.metadata.labels = {};
  await client.update(resources.configMaps, in2);
  await watching;
  assert.deepEqual(seen, ['ADDED one', 'MODIFIED one', 'DELETED one']);
});

test('an object with a finalizer stays until the finalizer is taken off', async () => {
  const object = configMap('held');
  object.metadata.finalizers = ['example.com/hold'];
  await client.create(resources.configMaps, object);
  await client.delete(resources.configMaps, 'default', 'held');
  const marked = await client.get(resources.configMaps, 'default', 'held');
  assert.ok(marked.metadata.deletionTimestamp);
  delete marked.metadata.finalizers;
  await client.update(resources.configMaps, marked);
  await assert.rejects(client.get(resources.configMaps, 'default', 'held'), (error: unknown) =>
    isStatus(error, 'NotFound'),
  );
});

test('a watcher that throws ends its own watch and leaves the others alone', async () => {
  const { resourceVersion } = await client.list(resources.configMaps);
  const over = new AbortController();
  const seen: string[] = [];
  const failing = client.watch(
    resources.configMaps,
    { resourceVersion },
    () => {
      throw new Error('a fault of the watcher');
    },
    over.signal,
  );
  const other = client.watch(
    resources.configMaps,
    { resourceVersion },
    (event: WatchEvent<KubeObject>) => {
      seen.push(event.object.metadata.name);
      if (seen.length === 2) over.abort();
    },
    over.signal,
  );
  await client.create(resources.configMaps, configMap('one'));
  await assert.rejects(failing, /a fault of the watcher/);
  await client.create(resources.configMaps, configMap('two'));
  await other;
  assert.deepEqual(seen, ['one', 'two']);
});

test('a state that is no database is named, with what to do', async () => {
  const broken = join(folder, 'broken');
  mkdirSync(broken);
  writeFileSync(join(broken, 'state.db'), 'not a database '.repeat(100));
  await assert.rejects(
    createApiServer({ dataDir: broken, clock: systemClock, logger: silentLogger }),
    (error: unknown) =>
      error instanceof LateenError && error.code === 'cluster.state' && error.hint !== undefined,
  );
});
