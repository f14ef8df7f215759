import type { Deployment, IntOrString, ReplicaSet } from '@lateen/kube';
import { annotatedSize, compareByAge, type RevisionSets } from './revision.ts';

/** One set that is to have another size. */
export interface Resize {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

/** How far a rollout may leave the size that was asked for. */
export interface RolloutBounds {
  readonly desired: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/**
 * The bounds of a Deployment's rollout. Percentages of the surge are rounded up, of the unavailable down; where
 * both come out as 0, one pod may be unavailable, since nothing could move otherwise.
 */
export function rolloutBounds(deployment: Deployment): RolloutBounds {
  const desired = deployment.spec.replicas ?? 1;
  const { type, rollingUpdate } = deployment.spec.strategy ?? {};
  if (type === 'Recreate') return { desired, maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = portion(rollingUpdate?.maxSurge ?? '25%', desired, Math.ceil);
  const wanted = portion(rollingUpdate?.maxUnavailable ?? '25%', desired, Math.floor);
  const maxUnavailable = maxSurge === 0 && wanted === 0 ? 1 : Math.min(wanted, desired);
  return { desired, maxSurge, maxUnavailable };
}

function portion(amount: IntOrString, of: number, round: (value: number) => number): number {
  if (typeof amount === 'number') return amount;
  const percent = Number.parseFloat(amount);
  return amount.endsWith('%') ? round((percent * of) / 100) : Math.trunc(percent);
}

/** The size of the present set when it is created. */
export function firstSize(deployment: Deployment, sets: RevisionSets): number {
  const { desired, maxSurge } = rolloutBounds(deployment);
  if (deployment.spec.strategy?.type === 'Recreate') return desired;
  return Math.max(0, Math.min(desired, desired + maxSurge - totalSize(sets.old)));
}

/** The next step of a rolling update: first the present set grows, then, when that cannot go on, the old ones shrink. */
export function planRollingUpdate(
  current: ReplicaSet,
  old: readonly ReplicaSet[],
  bounds: RolloutBounds,
): Resize[] {
  const { desired, maxSurge } = bounds;
  const size = sizeOf(current);
  if (size > desired) return [{ set: current, replicas: desired }];
  const room = desired + maxSurge - size - totalSize(old);
  if (size < desired && room > 0) return [{ set: current, replicas: Math.min(desired, size + room) }];
  return planShrink(current, old, bounds);
}

/** Takes from the old sets what is not available anyway, then what is available above the least that must be. */
function planShrink(current: ReplicaSet, old: readonly ReplicaSet[], bounds: RolloutBounds): Resize[] {
  const minAvailable = bounds.desired - bounds.maxUnavailable;
  const newUnavailable = sizeOf(current) - availableOf(current);
  let mayGo = sizeOf(current) + totalSize(old) - minAvailable - newUnavailable;
  if (mayGo <= 0) return [];

  const sizes = new Map(old.map((set) => [set, sizeOf(set)]));
  for (const [set, size] of sizes) {
    const unhealthy = Math.min(mayGo, size - availableOf(set));
    if (unhealthy <= 0) continue;
    sizes.set(set, size - unhealthy);
    mayGo -= unhealthy;
  }
  let spare = availableOf(current) - minAvailable;
  for (const set of old) spare += availableOf(set);
  for (const [set, size] of sizes) {
    const gone = Math.min(spare, size);
    if (gone <= 0) continue;
    sizes.set(set, size - gone);
    spare -= gone;
  }
  return resizes(sizes);
}

/** True where the Deployment was given another size since its sets were last scaled. */
export function isScaling(deployment: Deployment, sets: RevisionSets): boolean {
  const desired = deployment.spec.replicas ?? 1;
  return activeSets(sets).some((set) => {
    const annotated = annotatedSize(set);
    return annotated !== undefined && annotated.desired !== desired;
  });
}

/** A new size while several revisions run is shared out among them in proportion, so that a rollout keeps its ratio. */
export function planScaling(deployment: Deployment, sets: RevisionSets): Resize[] {
  const bounds = rolloutBounds(deployment);
  const { desired } = bounds;
  const active = activeSets(sets);
  const only = active.length <= 1 ? (active[0] ?? sets.current ?? sets.old.at(-1)) : undefined;
  if (only !== undefined) return sizeOf(only) === desired ? [] : [{ set: only, replicas: desired }];
  if (sets.current !== undefined && isSaturated(sets.current, desired)) {
    return sets.old.filter((set) => sizeOf(set) > 0).map((set) => ({ set, replicas: 0 }));
  }
  if (deployment.spec.strategy?.type === 'Recreate') return [];
  return planProportional(active, bounds);
}

function planProportional(active: readonly ReplicaSet[], bounds: RolloutBounds): Resize[] {
  const allowed = bounds.desired > 0 ? bounds.desired + bounds.maxSurge : 0;
  const toAdd = allowed - totalSize(active);
  // Largest first; between equals the newer grows first and the older shrinks first.
  const order = [...active].sort(
    (a, b) => sizeOf(b) - sizeOf(a) || (toAdd > 0 ? compareByAge(b, a) : compareByAge(a, b)),
  );
  const sizes = new Map(order.map((set) => [set, sizeOf(set)]));
  let left = toAdd;
  for (const set of order) {
    const size = sizeOf(set);
    const share = Math.round((size * allowed) / (annotatedSize(set)?.max || allowed || 1)) - size;
    const change = toAdd > 0 ? Math.max(0, Math.min(share, left)) : Math.min(0, Math.max(share, left));
    sizes.set(set, size + change);
    left -= change;
  }
  const first = order[0];
  if (first !== undefined && left !== 0) sizes.set(first, Math.max(0, (sizes.get(first) ?? 0) + left));
  return resizes(sizes);
}

function resizes(sizes: ReadonlyMap<ReplicaSet, number>): Resize[] {
  return [...sizes]
    .filter(([set, replicas]) => replicas !== sizeOf(set))
    .map(([set, replicas]) => ({ set, replicas }));
}

function isSaturated(set: ReplicaSet, desired: number): boolean {
  return sizeOf(set) === desired && annotatedSize(set)?.desired === desired && availableOf(set) === desired;
}

function activeSets(sets: RevisionSets): ReplicaSet[] {
  const all = sets.current === undefined ? sets.old : [...sets.old, sets.current];
  return all.filter((set) => sizeOf(set) > 0);
}

export function sizeOf(set: ReplicaSet): number {
  return set.spec.replicas ?? 1;
}

export function totalSize(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + sizeOf(set), 0);
}

function availableOf(set: ReplicaSet): number {
  return set.status?.availableReplicas ?? 0;
}
