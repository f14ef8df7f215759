import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { isStatus, resources, type ConfigMap } from '@lateen/kube';
import { testCluster, webDeployment, type TestCluster } from './testing/test-cluster.ts';

let cluster: TestCluster;
beforeEach(async () => (cluster = await testCluster()));
afterEach(() => cluster.close());

const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

test('the first namespaces are there, each with its service account and the authority to trust', async () => {
  const { informers, until } = cluster;
  const names = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
  await until(informers.serviceAccounts, (all) => all.length === 4);
  const maps = await until(informers.configMaps, (all) => all.length === 4);
  assert.deepEqual(
    informers.namespaces
      .list()
      .map(({ metadata }) => metadata.name)
      .toSorted(),
    names,
  );
  for (const map of maps) assert.equal(map.data?.['ca.crt'], 'the authority');
});

test('a new namespace is furnished, and what is taken away or changed comes back', async () => {
  const { client, informers, until } = cluster;
  await client.create(resources.namespaces, namespace('shop'));
  const inShop = (all: readonly { metadata: { namespace?: string } }[]): boolean =>
    all.some(({ metadata }) => metadata.namespace === 'shop');
  await until(informers.serviceAccounts, inShop);
  await until(informers.configMaps, inShop);
  await client.delete(resources.serviceAccounts, 'shop', 'default');
  await until(informers.serviceAccounts, (all) => !inShop(all));
  await until(informers.serviceAccounts, inShop);
  const patch = { data: { 'ca.crt': 'another' } };
  const changed = await client.patch<ConfigMap>(
    resources.configMaps,
    'shop',
    'kube-root-ca.crt',
    'merge',
    patch,
  );
  await until(informers.configMaps, () => {
    const map = informers.configMaps.get('shop', 'kube-root-ca.crt');
    return (
      map?.data?.['ca.crt'] === 'the authority' &&
      map.metadata.resourceVersion !== changed.metadata.resourceVersion
    );
  });
});

test('a namespace that is deleted takes all that is in it along', async () => {
  const { client, informers, until } = cluster;
  await client.create(resources.namespaces, namespace('shop'));
  await until(informers.serviceAccounts, (all) => all.some((each) => each.metadata.namespace === 'shop'));
  const deployment = webDeployment('web', 2);
  deployment.metadata.namespace = 'shop';
  await client.create(resources.deployments, deployment);
  await until(informers.deployments, ([web]) => web?.status?.availableReplicas === 2);
  await client.delete(resources.namespaces, undefined, 'shop');
  await until(informers.namespaces, (all) => !all.some(({ metadata }) => metadata.name === 'shop'));
  for (const each of [informers.pods, informers.deployments, informers.replicaSets]) {
    assert.equal(each.list('shop').length, 0);
  }
  await assert.rejects(client.get(resources.configMaps, 'shop', 'kube-root-ca.crt'), (error: unknown) =>
    isStatus(error, 'NotFound'),
  );
});

test('what is deleted by name right after its namespace is still found', async () => {
  const { client, informers, until } = cluster;
  await client.create(resources.namespaces, namespace('shop'));
  const names = Array.from({ length: 40 }, (_, i) => `map-${i}`);
  for (const name of names) {
    await client.create(resources.configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'shop' },
    });
  }
  await client.delete(resources.namespaces, undefined, 'shop');
  for (const name of names) await client.delete(resources.configMaps, 'shop', name);
  await until(informers.namespaces, (all) => !all.some(({ metadata }) => metadata.name === 'shop'));
});
