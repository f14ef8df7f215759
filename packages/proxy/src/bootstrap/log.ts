import { createWriteStream } from 'node:fs';

/** Where log lines go: to a file, or to standard error. */
export function openLog(path: string | undefined): (line: string) => void {
  const stream = path === undefined ? process.stderr : createWriteStream(path, { flags: 'a' });
  return (line) => void stream.write(`${line}\n`);
}
