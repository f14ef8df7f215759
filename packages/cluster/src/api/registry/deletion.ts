import type { KubeObject } from '@lateen/kube';
import { timeText } from './object-meta.ts';
import type { ResourceType } from './resource-type.ts';

/** `DeleteOptions` of the API. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

export type DeletionDecision =
  | { readonly kind: 'remove'; readonly object: KubeObject }
  /** It stays, marked, until grace is over and finalizers are gone. */
  | { readonly kind: 'mark'; readonly object: KubeObject };

/** Finalizers that the garbage collector takes off when dependents are dealt with. */
export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

/** Says what a wish to delete makes of an object; changes the object given. */
export function decideDeletion(
  type: ResourceType,
  object: KubeObject,
  options: DeleteOptions,
  nowMs: number,
): DeletionDecision {
  const { metadata } = object;
  const finalizers = finalizersAfter(metadata.finalizers ?? [], options.propagationPolicy);
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  const ownGrace = type.strategy.gracePeriodSeconds?.(object) ?? 0;
  let grace = Math.max(0, Math.min(options.gracePeriodSeconds ?? ownGrace, Number.MAX_SAFE_INTEGER));
  if (ownGrace === 0) grace = 0;
  const pending = metadata.deletionGracePeriodSeconds;
  if (metadata.deletionTimestamp !== undefined && pending !== undefined) grace = Math.min(grace, pending);
  const held = finalizers.length > 0 || type.strategy.holdsDeletion?.(object) === true;
  if (grace === 0 && !held) return { kind: 'remove', object };
  const first = metadata.deletionTimestamp === undefined;
  if (first || (pending !== undefined && grace < pending)) {
    metadata.deletionTimestamp = timeText(nowMs + grace * 1000);
    metadata.deletionGracePeriodSeconds = grace;
    if (first && metadata.generation !== undefined) metadata.generation++;
  }
  type.strategy.markDeleted?.(object);
  return { kind: 'mark', object };
}

function finalizersAfter(finalizers: readonly string[], policy: string | undefined): string[] {
  if (policy === undefined) return [...finalizers];
  const others = finalizers.filter((name) => name !== orphanFinalizer && name !== foregroundFinalizer);
  if (policy === 'Orphan') return [...others, orphanFinalizer];
  if (policy === 'Foreground') return [...others, foregroundFinalizer];
  return others;
}
