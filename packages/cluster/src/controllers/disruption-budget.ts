import {
  WorkQueue,
  controllerOf,
  isPodFinished,
  isPodReady,
  isStatus,
  labelMatcher,
  resources,
  type Condition,
  type IntOrString,
  type KubeObject,
  type LabelSelector,
  type Pod,
} from '@lateen/kube';
import { apiTime, queueKey, splitQueueKey, type Controller, type ControllerContext } from './controller.ts';

interface PodDisruptionBudget extends KubeObject {
  spec: { selector?: LabelSelector; minAvailable?: IntOrString; maxUnavailable?: IntOrString };
  status?: DisruptionCounts & { observedGeneration?: number; conditions?: Condition[] };
}

interface DisruptionCounts {
  readonly currentHealthy: number;
  readonly desiredHealthy: number;
  readonly expectedPods: number;
  readonly disruptionsAllowed: number;
}

const resource = resources.podDisruptionBudgets;

/** Counts how many pods of each budget may be evicted; evictions are granted by it. */
export function disruptionBudgetController(context: ControllerContext): Controller {
  const { client, informers, clock, ready } = context;
  const logger = context.logger.scope('disruption-budget');
  const budgets = informers.of(resource);

  const sync = async (key: string): Promise<void> => {
    const [namespace, name] = splitQueueKey(key);
    const budget = budgets.get(namespace, name) as PodDisruptionBudget | undefined;
    if (budget === undefined) return;
    const matches = labelMatcher(budget.spec.selector);
    const pods = informers.pods
      .list(namespace)
      .filter((pod) => matches(pod.metadata.labels) && !isPodFinished(pod));
    const counts = disruptionCounts(budget.spec, pods, expectedPods(namespace, pods));
    const before = budget.status;
    const generation = budget.metadata.generation ?? 0;
    const same =
      before?.observedGeneration === generation &&
      (Object.keys(counts) as (keyof DisruptionCounts)[]).every(
        (each) => (before[each] ?? 0) === counts[each],
      );
    if (same) return;
    const allowed = counts.disruptionsAllowed > 0;
    const old = before?.conditions?.find(({ type }) => type === 'DisruptionAllowed');
    const status = allowed ? 'True' : 'False';
    const condition: Condition = {
      type: 'DisruptionAllowed',
      status,
      reason: allowed ? 'SufficientPods' : 'InsufficientPods',
      message: '',
      observedGeneration: generation,
      lastTransitionTime:
        old?.status === status ? (old.lastTransitionTime ?? apiTime(clock)) : apiTime(clock),
    };
    const patch = { status: { ...counts, observedGeneration: generation, conditions: [condition] } };
    await client
      .patch(resource, namespace, name, 'merge', patch, { subresource: 'status' })
      .catch((error: unknown) => {
        if (!isStatus(error, 'NotFound')) throw error;
      });
  };

  /** How many pods there should be, by the sizes of the workloads that the pods belong to. */
  const expectedPods = (namespace: string, pods: readonly Pod[]): number => {
    const owners = new Map<string, number>();
    let single = 0;
    for (const pod of pods) {
      const owner = controllerOf(pod);
      const set = owner?.kind === 'ReplicaSet' ? informers.replicaSets.get(namespace, owner.name) : undefined;
      if (set === undefined) {
        single++;
        continue;
      }
      const above = controllerOf(set);
      const deployment =
        above?.kind === 'Deployment' ? informers.deployments.get(namespace, above.name) : undefined;
      const whole = deployment ?? set;
      owners.set(whole.metadata.uid ?? '', whole.spec.replicas ?? 1);
    }
    return [...owners.values()].reduce((sum, size) => sum + size, single);
  };

  const queue = new WorkQueue({ clock, logger, ready, work: sync, backoff: { baseMs: 50, maxMs: 5_000 } });
  const onChange = ({ object }: { readonly object: KubeObject }): void => {
    for (const budget of budgets.list(object.metadata.namespace)) queue.add(queueKey(budget));
  };
  const unsubscribe = [
    budgets.subscribe(({ object }) => queue.add(queueKey(object))),
    informers.pods.subscribe(onChange),
    informers.deployments.subscribe(onChange),
  ];
  return {
    async close() {
      for (const end of unsubscribe) end();
      await queue.close();
    },
  };
}

/** The counts of a budget; percentages are rounded up, so that they err on the side of more pods. */
export function disruptionCounts(
  spec: Pick<PodDisruptionBudget['spec'], 'minAvailable' | 'maxUnavailable'>,
  pods: readonly Pod[],
  expectedPods: number,
): DisruptionCounts {
  const currentHealthy = pods.filter(
    (pod) => isPodReady(pod) && pod.metadata.deletionTimestamp === undefined,
  ).length;
  // A number of pods that must be available is meant for as many pods as there are.
  const expected = typeof spec.minAvailable === 'number' ? pods.length : expectedPods;
  const desiredHealthy =
    spec.maxUnavailable === undefined
      ? share(spec.minAvailable ?? 1, expected)
      : Math.max(0, expected - share(spec.maxUnavailable, expected));
  return {
    currentHealthy,
    desiredHealthy,
    expectedPods: expected,
    disruptionsAllowed: expected === 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy),
  };
}

function share(amount: IntOrString, of: number): number {
  if (typeof amount === 'number') return amount;
  return amount.endsWith('%') ? Math.ceil((Number.parseFloat(amount) * of) / 100) : Number(amount);
}
