import { slowStartFactor } from '../../decide/slow-start.ts';
import type { SlowStart } from '../../model/cluster.ts';
import type { Host } from '../host.ts';

/** True where all hosts weigh the same. */
export function weighAlike(hosts: readonly Host[]): boolean {
  return hosts.every((host) => host.weight === hosts[0]?.weight);
}

/** What a host weighs now, where new hosts start slowly. */
export function hostWeight(slowStart: SlowStart | undefined, nowMs: () => number): (host: Host) => number {
  if (slowStart === undefined || slowStart.windowMs <= 0) return (host) => host.weight;
  return (host) => host.weight * slowStartFactor(slowStart, nowMs() - host.availableSinceMs);
}
