import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** A file of a volume whose content comes from the API. */
export interface VolumeFile {
  /** Relative to the volume; never leaves it. */
  readonly path: string;
  readonly data: Buffer;
  readonly mode: number;
}

const dataLink = '..data';

function writeVersion(directory: string, files: readonly VolumeFile[], group: number | undefined): void {
  mkdirSync(directory);
  chmodSync(directory, 0o755);
  for (const file of files) {
    const path = join(directory, file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.data);
    chmodSync(path, group === undefined ? file.mode : file.mode | 0o440);
    if (group !== undefined) chownSync(path, 0, group);
  }
}

/**
 * Replaces the files of a volume as one step: readers see all of the old ones or all of the new ones.
 *
 * Kubernetes' own arrangement, on which programs rely that watch their configuration: files are links
 * into `..data`, itself a link that is swapped.
 */
export function replaceFiles(
  directory: string,
  version: string,
  files: readonly VolumeFile[],
  group?: number,
): void {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o755);
  const link = join(directory, dataLink);
  const before = existsSync(link) ? readlinkSync(link) : undefined;
  const next = `..${version}`;
  writeVersion(join(directory, next), files, group);
  symlinkSync(next, `${link}_new`);
  renameSync(`${link}_new`, link);
  const names = new Set(files.map((file) => file.path.split('/')[0] ?? ''));
  for (const name of names) {
    const visible = join(directory, name);
    if (!lstatSync(visible, { throwIfNoEntry: false })) symlinkSync(join(dataLink, name), visible);
  }
  for (const name of readdirSync(directory)) {
    if (!name.startsWith('..') && !names.has(name)) unlinkSync(join(directory, name));
  }
  if (before !== undefined) rmSync(join(directory, before), { recursive: true, force: true });
}
