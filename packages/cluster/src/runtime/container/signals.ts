import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { ExitStatus } from '../node-agent.ts';

/** The exit code that a status shows: 128 and the signal's number for a program that was killed. */
export function exitCodeOf(status: ExitStatus): number {
  if (status.kind === 'exited') return status.code;
  return 128 + (constants.signals[status.signal as NodeJS.Signals] ?? 0);
}

/**
 * Whether a program does something about SIGTERM.
 *
 * The first process of a pid namespace that has no handler for it never hears of the signal: nothing
 * would happen until the grace period is over.
 */
export function handlesTermination(pid: number): boolean {
  try {
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
    return (BigInt(`0x${caught}`) & (1n << BigInt(constants.signals.SIGTERM - 1))) !== 0n;
  } catch {
    return false;
  }
}
