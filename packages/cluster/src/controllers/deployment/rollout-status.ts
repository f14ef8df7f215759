import type { Condition, Deployment, DeploymentStatus, ReplicaSet } from '@lateen/kube';
import type { RevisionSets } from './revision.ts';
import { rolloutBounds } from './rollout-plan.ts';

/** What a sync knows about a Deployment's sets when it writes the status. */
export interface RolloutFacts {
  readonly deployment: Deployment;
  readonly sets: RevisionSets;
  /** Set where this sync has made or found the present set, or has paused or resumed. */
  readonly news: RolloutNews | undefined;
  readonly nowMs: number;
}

export interface RolloutNews {
  readonly status: 'True' | 'Unknown';
  readonly reason: 'NewReplicaSetCreated' | 'FoundNewReplicaSet' | 'DeploymentPaused' | 'DeploymentResumed';
  readonly message: string;
}

/** The status of a Deployment, and when to look again whether it has missed its deadline. */
export function rolloutStatus(facts: RolloutFacts): {
  status: DeploymentStatus;
  againMs: number | undefined;
} {
  const { deployment, sets, nowMs } = facts;
  const all = sets.current === undefined ? sets.old : [...sets.old, sets.current];
  const sum = (
    field: 'replicas' | 'readyReplicas' | 'availableReplicas',
    of: readonly ReplicaSet[],
  ): number => of.reduce((total, set) => total + (set.status?.[field] ?? 0), 0);
  const before = deployment.status ?? {};
  const replicas = sum('replicas', all);
  const availableReplicas = sum('availableReplicas', all);
  const wanted = all.reduce((total, set) => total + (set.spec.replicas ?? 1), 0);
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas,
    updatedReplicas: sets.current?.status?.replicas ?? 0,
    readyReplicas: sum('readyReplicas', all),
    availableReplicas,
    unavailableReplicas: Math.max(0, wanted - availableReplicas),
    ...(before.collisionCount === undefined ? {} : { collisionCount: before.collisionCount }),
  };
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  let conditions = before.conditions ?? [];
  conditions = withCondition(conditions, availableCondition(deployment, availableReplicas), now);
  if (facts.news !== undefined)
    conditions = withCondition(conditions, { type: 'Progressing', ...facts.news }, now);
  const progress = progressOf(facts, counts, conditions);
  if (progress.condition !== undefined) {
    conditions = withCondition(conditions, progress.condition, now, progress.touches);
  }
  conditions = conditions.filter(({ type }) => type !== 'ReplicaFailure');
  const failure = all
    .flatMap((set) => set.status?.conditions ?? [])
    .find(({ type }) => type === 'ReplicaFailure');
  if (failure !== undefined) {
    const { status, reason, message } = failure;
    conditions = withCondition(
      conditions,
      { type: 'ReplicaFailure', status, reason: reason ?? '', message: message ?? '' },
      failure.lastTransitionTime ?? now,
    );
  }
  return { status: { ...counts, conditions }, againMs: progress.againMs };
}

interface NewCondition {
  readonly type: string;
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

/** Replaces a condition; one that says the same stays as it is, unless `touches`. */
function withCondition(
  conditions: readonly Condition[],
  next: NewCondition,
  now: string,
  touches = false,
): Condition[] {
  const before = conditions.find(({ type }) => type === next.type);
  const same = before?.status === next.status && before.reason === next.reason;
  const sameText = same && before.message === next.message;
  const condition: Condition = {
    ...next,
    lastUpdateTime: same && sameText && !touches ? (before.lastUpdateTime ?? now) : now,
    lastTransitionTime: before?.status === next.status ? (before.lastTransitionTime ?? now) : now,
  };
  return [...conditions.filter(({ type }) => type !== next.type), condition];
}

function availableCondition(deployment: Deployment, available: number): NewCondition {
  const { desired, maxUnavailable } = rolloutBounds(deployment);
  return available >= desired - maxUnavailable
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

interface Progress {
  readonly condition?: NewCondition;
  /** The rollout has moved: the deadline starts anew. */
  readonly touches?: boolean;
  readonly againMs?: number;
}

function progressOf(
  facts: RolloutFacts,
  counts: DeploymentStatus,
  conditions: readonly Condition[],
): Progress {
  const { deployment, sets } = facts;
  const deadlineMs = (deployment.spec.progressDeadlineSeconds ?? 600) * 1000;
  const current = conditions.find(({ type }) => type === 'Progressing');
  if (deployment.spec.paused === true) return {};
  const done = counts.replicas === counts.updatedReplicas && current?.reason === 'NewReplicaSetAvailable';
  if (done) return {};
  const name = sets.current?.metadata.name;
  const what = name === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${name}"`;
  if (isComplete(deployment, counts)) {
    const message = `${what} has successfully progressed.`;
    return {
      condition: { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message },
    };
  }
  if (hasMoved(deployment.status ?? {}, counts)) {
    const message = `${what} is progressing.`;
    return {
      condition: { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', message },
      touches: true,
      againMs: deadlineMs,
    };
  }
  if (current?.lastUpdateTime === undefined || current.reason === 'ProgressDeadlineExceeded') return {};
  const leftMs = Date.parse(current.lastUpdateTime) + deadlineMs - facts.nowMs;
  if (leftMs > 0) return { againMs: leftMs };
  const message = `${what} has timed out progressing.`;
  return {
    condition: { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message },
  };
}

function isComplete(deployment: Deployment, counts: DeploymentStatus): boolean {
  const desired = deployment.spec.replicas ?? 1;
  return (
    counts.updatedReplicas === desired && counts.replicas === desired && counts.availableReplicas === desired
  );
}

function hasMoved(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const { updatedReplicas: updatedBefore = 0, replicas: replicasBefore = 0 } = before;
  const { updatedReplicas: updatedAfter = 0, replicas: replicasAfter = 0 } = after;
  return (
    updatedAfter > updatedBefore ||
    replicasAfter - updatedAfter < replicasBefore - updatedBefore ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}
