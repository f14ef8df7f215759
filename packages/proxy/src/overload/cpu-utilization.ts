import { readFileSync } from 'node:fs';
import type { Clock } from '@lateen/core';
import type { ControlGroup } from './control-group.ts';

/** How much a new look counts against those before, so that a short peak means little (Envoy). */
const newWeight = 0.05;

/** Work that was done, and what could have been, both since some time in the past and in one unit. */
interface Work {
  readonly done: number;
  readonly possible: number;
}

/** The work of the whole machine (proc(5), `/proc/stat`: user, nice, system and idle). */
export function hostWork(file = '/proc/stat'): Work {
  const line = /^cpu +(\d+) (\d+) (\d+) (\d+)/.exec(readFileSync(file, 'utf8'));
  if (line === null) throw new Error(`${file} does not begin with the times of all processors`);
  const [user = 0, nice = 0, system = 0, idle = 0] = line.slice(1).map(Number);
  const done = user + nice + system;
  return { done, possible: done + idle };
}

/** The work of a control group against what it may do. */
export function groupWork(group: ControlGroup, clock: Clock): () => Work {
  let lastMs = clock.monotonicMs();
  let possible = 0;
  return () => {
    const nowMs = clock.monotonicMs();
    possible += (nowMs - lastMs) * group.cpus();
    lastMs = nowMs;
    return { done: group.cpuMs(), possible };
  };
}

/** The share of the processors' time that is used, from 0 to 1, smoothed over the looks. */
export function cpuUtilization(look: () => Work): () => number {
  let before: Work | undefined;
  let smoothed = 0;
  return () => {
    const now = look();
    const last = before;
    before = now;
    // The first look is only where the next one begins.
    if (last === undefined || now.possible <= last.possible) return smoothed;
    const share = Math.min(1, Math.max(0, (now.done - last.done) / (now.possible - last.possible)));
    smoothed = newWeight * share + (1 - newWeight) * smoothed;
    return smoothed;
  };
}
