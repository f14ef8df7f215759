import type { Clock, Logger } from '@lateen/core';
import type { DataPlane } from '../data-plane.ts';

export interface ShutdownOptions {
  readonly dataPlane: Pick<DataPlane, 'startDraining' | 'drain' | 'activeConnections'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long new connections are still taken, until those who balance have heard that this one goes. */
  readonly lameDuckMs: number;
  /** How long connections may take to end, the time above included. */
  readonly drainMs: number;
}

/**
 * Brings traffic to an end: clients are told to leave, then nothing new is taken, then the rest is waited for.
 * Resolves as soon as no connection is left, at the latest after the drain time.
 */
export async function shutDown(options: ShutdownOptions): Promise<void> {
  const { dataPlane, clock, log, drainMs } = options;
  const lameDuckMs = Math.min(options.lameDuckMs, drainMs);
  log.info('draining', { connections: dataPlane.activeConnections, drainMs });
  dataPlane.startDraining();
  if (lameDuckMs > 0) await new Promise<void>((resolve) => void clock.after(lameDuckMs, resolve));
  const { activeConnections } = await dataPlane.drain(drainMs - lameDuckMs);
  if (activeConnections > 0) log.warn('drain time is over', { connections: activeConnections });
  else log.info('drained');
}
