import { conditionOf, isPodReady, type Pod } from '@lateen/kube';

const phaseRank: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * Which pod to lose first when there are too many, as the ReplicaSet's reference page has it: unassigned,
 * pending, not ready, of lower `pod-deletion-cost`, ready more recently, restarted more often, created later.
 */
export function compareForDeletion(a: Pod, b: Pod): number {
  return (
    Number(a.spec.nodeName !== undefined) - Number(b.spec.nodeName !== undefined) ||
    (phaseRank[a.status?.phase ?? 'Pending'] ?? 0) - (phaseRank[b.status?.phase ?? 'Pending'] ?? 0) ||
    Number(isPodReady(a)) - Number(isPodReady(b)) ||
    deletionCost(a) - deletionCost(b) ||
    readySince(b) - readySince(a) ||
    restarts(b) - restarts(a) ||
    Date.parse(b.metadata.creationTimestamp ?? '') - Date.parse(a.metadata.creationTimestamp ?? '') ||
    0
  );
}

function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0);
  return Number.isSafeInteger(cost) ? cost : 0;
}

function readySince(pod: Pod): number {
  const since = conditionOf(pod, 'Ready')?.lastTransitionTime;
  return since === undefined || !isPodReady(pod) ? 0 : Date.parse(since);
}

function restarts(pod: Pod): number {
  let most = 0;
  for (const status of pod.status?.containerStatuses ?? []) most = Math.max(most, status.restartCount);
  return most;
}
