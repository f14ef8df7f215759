import type { Clock } from '@lateen/core';
import type { LifecycleHandler } from '@lateen/kube';
import type { ProbeTarget } from '../probe/probe-target.ts';
import type { ContainerRun } from './container-run.ts';
import { runHook } from './lifecycle-hook.ts';
import { hearsTermination, mayStillEnd } from './signals.ts';

export interface EndOptions {
  /** For the hook and the program together; with 0 it is killed at once. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly preStop: LifecycleHandler | undefined;
  readonly target: ProbeTarget;
  readonly onHookFailure: (message: string) => void;
}

/** How often a program that was sent SIGTERM is looked at. */
const deafCheckMs = 50;

/** Ends a run: its `preStop`, SIGTERM, and SIGKILL when its time is over or when it cannot hear anything else. */
export async function endRun(run: ContainerRun, options: EndOptions): Promise<void> {
  const { graceMs, clock, preStop } = options;
  const { process } = run;
  const killer = clock.after(graceMs, () => process.kill('SIGKILL'));
  if (preStop !== undefined && graceMs > 0) {
    const outcome = await Promise.race([
      runHook(preStop, options.target, graceMs),
      process.exited.then(() => ({ ok: true }) as const),
    ]);
    if (!outcome.ok) options.onHookFailure(outcome.message);
  }
  // Nobody would hear the signal, and the wait would only waste the user's time.
  process.kill(graceMs > 0 && hearsTermination(process.pid) ? 'SIGTERM' : 'SIGKILL');
  const observer = clock.every(deafCheckMs, () => {
    if (!mayStillEnd(process.pid)) process.kill('SIGKILL');
  });
  await process.exited;
  observer.cancel();
  killer.cancel();
}
