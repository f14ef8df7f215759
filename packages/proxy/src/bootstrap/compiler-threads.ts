import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';
import type * as koffiModule from 'koffi';

/** SCHED_BATCH of sched(7). */
const batchPolicy = 3;

/**
 * Lets V8's threads, which compile, have the core as long as they need it, but not take it from the event loop when it wakes
 * them: the kernel would give them a turn of 4 ms at once, in the midst of a request. Their share of a core that is short is the
 * same. Does nothing where that cannot be said (another system than Linux, another C library).
 */
export function keepCompilerFromInterrupting(): void {
  if (process.platform !== 'linux') return;
  let setScheduler: (thread: number, policy: number, parameters: number[]) => number;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof koffiModule;
    setScheduler = koffi.load('libc.so.6').func('int sched_setscheduler(int, int, const int *)');
  } catch {
    return;
  }
  for (const thread of readdirSync('/proc/self/task')) {
    if (nameOf(thread) === 'node-V8Worker') setScheduler(Number(thread), batchPolicy, [0]);
  }
}

/** Undefined where the thread has ended meanwhile. */
function nameOf(thread: string): string | undefined {
  try {
    return readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}
