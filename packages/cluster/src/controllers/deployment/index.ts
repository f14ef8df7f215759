import {
  WorkQueue,
  controllerOf,
  isPodFinished,
  isStatus,
  labelMatcher,
  resources,
  type Deployment,
  type ReplicaSet,
  type WorkResult,
} from '@lateen/kube';
import { claim } from '../claim.ts';
import { queueKey, splitQueueKey, type Controller, type ControllerContext } from '../controller.ts';
import { sameValue } from '../deep-equal.ts';
import {
  newRevision,
  revisionAnnotation,
  revisionAnnotations,
  revisionOf,
  sizeAnnotations,
  sortRevisions,
  type RevisionSets,
} from './revision.ts';
import {
  firstSize,
  isScaling,
  planRollingUpdate,
  planScaling,
  rolloutBounds,
  sizeOf,
  type Resize,
} from './rollout-plan.ts';
import { rolloutStatus, type RolloutNews } from './rollout-status.ts';

/** Rolls Deployments out: one ReplicaSet a revision, moved from one to the next within the strategy's bounds. */
export function deploymentController(context: ControllerContext): Controller {
  const { client, informers, clock, ready } = context;
  const logger = context.logger.scope('deployment');
  const events = context.events('deployment-controller');

  const sync = async (key: string): Promise<WorkResult | void> => {
    const [namespace, name] = splitQueueKey(key);
    const deployment = informers.deployments.get(namespace, name);
    if (deployment === undefined) return;
    const owned = await claim<ReplicaSet>({
      client,
      owner: deployment,
      ownerResource: resources.deployments,
      resource: resources.replicaSets,
      matches: labelMatcher(deployment.spec.selector),
      candidates: informers.replicaSets.list(namespace),
    });
    let sets = sortRevisions(deployment, owned);
    if (deployment.metadata.deletionTimestamp !== undefined) return writeStatus(deployment, sets, undefined);

    let news: RolloutNews | undefined = pauseNews(deployment);
    if (deployment.spec.paused === true || isScaling(deployment, sets)) {
      sets = await resize(deployment, sets, planScaling(deployment, sets));
      sets = await annotateSize(deployment, sets);
    } else if (deployment.spec.strategy?.type === 'Recreate') {
      [sets, news] = await recreate(deployment, sets, news);
    } else {
      [sets, news] = await rollOut(deployment, sets, news);
    }
    if (deployment.spec.paused !== true) await cleanUp(deployment, sets);
    return writeStatus(deployment, sets, news);
  };

  type Outcome = [RevisionSets, RolloutNews | undefined];

  const rollOut = async (
    deployment: Deployment,
    before: RevisionSets,
    news: RolloutNews | undefined,
  ): Promise<Outcome> => {
    const [sets, ensured] = await ensureCurrent(deployment, before);
    if (sets.current === undefined) return [sets, news];
    const plan = planRollingUpdate(sets.current, sets.old, rolloutBounds(deployment));
    return [await resize(deployment, sets, plan), ensured ?? news];
  };

  const recreate = async (
    deployment: Deployment,
    before: RevisionSets,
    news: RolloutNews | undefined,
  ): Promise<Outcome> => {
    const shrink = before.old.filter((set) => sizeOf(set) > 0).map((set) => ({ set, replicas: 0 }));
    if (shrink.length > 0) return [await resize(deployment, before, shrink), news];
    const oldUids = new Set(before.old.map((set) => set.metadata.uid ?? ''));
    const stillRunning = [...oldUids].some((uid) =>
      informers.pods.byIndex('owner', uid).some((pod) => !isPodFinished(pod)),
    );
    if (stillRunning) return [before, news];
    const [sets, ensured] = await ensureCurrent(deployment, before);
    if (sets.current === undefined) return [sets, news];
    const desired = deployment.spec.replicas ?? 1;
    const grow = sizeOf(sets.current) === desired ? [] : [{ set: sets.current, replicas: desired }];
    return [await resize(deployment, sets, grow), ensured ?? news];
  };

  /** Makes sure that there is a set of the present template, and that it bears the highest revision. */
  const ensureCurrent = async (deployment: Deployment, sets: RevisionSets): Promise<Outcome> => {
    const maxOld = Math.max(0, ...sets.old.map(revisionOf));
    const bounds = rolloutBounds(deployment);
    const maxReplicas = bounds.desired + bounds.maxSurge;
    let news: RolloutNews | undefined;
    let current = sets.current;
    if (current === undefined) {
      const size = firstSize(deployment, sets);
      current = await createRevision(deployment, newRevision(deployment, size, maxReplicas, maxOld + 1));
      if (current === undefined) return [sets, undefined];
      const message = `Created new replica set "${current.metadata.name}"`;
      news = { status: 'True', reason: 'NewReplicaSetCreated', message };
    } else {
      const revision = Math.max(revisionOf(current), maxOld + 1);
      const annotations = revisionAnnotations(deployment, maxReplicas, revision);
      const isRollback = revision !== revisionOf(current);
      const differs = Object.entries(annotations).some(
        ([name, value]) => current?.metadata.annotations?.[name] !== value,
      );
      const minReadySeconds = deployment.spec.minReadySeconds ?? 0;
      if (differs || (current.spec.minReadySeconds ?? 0) !== minReadySeconds) {
        current = await patchSet(current, { metadata: { annotations }, spec: { minReadySeconds } });
      }
      if (isRollback) {
        const message = `Found new replica set "${current.metadata.name}"`;
        news = { status: 'True', reason: 'FoundNewReplicaSet', message };
      }
    }
    const revision = current.metadata.annotations?.[revisionAnnotation];
    if (revision !== undefined && deployment.metadata.annotations?.[revisionAnnotation] !== revision) {
      await client.patch(
        resources.deployments,
        deployment.metadata.namespace,
        deployment.metadata.name,
        'merge',
        { metadata: { annotations: { [revisionAnnotation]: revision } } },
      );
    }
    return [{ current, old: sets.old.filter((set) => set.metadata.uid !== current.metadata.uid) }, news];
  };

  const createRevision = async (
    deployment: Deployment,
    wanted: ReplicaSet,
  ): Promise<ReplicaSet | undefined> => {
    try {
      const created = await client.create<ReplicaSet>(resources.replicaSets, wanted);
      noteScaling(deployment, created, 0, sizeOf(created));
      return created;
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
    }
    const { namespace, name } = wanted.metadata;
    const present = await client.get<ReplicaSet>(resources.replicaSets, namespace, name);
    if (controllerOf(present)?.uid === deployment.metadata.uid) return present;
    // The name is taken by a set of somebody else: the count goes into the next hash.
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    await client.updateStatus<Deployment>(resources.deployments, {
      ...deployment,
      status: { ...deployment.status, collisionCount },
    });
    return undefined;
  };

  const resize = async (
    deployment: Deployment,
    sets: RevisionSets,
    plan: readonly Resize[],
  ): Promise<RevisionSets> => {
    if (plan.length === 0) return sets;
    const { desired, maxSurge } = rolloutBounds(deployment);
    const annotations = sizeAnnotations(desired, desired + maxSurge);
    const changed = new Map<ReplicaSet, ReplicaSet>();
    for (const { set, replicas } of plan) {
      changed.set(set, await patchSet(set, { metadata: { annotations }, spec: { replicas } }));
      noteScaling(deployment, set, sizeOf(set), replicas);
    }
    return replaced(sets, changed);
  };

  /** After scaling, every active set bears the new size; else the scaling would not be seen to be over. */
  const annotateSize = async (deployment: Deployment, sets: RevisionSets): Promise<RevisionSets> => {
    const { desired, maxSurge } = rolloutBounds(deployment);
    const annotations = sizeAnnotations(desired, desired + maxSurge);
    const changed = new Map<ReplicaSet, ReplicaSet>();
    for (const set of sets.current === undefined ? sets.old : [...sets.old, sets.current]) {
      const differs = Object.entries(annotations).some(
        ([name, value]) => set.metadata.annotations?.[name] !== value,
      );
      if (sizeOf(set) > 0 && differs) changed.set(set, await patchSet(set, { metadata: { annotations } }));
    }
    return replaced(sets, changed);
  };

  const patchSet = (set: ReplicaSet, patch: Record<string, object>): Promise<ReplicaSet> => {
    const { namespace, name, resourceVersion } = set.metadata;
    const metadata = { ...patch['metadata'], resourceVersion };
    return client.patch<ReplicaSet>(resources.replicaSets, namespace, name, 'merge', { ...patch, metadata });
  };

  const noteScaling = (deployment: Deployment, set: ReplicaSet, from: number, to: number): void => {
    if (from === to) return;
    const direction = to > from ? 'up' : 'down';
    const text = `Scaled ${direction} replica set ${set.metadata.name} from ${from} to ${to}`;
    events.record(deployment, 'Normal', 'ScalingReplicaSet', text);
  };

  /** Deletes empty old sets beyond the history that is kept. */
  const cleanUp = async (deployment: Deployment, sets: RevisionSets): Promise<void> => {
    const empty = sets.old.filter(
      (set) =>
        sizeOf(set) === 0 &&
        (set.status?.replicas ?? 0) === 0 &&
        (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0) &&
        set.metadata.deletionTimestamp === undefined,
    );
    const surplus = empty.length - (deployment.spec.revisionHistoryLimit ?? 10);
    if (surplus <= 0) return;
    const byRevision = [...empty].sort((a, b) => revisionOf(a) - revisionOf(b));
    for (const { metadata } of byRevision.slice(0, surplus)) {
      await client
        .delete(resources.replicaSets, metadata.namespace, metadata.name)
        .catch((error: unknown) => {
          if (!isStatus(error, 'NotFound')) throw error;
        });
    }
  };

  const writeStatus = async (
    deployment: Deployment,
    sets: RevisionSets,
    news: RolloutNews | undefined,
  ): Promise<WorkResult | void> => {
    const { status, againMs } = rolloutStatus({ deployment, sets, news, nowMs: clock.now() });
    if (!sameValue(status, { ...zeroCounts, ...deployment.status })) {
      try {
        // A patch, since this very sync may have written the revision into the object.
        const { namespace, name, uid } = deployment.metadata;
        const patch = { metadata: { uid }, status };
        await client.patch(resources.deployments, namespace, name, 'merge', patch, { subresource: 'status' });
      } catch (error) {
        if (!isStatus(error, 'NotFound')) throw error;
      }
    }
    return againMs === undefined ? undefined : { againMs: againMs + 1000 };
  };

  const queue = new WorkQueue({ clock, logger, ready, work: sync, backoff: { baseMs: 5, maxMs: 5_000 } });
  const unsubscribe = [
    informers.deployments.subscribe(({ object }) => queue.add(queueKey(object))),
    informers.replicaSets.subscribe((change) => {
      const set = change.object;
      const owner = controllerOf(set);
      if (owner?.kind === 'Deployment') queue.add(`${set.metadata.namespace}/${owner.name}`);
      else if (owner === undefined && change.type !== 'deleted') {
        for (const deployment of informers.deployments.list(set.metadata.namespace)) {
          if (labelMatcher(deployment.spec.selector)(set.metadata.labels)) queue.add(queueKey(deployment));
        }
      }
    }),
    // Recreate waits for the last pod of the old sets.
    informers.pods.subscribe((change) => {
      const owner = controllerOf(change.object);
      if (change.type === 'added' || owner?.kind !== 'ReplicaSet') return;
      if (change.type === 'changed' && !isPodFinished(change.object)) return;
      const set = informers.replicaSets.get(change.object.metadata.namespace, owner.name);
      const deployment = set === undefined ? undefined : controllerOf(set);
      if (deployment?.kind === 'Deployment') queue.add(`${set?.metadata.namespace}/${deployment.name}`);
    }),
  ];
  return {
    async close() {
      for (const end of unsubscribe) end();
      await queue.close();
      await events.flush();
    },
  };
}

/** The server leaves counts of zero out of what it stores. */
const zeroCounts = {
  observedGeneration: 0,
  replicas: 0,
  updatedReplicas: 0,
  readyReplicas: 0,
  availableReplicas: 0,
  unavailableReplicas: 0,
};

function replaced(sets: RevisionSets, changed: ReadonlyMap<ReplicaSet, ReplicaSet>): RevisionSets {
  return {
    current: sets.current === undefined ? undefined : (changed.get(sets.current) ?? sets.current),
    old: sets.old.map((set) => changed.get(set) ?? set),
  };
}

function pauseNews(deployment: Deployment): RolloutNews | undefined {
  const progressing = deployment.status?.conditions?.find(({ type }) => type === 'Progressing');
  const wasPaused = progressing?.reason === 'DeploymentPaused';
  const isPaused = deployment.spec.paused === true;
  if (isPaused && !wasPaused) {
    return { status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' };
  }
  if (!isPaused && wasPaused) {
    return { status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' };
  }
  return undefined;
}
