import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, LateenError, sleep } from '@lateen/core';
import { libc } from '../linux/libc.ts';

const lockExclusiveNow = 2 | 4;

/** The right to run the cluster of a data directory; it ends with the process at the latest. */
export interface DataDirLock {
  release(): void;
}

/** A process that was killed has its files for a moment longer than its life, and looks alive until then. */
const aliveForMs = 300;
const dyingForMs = 1000;
const dyingCheckMs = 20;

function tryLock(fd: number): boolean {
  try {
    libc('flock', fd, lockExclusiveNow);
    return true;
  } catch (error) {
    if (codeOf(error) === 'linux.EAGAIN' || codeOf(error) === 'linux.EWOULDBLOCK') return false;
    throw error;
  }
}

/** Whether a process runs: one that has ended and only waits to be noticed does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** Takes the lock; rejects with a LateenError `host.running` where another process has it. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const file = join(dataDir, 'lock');
  const fd = openSync(file, 'a+', 0o600);
  try {
    for (let waitedMs = 0; !tryLock(fd); waitedMs += dyingCheckMs) {
      const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
      if (waitedMs >= (isAlive(pid) ? aliveForMs : dyingForMs)) {
        throw new LateenError('host.running', `a cluster already runs from ${dataDir} (process ${pid})`, {
          hint: 'see it with `lateen status`, stop it with `lateen down`, or choose another --data-dir',
        });
      }
      await sleep(dyingCheckMs);
    }
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { release: () => closeSync(fd) };
}

/** The process that runs the cluster of a data directory; undefined where none does, whatever files are left. */
export function runningCluster(dataDir: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(join(dataDir, 'lock'), 'r');
  } catch {
    return undefined;
  }
  try {
    if (tryLock(fd)) return undefined;
    const pid = Number.parseInt(readFileSync(join(dataDir, 'lock'), 'utf8'), 10);
    return Number.isNaN(pid) || !isAlive(pid) ? undefined : pid;
  } finally {
    closeSync(fd);
  }
}
