import { lstatSync, mkdirSync, statfsSync } from 'node:fs';
import { messageOf, type Logger } from '@lateen/core';

/** statfs(2): file systems that have no disk. */
const inMemory: ReadonlySet<number> = new Set([0x0102_1994 /* tmpfs */, 0x8584_58f6 /* ramfs */]);

/**
 * The folder, where keys may be in it: it has to be in memory, and this user's alone. It is made where it is not there.
 * Undefined: keys are not to be kept, and the log says why.
 */
export function keyFolder(path: string | undefined, log: Logger): string | undefined {
  if (path === undefined) return undefined;
  let problem: string | undefined;
  try {
    problem = problemOf(path);
  } catch (error) {
    problem = messageOf(error);
  }
  if (problem === undefined) return path;
  log.info('keys are not kept for the next start', { folder: path, reason: problem });
  return undefined;
}

function problemOf(path: string): string | undefined {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  // Of the name itself: a link could be led elsewhere later.
  const facts = lstatSync(path);
  if (!facts.isDirectory()) return 'it is no folder';
  if (facts.uid !== process.getuid?.()) return 'it is of another user';
  if ((facts.mode & 0o077) !== 0) return 'others may look into it';
  if (!inMemory.has(statfsSync(path).type)) return 'it is not in memory';
  return undefined;
}
