import { priorityLoads, type PriorityHealth } from '../decide/priority-load.ts';

/** A cluster of which only the health counts. */
interface Member {
  readonly health: readonly PriorityHealth[];
}

/** Who serves a request, and at which of its priorities; undefined: it chooses by itself. */
export interface ServingCluster<C> {
  readonly cluster: C;
  readonly priority: number | undefined;
}

/** Envoy's default; what the members' assignments say does not count across them. */
const overprovisioningPercent = 140;

/**
 * Lines the priorities of all members up, in their order, as if they were those of one cluster, and takes one
 * by their health: the next member is used as far as those before it fail.
 * Source: Envoy, "Aggregate cluster".
 */
export function chooseMember<C extends Member>(
  members: readonly { readonly cluster: C | undefined }[],
  panicThresholdPercent: number,
  draw: number,
): ServingCluster<C> | undefined {
  const levels: { readonly cluster: C; readonly priority: number; readonly health: PriorityHealth }[] = [];
  for (const { cluster } of members) {
    cluster?.health.forEach((health, priority) => levels.push({ cluster, priority, health }));
  }
  const loads = priorityLoads(
    levels.map(({ health }) => health),
    overprovisioningPercent,
    panicThresholdPercent,
  );
  let upTo = 0;
  for (const [i, { percent, degradedPercent }] of loads.entries()) {
    upTo += percent + degradedPercent;
    if (draw * 100 < upTo) return levels[i];
  }
  return levels.findLast((_, i) => (loads[i]?.percent ?? 0) > 0);
}
