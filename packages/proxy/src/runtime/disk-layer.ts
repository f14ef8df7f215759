import { readFileSync, readdirSync, statSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { codeOf, messageOf, type Logger } from '@lateen/core';
import { entryOfText, type RuntimeEntry, type RuntimeValues } from './runtime-entry.ts';

/** A layer that is a folder: a file for each key, folders for the parts of keys before a dot. */
export interface DiskLayer {
  readonly name: string;
  /** A link that is swapped to change the layer at once. */
  readonly symlinkRoot: string;
  /** Below the root; empty: the root itself. */
  readonly subdirectory: string;
}

/** Deeper folders are not read: a link may lead back. */
const maxDepth = 16;

/** Reads a layer; a folder that is not there is a layer without values. Throws where one cannot be read. */
export function readDiskLayer(folder: string): RuntimeValues {
  const values = new Map<string, RuntimeEntry>();
  const walk = (path: string, prefix: string, depth: number): void => {
    if (depth > maxDepth) throw new Error(`${path}: folders are nested too deeply`);
    for (const name of readdirSync(path)) {
      // Kubernetes keeps the files of a mounted volume in such folders.
      if (name.startsWith('.')) continue;
      const inner = join(path, name);
      const key = prefix === '' ? name : `${prefix}.${name}`;
      if (statSync(inner).isDirectory()) walk(inner, key, depth + 1);
      else values.set(key, entryOfText(textOf(readFileSync(inner, 'utf8'))));
    }
  };
  try {
    walk(folder, '', 0);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || values.size > 0) throw error;
  }
  return values;
}

/** Lines that begin with `#` are comments; space at the end is none of the value's. */
function textOf(content: string): string {
  const lines = content.split('\n').filter((line) => !line.startsWith('#'));
  return lines.join('\n').trimEnd();
}

/** Reads a layer now and whenever its link is swapped. */
export function watchDiskLayer(
  layer: DiskLayer,
  onValues: (values: RuntimeValues) => void,
  onError: () => void,
  log: Logger,
): { close(): void } {
  const { symlinkRoot, subdirectory, name } = layer;
  const read = (): void => {
    let values: RuntimeValues;
    try {
      values = readDiskLayer(join(symlinkRoot, subdirectory));
    } catch (error) {
      log.warn(`runtime layer ${name} cannot be read`, { reason: messageOf(error) });
      onError();
      return;
    }
    onValues(values);
  };
  read();
  try {
    const watcher = watch(dirname(symlinkRoot), { persistent: false }, read);
    watcher.on('error', (error) =>
      log.warn(`runtime layer ${name} is not watched`, { reason: error.message }),
    );
    return watcher;
  } catch (error) {
    log.warn(`runtime layer ${name} is not watched`, { reason: messageOf(error) });
    return { close() {} };
  }
}
