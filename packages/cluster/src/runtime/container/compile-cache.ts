import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** More files than this are of versions long gone. */
const mostFiles = 4000;

/**
 * Gives everything in the cache to root, and room to everybody. Programs write it as whoever they run; in
 * a user namespace an ordinary user could not remove their files from outside.
 */
export function takeOverCompileCache(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    chownSync(path, 0, 0);
    chmodSync(path, entry.isDirectory() ? 0o1777 : 0o644);
  }
}

/** Makes the directory for what node compiles in containers, or readies the one that is there. */
export function prepareCompileCache(directory: string): void {
  if (existsSync(directory) && readdirSync(directory, { recursive: true }).length > mostFiles) {
    rmSync(directory, { recursive: true, force: true });
  }
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o1777);
  takeOverCompileCache(directory);
}
