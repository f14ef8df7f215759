import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { resources, type Pod, type ReplicaSet } from '@lateen/kube';
import { testCluster, type TestCluster } from '../testing/test-cluster.ts';

let cluster: TestCluster;
beforeEach(async () => (cluster = await testCluster()));
afterEach(() => cluster.close());

function set(replicas: number): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: 'web' }] },
      },
    },
  };
}

function scale(replicas: number): Promise<unknown> {
  return cluster.client.patch(resources.replicaSets, 'default', 'web', 'merge', { spec: { replicas } });
}

function available(count: number): Promise<ReplicaSet[]> {
  return cluster.until(
    cluster.informers.replicaSets,
    ([web]) => (web?.status?.availableReplicas ?? 0) === count && (web?.status?.replicas ?? 0) === count,
  );
}

test('it never makes more pods than were asked for, however often it is woken', async () => {
  await cluster.client.create(resources.replicaSets, set(20));
  for (let i = 0; i < 10; i++) {
    await cluster.client.patch(resources.replicaSets, 'default', 'web', 'merge', {
      metadata: { annotations: { wake: String(i) } },
    });
  }
  await available(20);
  assert.equal(cluster.node.mostPods, 20);
});

test('scaled down, it loses the pods that are not ready first', async () => {
  await cluster.client.create(resources.replicaSets, set(3));
  await available(3);
  const [sick] = cluster.informers.pods.list() as [Pod];
  await cluster.node.setReady(sick, false);
  await cluster.until(cluster.informers.replicaSets, ([web]) => web?.status?.readyReplicas === 2);
  await scale(2);
  const left = await cluster.until(cluster.informers.pods, (pods) => pods.length === 2);
  assert.ok(!left.some(({ metadata }) => metadata.uid === sick.metadata.uid));
});

test('a pod that is deleted or finishes is replaced', async () => {
  await cluster.client.create(resources.replicaSets, set(2));
  await available(2);
  const [first, second] = cluster.informers.pods.list() as [Pod, Pod];
  await cluster.client.delete(resources.pods, 'default', first.metadata.name);
  const status = { phase: 'Failed' };
  await cluster.client.patch(
    resources.pods,
    'default',
    second.metadata.name,
    'merge',
    { status },
    { subresource: 'status' },
  );
  await cluster.until(cluster.informers.pods, (pods) => {
    const running = pods.filter((pod) => pod.status?.phase === 'Running');
    return (
      running.length === 2 &&
      !running.some(({ metadata }) => [first.metadata.uid, second.metadata.uid].includes(metadata.uid))
    );
  });
});

test('a pod whose label is changed away is let go and replaced; a free one that fits is adopted', async () => {
  await cluster.client.create(resources.replicaSets, set(1));
  await available(1);
  const [pod] = cluster.informers.pods.list() as [Pod];
  const relabel = (app: string) =>
    cluster.client.patch(resources.pods, 'default', pod.metadata.name, 'merge', {
      metadata: { labels: { app } },
    });
  await relabel('debug');
  await cluster.until(
    cluster.informers.pods,
    (pods) =>
      pods.length === 2 &&
      pods.find(({ metadata }) => metadata.uid === pod.metadata.uid)?.metadata.ownerReferences?.length !== 1,
  );
  await relabel('web');
  await cluster.until(cluster.informers.pods, (pods) => pods.length === 1);
});

test('a set whose pods a webhook refuses says so, and has them as soon as the webhook is out of the way', async () => {
  const { client, informers, until } = cluster;
  await client.create(resources.mutatingWebhookConfigurations, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'injector' },
    webhooks: [
      {
        name: 'injector.example.com',
        clientConfig: { service: { namespace: 'default', name: 'nobody', path: '/inject' } },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
      },
    ],
  });
  await client.create(resources.replicaSets, set(2));
  const [web] = await until(informers.replicaSets, ([each]) =>
    Boolean(each?.status?.conditions?.some(({ type }) => type === 'ReplicaFailure')),
  );
  assert.match(
    web?.status?.conditions?.[0]?.message ?? '',
    /failed calling webhook "injector\.example\.com"/,
  );
  await until(informers.of(resources.events), (events) =>
    events.some((event) => event['reason'] === 'FailedCreate' && event['type'] === 'Warning'),
  );
  await client.delete(resources.mutatingWebhookConfigurations, undefined, 'injector');
  const startedMs = performance.now();
  await until(informers.replicaSets, ([each]) => each?.status?.availableReplicas === 2);
  assert.ok(performance.now() - startedMs < 500, 'the pods came late');
});
