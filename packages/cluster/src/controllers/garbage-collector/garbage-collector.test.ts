import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { controllerReference, resources, type ConfigMap } from '@lateen/kube';
import { testCluster, webDeployment, type TestCluster } from '../testing/test-cluster.ts';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await testCluster();
  await cluster.client.create(resources.deployments, webDeployment('web', 2));
  await cluster.until(cluster.informers.deployments, ([web]) => web?.status?.availableReplicas === 2);
});
afterEach(() => cluster.close());

test('deleting a deployment in the background takes its sets and pods along', async () => {
  const { client, informers, until } = cluster;
  await client.delete(resources.deployments, 'default', 'web', { propagationPolicy: 'Background' });
  await until(informers.pods, (pods) => pods.length === 0);
  await until(informers.replicaSets, (sets) => sets.length === 0);
});

test('deleting it in the foreground, it goes after its pods', async () => {
  const { client, informers, until } = cluster;
  let podsAtTheEnd: number | undefined;
  informers.deployments.subscribe(({ type }) => {
    if (type === 'deleted') podsAtTheEnd = informers.pods.list().length;
  });
  await client.delete(resources.deployments, 'default', 'web', { propagationPolicy: 'Foreground' });
  await until(informers.deployments, (all) => all.length === 0);
  assert.equal(podsAtTheEnd, 0);
});

test('deleting it and orphaning leaves its set and pods alone', async () => {
  const { client, informers, until } = cluster;
  await client.delete(resources.deployments, 'default', 'web', { propagationPolicy: 'Orphan' });
  await until(informers.deployments, (all) => all.length === 0);
  const [set] = await until(informers.replicaSets, ([each]) => !each?.metadata.ownerReferences?.length);
  assert.equal(set?.metadata.deletionTimestamp, undefined);
  assert.equal(informers.pods.list().length, 2);
});

test('an object with two owners lives until both are gone', async () => {
  const { client, informers, until } = cluster;
  const map = (name: string, metadata: Partial<ConfigMap['metadata']> = {}): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', ...metadata },
  });
  const one = await client.create(resources.configMaps, map('one'));
  const two = await client.create(resources.configMaps, map('two'));
  const ownerReferences = [one, two].map((owner) => ({
    ...controllerReference(resources.configMaps, owner),
    controller: false,
  }));
  await client.create(resources.configMaps, map('child', { ownerReferences }));
  const child = () => informers.configMaps.get('default', 'child');
  await until(informers.configMaps, () => child() !== undefined);
  await client.delete(resources.configMaps, 'default', 'one');
  await until(informers.configMaps, () => child()?.metadata.ownerReferences?.length === 1);
  await client.delete(resources.configMaps, 'default', 'two');
  await until(informers.configMaps, () => child() === undefined);
});

test('an object whose owner never was is deleted', async () => {
  const { client, informers, until } = cluster;
  await client.create<ConfigMap>(resources.configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'lost',
      namespace: 'default',
      ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'nobody', uid: 'u-0' }],
    },
  });
  await until(informers.configMaps, () => informers.configMaps.get('default', 'lost') !== undefined);
  await until(informers.configMaps, () => informers.configMaps.get('default', 'lost') === undefined);
});
