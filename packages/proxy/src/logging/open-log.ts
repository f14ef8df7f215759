import { createWriteStream } from 'node:fs';

/** Where log lines go: to a file, or to standard error. */
export function openLog(path: string | undefined): (line: string) => void {
  const stream = path === undefined ? process.stderr : createWriteStream(path, { flags: 'a' });
  // Who reads the log may go away; traffic does not end for that.
  stream.on('error', () => {});
  return (line) => void stream.write(`${line}\n`);
}
