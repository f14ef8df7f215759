import {
  WorkQueue,
  isStatus,
  resources,
  type Condition,
  type Deployment,
  type KubeObject,
  type ReplicaSet,
} from '@lateen/kube';
import { apiTime, queueKey, splitQueueKey, type Controller, type ControllerContext } from './controller.ts';
import { sameValue } from './deep-equal.ts';

interface HorizontalPodAutoscaler extends KubeObject {
  spec: {
    scaleTargetRef: { apiVersion?: string; kind: string; name: string };
    minReplicas?: number;
    maxReplicas: number;
  };
  status?: {
    observedGeneration?: number;
    currentReplicas?: number;
    desiredReplicas?: number;
    conditions?: Condition[];
  };
}

const resource = resources.horizontalPodAutoscalers;

/**
 * Keeps autoscaled workloads between their smallest and largest size. Nothing measures load in this cluster, so
 * between the two they stay as they are, and the status says why.
 */
export function horizontalAutoscalerController(context: ControllerContext): Controller {
  const { client, informers, clock, ready } = context;
  const logger = context.logger.scope('horizontal-autoscaler');
  const events = context.events('horizontal-pod-autoscaler');
  const autoscalers = informers.of(resource);

  const sync = async (key: string): Promise<void> => {
    const [namespace, name] = splitQueueKey(key);
    const autoscaler = autoscalers.get(namespace, name) as HorizontalPodAutoscaler | undefined;
    if (autoscaler === undefined) return;
    const { kind, name: targetName } = autoscaler.spec.scaleTargetRef;
    const target = findTarget(namespace, kind, targetName);
    if (target === undefined) {
      const message = `the HPA controller was unable to get the target's current scale: ${kind} "${targetName}" not found`;
      await writeStatus(autoscaler, 0, 0, [condition('AbleToScale', 'False', 'FailedGetScale', message)]);
      return;
    }
    const current = target.spec.replicas ?? 1;
    const bounded = Math.min(
      Math.max(current, autoscaler.spec.minReplicas ?? 1),
      autoscaler.spec.maxReplicas,
    );
    // Scaled to nothing by hand means switched off.
    const desired = current === 0 ? 0 : bounded;
    if (desired !== current) await scale(autoscaler, target, desired);
    const able = condition(
      'AbleToScale',
      'True',
      'SucceededGetScale',
      "the HPA controller was able to get the target's current scale",
    );
    const active =
      current === 0
        ? condition(
            'ScalingActive',
            'False',
            'ScalingDisabled',
            'scaling is disabled since the replica count of the target is zero',
          )
        : condition(
            'ScalingActive',
            'False',
            'FailedGetResourceMetric',
            'the HPA was unable to compute the replica count: this cluster measures no resources',
          );
    await writeStatus(autoscaler, current, desired, [able, active]);
  };

  const findTarget = (namespace: string, kind: string, name: string): Deployment | ReplicaSet | undefined => {
    if (kind === 'Deployment') return informers.deployments.get(namespace, name);
    return kind === 'ReplicaSet' ? informers.replicaSets.get(namespace, name) : undefined;
  };

  const scale = async (
    autoscaler: HorizontalPodAutoscaler,
    target: Deployment | ReplicaSet,
    replicas: number,
  ): Promise<void> => {
    const targetResource = target.kind === 'Deployment' ? resources.deployments : resources.replicaSets;
    const { namespace, name } = target.metadata;
    const patch = { spec: { replicas } };
    await client.patch(targetResource, namespace, name, 'merge', patch, { subresource: 'scale' });
    const reason =
      replicas > (target.spec.replicas ?? 1)
        ? 'Current number of replicas below Spec.MinReplicas'
        : 'Current number of replicas above Spec.MaxReplicas';
    events.record(autoscaler, 'Normal', 'SuccessfulRescale', `New size: ${replicas}; reason: ${reason}`);
  };

  const condition = (type: string, status: 'True' | 'False', reason: string, message: string): Condition => ({
    type,
    status,
    reason,
    message,
  });

  const writeStatus = async (
    autoscaler: HorizontalPodAutoscaler,
    currentReplicas: number,
    desiredReplicas: number,
    wanted: readonly Condition[],
  ): Promise<void> => {
    const before = autoscaler.status ?? {};
    const conditions = wanted.map((each) => {
      const old = before.conditions?.find(({ type }) => type === each.type);
      const lastTransitionTime = old?.status === each.status ? old.lastTransitionTime : undefined;
      return { ...each, lastTransitionTime: lastTransitionTime ?? apiTime(clock) };
    });
    const counts = { currentReplicas, desiredReplicas, conditions };
    const { currentReplicas: oldCurrent = 0, desiredReplicas: oldDesired = 0 } = before;
    const unchanged =
      oldCurrent === currentReplicas &&
      oldDesired === desiredReplicas &&
      sameValue(before.conditions, conditions);
    if (unchanged) return;
    const { namespace, name } = autoscaler.metadata;
    const status = { ...counts, observedGeneration: autoscaler.metadata.generation ?? 0 };
    await client
      .patch(resource, namespace, name, 'merge', { status }, { subresource: 'status' })
      .catch((error: unknown) => {
        if (!isStatus(error, 'NotFound')) throw error;
      });
  };

  const queue = new WorkQueue({ clock, logger, ready, work: sync, backoff: { baseMs: 50, maxMs: 15_000 } });
  const onTarget = ({ object }: { readonly object: KubeObject }): void => {
    for (const each of autoscalers.list(object.metadata.namespace) as HorizontalPodAutoscaler[]) {
      const { kind, name } = each.spec.scaleTargetRef;
      if (kind === object.kind && name === object.metadata.name) queue.add(queueKey(each));
    }
  };
  const unsubscribe = [
    autoscalers.subscribe(({ object }) => queue.add(queueKey(object))),
    informers.deployments.subscribe(onTarget),
    informers.replicaSets.subscribe(onTarget),
  ];
  return {
    async close() {
      for (const end of unsubscribe) end();
      await queue.close();
      await events.flush();
    },
  };
}
