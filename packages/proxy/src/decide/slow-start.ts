import type { SlowStart } from '../model/cluster.ts';

/**
 * By what a host's weight is multiplied while it is new.
 * Source: Envoy, "Slow start mode": `max(minimum, (age / window) ^ (1 / aggression))`.
 */
export function slowStartFactor(slowStart: SlowStart, ageMs: number): number {
  const { windowMs, aggression, minWeightPercent } = slowStart;
  if (ageMs >= windowMs) return 1;
  const share = Math.max(1, ageMs) / windowMs;
  return Math.max(minWeightPercent / 100, aggression === 1 ? share : share ** (1 / aggression));
}
