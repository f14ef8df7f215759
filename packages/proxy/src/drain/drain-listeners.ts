import type { Clock } from '@lateen/core';
import type { DataPlane } from '../data-plane.ts';
import type { ListenerChoice } from '../model/index.ts';

/** How listeners are to be drained (Envoy, `/drain_listeners`). */
export interface DrainRequest {
  readonly only: ListenerChoice;
  /** `now`: listening ends at once. `close`: it ends when the drain time is over. `stay`: it goes on. */
  readonly afterwards: 'now' | 'close' | 'stay';
}

/** Lets go of listeners, at once or when the drain time is over; in it answers end their connections, either way. */
export function drainListeners(
  dataPlane: Pick<DataPlane, 'startDraining' | 'stopAccepting'>,
  clock: Clock,
  drainTimeMs: number,
  { only, afterwards }: DrainRequest,
): void {
  dataPlane.startDraining(only);
  if (afterwards === 'now') void dataPlane.stopAccepting(only);
  if (afterwards === 'close') clock.after(drainTimeMs, () => void dataPlane.stopAccepting(only));
}
