import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, LateenError } from '@lateen/core';
import { libc } from '../linux/libc.ts';

const lockExclusiveNow = 2 | 4;

/** The right to run the cluster of a data directory; it ends with the process at the latest. */
export interface DataDirLock {
  release(): void;
}

/** Takes the lock; throws a LateenError `host.running` where another process has it. */
export function lockDataDir(dataDir: string): DataDirLock {
  const file = join(dataDir, 'lock');
  const fd = openSync(file, 'a+', 0o600);
  try {
    libc('flock', fd, lockExclusiveNow);
  } catch (error) {
    closeSync(fd);
    if (codeOf(error) !== 'linux.EAGAIN' && codeOf(error) !== 'linux.EWOULDBLOCK') throw error;
    const pid = readFileSync(file, 'utf8').trim();
    throw new LateenError('host.running', `a cluster already runs from ${dataDir} (process ${pid})`, {
      hint: 'see it with `lateen status`, stop it with `lateen down`, or choose another --data-dir',
    });
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
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
    libc('flock', fd, lockExclusiveNow);
    return undefined;
  } catch {
    const pid = Number.parseInt(readFileSync(join(dataDir, 'lock'), 'utf8'), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } finally {
    closeSync(fd);
  }
}
