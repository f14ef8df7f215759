import { createWriteStream } from 'node:fs';
import { lineWriter } from '@lateen/core';

/** Where log lines go: to a file, or to standard error. */
export function openLog(path: string | undefined): (line: string) => void {
  return lineWriter(path === undefined ? process.stderr : createWriteStream(path, { flags: 'a' }));
}
