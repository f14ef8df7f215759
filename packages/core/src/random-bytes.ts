import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/**
 * Fills bytes with what nobody can guess, from the kernel (urandom(4)), and by Node's `crypto` where that has no such file.
 * Loading `crypto` takes more than a megabyte of a process that needs nothing else of it.
 */
export function fillRandom<T extends Uint8Array>(bytes: T): T {
  if (!readRandom(bytes)) randomFillSync(bytes);
  return bytes;
}

function readRandom(bytes: Uint8Array): boolean {
  let file: number;
  try {
    file = openSync('/dev/urandom', 'r');
  } catch {
    return false;
  }
  try {
    for (let at = 0; at < bytes.length; ) {
      const read = readSync(file, bytes, at, bytes.length - at, null);
      if (read === 0) return false;
      at += read;
    }
    return true;
  } catch {
    return false;
  } finally {
    closeSync(file);
  }
}
