import { messageOf } from '@lateen/core';
import {
  WorkQueue,
  conditionOf,
  controllerOf,
  isPodFinished,
  isPodReady,
  isStatus,
  labelMatcher,
  resources,
  type Change,
  type Condition,
  type Pod,
  type ReplicaSet,
  type WorkResult,
} from '@lateen/kube';
import { claim } from '../claim.ts';
import { apiTime, queueKey, splitQueueKey, type Controller, type ControllerContext } from '../controller.ts';
import { sameValue } from '../deep-equal.ts';
import { compareForDeletion } from './deletion-order.ts';
import { Expectations } from './expectations.ts';
import { podFromTemplate } from './pod-from-template.ts';

/** How many pods one round creates or deletes at most. */
const maxBurst = 500;

/** How soon after the cluster changed a set that was refused its pods tries again: the network takes that long. */
const retryAfterChangeMs = 15;

/** Keeps as many pods of each ReplicaSet as it asks for. */
export function replicaSetController(context: ControllerContext): Controller {
  const { client, informers, clock, ready } = context;
  const logger = context.logger.scope('replicaset');
  const events = context.events('replicaset-controller');
  const expectations = new Expectations(clock);
  // Sets whose last pod was refused, most often since a webhook that must be asked is not up yet.
  const refused = new Set<string>();

  const sync = async (key: string): Promise<WorkResult | void> => {
    const [namespace, name] = splitQueueKey(key);
    const set = informers.replicaSets.get(namespace, name);
    if (set === undefined) {
      expectations.forget(key);
      refused.delete(key);
      return;
    }
    const seenAll = expectations.areMet(key);
    const pods = await claim({
      client,
      owner: set,
      ownerResource: resources.replicaSets,
      resource: resources.pods,
      matches: labelMatcher(set.spec.selector),
      candidates: informers.pods.list(namespace).filter((pod) => !isPodFinished(pod)),
    });
    const active = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
    let failure: unknown;
    if (seenAll && set.metadata.deletionTimestamp === undefined) {
      failure = await manage(key, set, active);
    }
    if (failure === undefined) refused.delete(key);
    else refused.add(key);
    const result = await updateStatus(set, active, failure);
    if (failure !== undefined) throw failure;
    return result;
  };

  /** Creates what is missing, deletes what is too many; returns the first failure. */
  const manage = async (key: string, set: ReplicaSet, active: readonly Pod[]): Promise<unknown> => {
    const missing = (set.spec.replicas ?? 1) - active.length;
    if (missing > 0) return createPods(key, set, Math.min(missing, maxBurst));
    if (missing === 0) return undefined;
    const surplus = [...active].sort(compareForDeletion).slice(0, Math.min(-missing, maxBurst));
    const results = await Promise.all(surplus.map((pod) => deletePod(key, set, pod)));
    return results.find((failure) => failure !== undefined);
  };

  /** In batches of 1, 2, 4, …: where the first is refused (a quota, a webhook), the rest is not tried. */
  const createPods = async (key: string, set: ReplicaSet, count: number): Promise<unknown> => {
    for (let done = 0, batch = 1; done < count; done += batch, batch *= 2) {
      const size = Math.min(batch, count - done);
      const results = await Promise.all(Array.from({ length: size }, () => createPod(key, set)));
      const failure = results.find((result) => result !== undefined);
      if (failure !== undefined) return failure;
    }
    return undefined;
  };

  const createPod = async (key: string, set: ReplicaSet): Promise<unknown> => {
    const pod = podFromTemplate(resources.replicaSets, set, set.spec.template ?? {});
    const what = `create ${pod.metadata.name}`;
    expectations.expect(key, what);
    try {
      await client.create(resources.pods, pod);
      events.record(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
      return undefined;
    } catch (error) {
      expectations.met(key, what);
      if (informers.namespaces.get(undefined, set.metadata.namespace ?? '')?.metadata.deletionTimestamp) {
        return undefined;
      }
      events.record(set, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
      return error;
    }
  };

  const deletePod = async (key: string, set: ReplicaSet, pod: Pod): Promise<unknown> => {
    const { name, namespace, uid } = pod.metadata;
    const what = `delete ${name}`;
    expectations.expect(key, what);
    try {
      await client.delete(resources.pods, namespace, name, uid === undefined ? {} : { uid });
      events.record(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
      return undefined;
    } catch (error) {
      expectations.met(key, what);
      if (isStatus(error, 'NotFound')) return undefined;
      events.record(set, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
      return error;
    }
  };

  const updateStatus = async (
    set: ReplicaSet,
    active: readonly Pod[],
    failure: unknown,
  ): Promise<WorkResult | undefined> => {
    const templateMatches = labelMatcher({ matchLabels: set.spec.template?.metadata?.labels ?? {} });
    const ready = active.filter(isPodReady);
    const minReadyMs = (set.spec.minReadySeconds ?? 0) * 1000;
    const waits = ready.map((pod) => untilAvailableMs(pod, minReadyMs, clock.now()));
    const status: NonNullable<ReplicaSet['status']> = {
      replicas: active.length,
      fullyLabeledReplicas: active.filter((pod) => templateMatches(pod.metadata.labels)).length,
      readyReplicas: ready.length,
      availableReplicas: waits.filter((waitMs) => waitMs <= 0).length,
      observedGeneration: set.metadata.generation ?? 0,
      conditions: failureConditions(set, failure),
    };
    if (!sameValue(withoutZeros(status), withoutZeros(set.status ?? {}))) {
      try {
        await client.updateStatus<ReplicaSet>(resources.replicaSets, { ...set, status });
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error;
      }
    }
    const nextMs = Math.min(...waits.filter((waitMs) => waitMs > 0));
    return Number.isFinite(nextMs) ? { againMs: nextMs } : undefined;
  };

  const failureConditions = (set: ReplicaSet, failure: unknown): Condition[] => {
    const others = (set.status?.conditions ?? []).filter(({ type }) => type !== 'ReplicaFailure');
    if (failure === undefined) return others;
    // One that says the same stays as it is, even with other words: its change would wake this controller, and
    // messages may differ each time, by a pod's name.
    const before = set.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
    if (before?.status === 'True' && before.reason === 'FailedCreate') return [...others, before];
    return [
      ...others,
      {
        type: 'ReplicaFailure',
        status: 'True',
        reason: 'FailedCreate',
        message: messageOf(failure),
        lastTransitionTime: apiTime(clock),
      },
    ];
  };

  const queue = new WorkQueue({ clock, logger, ready, work: sync, backoff: { baseMs: 10, maxMs: 1_000 } });

  const onPod = (change: Change<Pod>): void => {
    const pod = change.object;
    const owner = controllerOf(pod);
    const namespace = pod.metadata.namespace ?? '';
    if (owner?.kind === 'ReplicaSet') {
      const key = `${namespace}/${owner.name}`;
      if (change.type === 'deleted' || pod.metadata.deletionTimestamp !== undefined) {
        expectations.met(key, `delete ${pod.metadata.name}`);
      }
      expectations.met(key, `create ${pod.metadata.name}`);
      queue.add(key);
    } else if (owner === undefined && change.type !== 'deleted' && pod.metadata.labels !== undefined) {
      for (const set of informers.replicaSets.list(namespace)) {
        if (labelMatcher(set.spec.selector)(pod.metadata.labels)) queue.add(queueKey(set));
      }
    }
    if (change.type === 'changed') {
      const before = controllerOf(change.previous);
      if (before?.kind === 'ReplicaSet' && before.uid !== owner?.uid)
        queue.add(`${namespace}/${before.name}`);
    }
  };

  const retryRefused = (): void => {
    for (const key of refused) queue.addAfter(key, retryAfterChangeMs);
  };
  const unsubscribe = [
    // What keeps pods from being created goes away when a webhook gets endpoints, or is taken away itself.
    informers.endpointSlices.subscribe(retryRefused),
    informers.of(resources.mutatingWebhookConfigurations).subscribe(retryRefused),
    informers.of(resources.validatingWebhookConfigurations).subscribe(retryRefused),
    informers.replicaSets.subscribe(({ object }) => queue.add(queueKey(object))),
    informers.pods.subscribe(onPod),
  ];
  return {
    async close() {
      for (const end of unsubscribe) end();
      await queue.close();
      await events.flush();
    },
  };
}

/** How long until a ready pod has been ready for `minReadyMs`; 0 or less where it has. */
function untilAvailableMs(pod: Pod, minReadyMs: number, nowMs: number): number {
  if (minReadyMs === 0) return 0;
  const since = conditionOf(pod, 'Ready')?.lastTransitionTime;
  return since === undefined ? minReadyMs : Date.parse(since) + minReadyMs - nowMs;
}

/** The server leaves counts of zero out of what it stores. */
function withoutZeros(status: object): object {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0));
}
