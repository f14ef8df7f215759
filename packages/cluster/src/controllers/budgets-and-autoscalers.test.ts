import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { resources, type Condition, type KubeObject } from '@lateen/kube';
import { disruptionCounts } from './disruption-budget.ts';
import { testCluster, webDeployment, type TestCluster } from './testing/test-cluster.ts';

let cluster: TestCluster;
beforeEach(async () => (cluster = await testCluster()));
afterEach(() => cluster.close());

test('a budget counts what may be lost, and follows the pods', async () => {
  const { client, informers, until, node } = cluster;
  await client.create(resources.podDisruptionBudgets, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace: 'default' },
    spec: { minAvailable: '50%', selector: { matchLabels: { app: 'web' } } },
  });
  await client.create(resources.deployments, webDeployment('web', 3));
  const counts = (budget: KubeObject | undefined): string => {
    const status = (budget?.['status'] ?? {}) as Record<string, number>;
    const names = ['currentHealthy', 'desiredHealthy', 'disruptionsAllowed', 'expectedPods'];
    return names.map((name) => status[name] ?? 0).join();
  };
  const budgets = informers.of(resources.podDisruptionBudgets);
  await until(budgets, ([budget]) => counts(budget) === '3,2,1,3');
  const [pod] = informers.pods.list();
  if (pod !== undefined) await node.setReady(pod, false);
  await until(budgets, ([budget]) => counts(budget) === '2,2,0,3');
});

test('budgets by number and by what may be missing', () => {
  assert.deepEqual(disruptionCounts({ maxUnavailable: 1 }, [], 4), {
    currentHealthy: 0,
    desiredHealthy: 3,
    expectedPods: 4,
    disruptionsAllowed: 0,
  });
  assert.equal(disruptionCounts({ maxUnavailable: '30%' }, [], 4).desiredHealthy, 2);
  assert.equal(disruptionCounts({ minAvailable: 2 }, [], 4).desiredHealthy, 2);
});

test('an autoscaled deployment is kept within its bounds, and the status says that nothing is measured', async () => {
  const { client, informers, until } = cluster;
  await client.create(resources.deployments, webDeployment('web', 1));
  await client.create(resources.horizontalPodAutoscalers, {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 2,
      maxReplicas: 4,
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
        },
      ],
    },
  });
  await until(informers.deployments, ([web]) => web?.status?.availableReplicas === 2);
  const [autoscaler] = await until(informers.of(resources.horizontalPodAutoscalers), ([each]) => {
    const status = (each?.['status'] ?? {}) as { currentReplicas?: number; desiredReplicas?: number };
    return status.currentReplicas === 2 && status.desiredReplicas === 2;
  });
  const { conditions } = (autoscaler as KubeObject)['status'] as { conditions: Condition[] };
  assert.deepEqual(
    conditions.map(({ type, status }) => [type, status]),
    [
      ['AbleToScale', 'True'],
      ['ScalingActive', 'False'],
    ],
  );
  await client.patch(resources.deployments, 'default', 'web', 'merge', { spec: { replicas: 9 } });
  await until(informers.deployments, ([web]) => web?.spec.replicas === 4);
});
