import type { Writable } from 'node:stream';

/**
 * Writes lines to a stream that may fail: its reader goes away, its disk is full. What cannot be written is lost, and
 * the process is not told; it would only have the same stream to complain to.
 */
export function lineWriter(stream: Writable): (line: string) => void {
  stream.on('error', () => {});
  return (line) => void stream.write(`${line}\n`);
}
