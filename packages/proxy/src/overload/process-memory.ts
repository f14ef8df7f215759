import { readFileSync } from 'node:fs';
import process from 'node:process';

/** Memory of this process that no file backs, in bytes; where the system does not tell it, all that is resident. */
export function anonymousBytes(): number {
  if (process.platform !== 'linux') return process.memoryUsage.rss();
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return kib === undefined ? process.memoryUsage.rss() : Number(kib) * 1024;
}
