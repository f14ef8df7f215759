import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LateenError } from './errors.ts';

/** The first major version of Node that the programs run on. */
export const requiredNodeMajor = 26;

/** What runs a program: this Node, another one, or none that there is. */
export type NodeChoice =
  | { readonly kind: 'this' }
  | { readonly kind: 'other'; readonly path: string }
  | { readonly kind: 'none' };

/** Chooses the Node for a program; one that is too old is passed over for the one that the packages bring. */
export function chooseNode(
  version: string,
  programFile: string,
  exists: (path: string) => boolean = existsSync,
): NodeChoice {
  if (Number.parseInt(version, 10) >= requiredNodeMajor) return { kind: 'this' };
  for (let folder = dirname(programFile); ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules/.bin/node');
    if (exists(path)) return { kind: 'other', path };
    if (folder === dirname(folder)) return { kind: 'none' };
  }
}

/**
 * Runs the program again with another Node where this one is too old, passes signals on to it, and resolves to its
 * exit code; undefined where this Node does. Throws `ENODE` where there is no other.
 */
export async function runOnRequiredNode(
  programFile: string,
  args: readonly string[],
): Promise<number | undefined> {
  const choice = chooseNode(process.versions.node, programFile);
  if (choice.kind === 'this') return undefined;
  if (choice.kind === 'none') {
    throw new LateenError('ENODE', `Node ${process.versions.node} is too old`, {
      hint: `Node ${requiredNodeMajor} is needed; npm ci installs it as node_modules/.bin/node`,
    });
  }
  const child = spawn(choice.path, [programFile, ...args], { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
