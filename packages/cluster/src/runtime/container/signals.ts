import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { ExitStatus } from '../node-agent.ts';

/** The exit code that a status shows: 128 and the signal's number for a program that was killed. */
export function exitCodeOf(status: ExitStatus): number {
  if (status.kind === 'exited') return status.code;
  return 128 + (constants.signals[status.signal as NodeJS.Signals] ?? 0);
}

const terminationBit = 1n << BigInt(constants.signals.SIGTERM - 1);

/** What a program does about SIGTERM; `default` also where the program is gone. */
function terminationAction(pid: number): 'caught' | 'ignored' | 'default' {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return 'default';
  }
  const has = (set: string): boolean => {
    const mask = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0';
    return (BigInt(`0x${mask}`) & terminationBit) !== 0n;
  };
  return has('SigCgt') ? 'caught' : has('SigIgn') ? 'ignored' : 'default';
}

/**
 * Whether a program will do something when it is sent SIGTERM.
 *
 * The first process of a pid namespace that has no handler for it never hears of the signal: nothing
 * would happen until the grace period is over.
 */
export function hearsTermination(pid: number): boolean {
  return terminationAction(pid) === 'caught';
}

/**
 * Whether a program that was sent SIGTERM may still be about to end. Programs whose handler takes itself
 * away and raises the signal again (node without a handler of its own is one) wait for a death that the
 * kernel denies to the first process of a namespace.
 */
export function mayStillEnd(pid: number): boolean {
  return terminationAction(pid) !== 'default';
}
