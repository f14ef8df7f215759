import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { conditionOf, resources, type Deployment, type KubeEvent, type ReplicaSet } from '@lateen/kube';
import { testCluster, webDeployment, type TestCluster } from '../testing/test-cluster.ts';

let cluster: TestCluster;
beforeEach(async () => (cluster = await testCluster()));
afterEach(() => cluster.close());

const done = (deployment: Deployment): boolean => {
  const { observedGeneration, replicas, updatedReplicas, availableReplicas } = deployment.status ?? {};
  return (
    observedGeneration === deployment.metadata.generation &&
    [replicas, updatedReplicas, availableReplicas].every((count = 0) => count === deployment.spec.replicas)
  );
};

async function rolledOut(name: string): Promise<Deployment> {
  const all = await cluster.until(cluster.informers.deployments, (list) =>
    list.some((deployment) => deployment.metadata.name === name && done(deployment)),
  );
  return all.find(({ metadata }) => metadata.name === name) as Deployment;
}

function setImage(name: string, image: string): Promise<unknown> {
  const patch = {
    spec: { template: { spec: { containers: [{ name: 'web', image, ports: [{ containerPort: 8080 }] }] } } },
  };
  return cluster.client.patch(resources.deployments, 'default', name, 'merge', patch);
}

const sizes = (): Record<string, number> =>
  Object.fromEntries(
    cluster.informers.replicaSets
      .list()
      .map(({ metadata, spec }) => [
        metadata.annotations?.['deployment.kubernetes.io/revision'],
        spec.replicas,
      ]),
  );

test('a deployment gets its pods at once, and says so when they are available', async () => {
  await cluster.client.create(resources.deployments, webDeployment('web', 3));
  const startedMs = performance.now();
  await cluster.until(cluster.informers.pods, (pods) => pods.length === 3);
  assert.ok(performance.now() - startedMs < 500, 'the pods came late');
  const deployment = await rolledOut('web');
  assert.equal(deployment.status?.readyReplicas, 3);
  assert.equal(deployment.metadata.annotations?.['deployment.kubernetes.io/revision'], '1');
  const progressing = conditionOf({ status: deployment.status ?? {} }, 'Progressing');
  assert.deepEqual([progressing?.status, progressing?.reason], ['True', 'NewReplicaSetAvailable']);
  const pods = cluster.informers.pods.list();
  const [set] = cluster.informers.replicaSets.list();
  assert.equal(pods.length, 3);
  for (const pod of pods) {
    assert.match(pod.metadata.name, new RegExp(`^${set?.metadata.name}-[a-z0-9]{5}$`));
    assert.equal(pod.metadata.labels?.['pod-template-hash'], set?.metadata.labels?.['pod-template-hash']);
    assert.equal(pod.metadata.ownerReferences?.[0]?.uid, set?.metadata.uid);
  }
});

test('a new template rolls out within the bounds, and an undo makes the old set current again', async () => {
  await cluster.client.create(
    resources.deployments,
    webDeployment('web', 4, {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    }),
  );
  await rolledOut('web');
  let fewest = 4;
  const end = cluster.informers.pods.subscribe(() => {
    const available = cluster.informers.pods
      .list()
      .filter((pod) => pod.status?.podIP !== undefined && pod.metadata.deletionTimestamp === undefined);
    fewest = Math.min(fewest, available.length);
  });
  await setImage('web', 'web:2');
  await rolledOut('web');
  end();
  assert.equal(fewest, 4);
  assert.deepEqual(sizes(), { 1: 0, 2: 4 });
  const sets = cluster.informers.replicaSets.list().length;
  await setImage('web', 'web:1');
  const back = await rolledOut('web');
  assert.equal(back.metadata.annotations?.['deployment.kubernetes.io/revision'], '3');
  assert.deepEqual(sizes(), { 3: 4, 2: 0 });
  assert.equal(cluster.informers.replicaSets.list().length, sets);
});

test('a rollout whose pods do not get ready stops with the old ones in place', async () => {
  await cluster.client.create(resources.deployments, webDeployment('web', 4));
  await rolledOut('web');
  cluster.node.holds = (pod) => pod.spec.containers[0]?.image === 'web:bad';
  await setImage('web', 'web:bad');
  await cluster.until(cluster.informers.deployments, ([web]) => web?.status?.updatedReplicas === 2);
  await cluster.until(cluster.informers.replicaSets, (sets) => sets.some(({ spec }) => spec.replicas === 3));
  assert.deepEqual(sizes(), { 1: 3, 2: 2 });
  await cluster.node.release();
  await rolledOut('web');
  assert.deepEqual(sizes(), { 1: 0, 2: 4 });
});

test('Recreate lets every old pod end before a new one starts', async () => {
  await cluster.client.create(
    resources.deployments,
    webDeployment('web', 2, { strategy: { type: 'Recreate' } }),
  );
  await rolledOut('web');
  await setImage('web', 'web:2');
  await rolledOut('web');
  assert.equal(cluster.node.mostPods, 2);
});

test('a paused deployment scales but does not roll out', async () => {
  await cluster.client.create(resources.deployments, webDeployment('web', 1));
  await rolledOut('web');
  const pause = (paused: boolean) =>
    cluster.client.patch(resources.deployments, 'default', 'web', 'merge', { spec: { paused } });
  await pause(true);
  await setImage('web', 'web:2');
  await cluster.client.patch(resources.deployments, 'default', 'web', 'merge', { spec: { replicas: 3 } });
  await cluster.until(cluster.informers.deployments, ([web]) => web?.status?.availableReplicas === 3);
  assert.deepEqual(sizes(), { 1: 3 });
  await pause(false);
  await rolledOut('web');
  assert.deepEqual(sizes(), { 1: 0, 2: 3 });
});

test('history beyond the limit is deleted, oldest first', async () => {
  await cluster.client.create(resources.deployments, webDeployment('web', 1, { revisionHistoryLimit: 1 }));
  await rolledOut('web');
  for (const tag of [2, 3, 4]) {
    await setImage('web', `web:${tag}`);
    await rolledOut('web');
  }
  await cluster.until(cluster.informers.replicaSets, (sets) => sets.length === 2);
  assert.deepEqual(sizes(), { 3: 0, 4: 1 });
});

test('a set of the same labels that belongs to nobody is taken over', async () => {
  const orphan: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'orphan', namespace: 'default', labels: { app: 'web' } },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'web', old: 'yes' } },
      template: {
        metadata: { labels: { app: 'web', old: 'yes' } },
        spec: { containers: [{ name: 'web', image: 'web:0' }] },
      },
    },
  };
  await cluster.client.create(resources.replicaSets, orphan);
  const created = await cluster.client.create(resources.deployments, webDeployment('web', 1));
  await cluster.until(
    cluster.informers.replicaSets,
    (sets) =>
      sets.find(({ metadata }) => metadata.name === 'orphan')?.metadata.ownerReferences?.[0]?.uid ===
      created.metadata.uid,
  );
});

test('what is scaled is told in events', async () => {
  await cluster.client.create(resources.deployments, webDeployment('web', 2));
  await rolledOut('web');
  const events = cluster.informers.of(resources.events);
  const found = await cluster.until(events, (all) =>
    all.some((event) => (event as KubeEvent).reason === 'ScalingReplicaSet'),
  );
  const event = found.find((each) => (each as KubeEvent).reason === 'ScalingReplicaSet') as KubeEvent;
  assert.match(event.message ?? '', /^Scaled up replica set web-\w+ from 0 to 2$/);
});
