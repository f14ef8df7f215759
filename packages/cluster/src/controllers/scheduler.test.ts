import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { conditionOf, resources, type KubeEvent, type Pod } from '@lateen/kube';
import { testCluster, type TestCluster } from './testing/test-cluster.ts';

let cluster: TestCluster;
beforeEach(async () => (cluster = await testCluster({ withNode: false })));
afterEach(() => cluster.close());

function pod(name: string, spec: Partial<Pod['spec']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'web' }], ...spec },
  };
}

async function create(object: Pod): Promise<void> {
  const { informers, until, client } = cluster;
  await until(informers.serviceAccounts, (all) => all.some((each) => each.metadata.namespace === 'default'));
  await client.create(resources.pods, object);
}

test('pods wait for the node and are bound as soon as it is there', async () => {
  await create(pod('early'));
  await cluster.node.register();
  const [early] = await cluster.until(cluster.informers.pods, ([each]) => each?.spec.nodeName === 'lateen');
  assert.equal(conditionOf({ status: early?.status ?? {} }, 'PodScheduled')?.status, 'True');
});

test('a pod that fits no node says why, and is bound when a node comes to fit', async () => {
  const { client, informers, until } = cluster;
  await cluster.node.register();
  await create(pod('picky', { nodeSelector: { disk: 'ssd' } }));
  const message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
  await until(informers.pods, ([each]) => {
    const condition = conditionOf({ status: each?.status ?? {} }, 'PodScheduled');
    return condition?.reason === 'Unschedulable' && condition.message === message;
  });
  await until(informers.of(resources.events), (events) =>
    events.some((event) => {
      const { reason, type } = event as KubeEvent;
      return reason === 'FailedScheduling' && type === 'Warning';
    }),
  );
  await client.patch(resources.nodes, undefined, 'lateen', 'merge', {
    metadata: { labels: { disk: 'ssd' } },
  });
  await until(informers.pods, ([each]) => each?.spec.nodeName === 'lateen');
});
