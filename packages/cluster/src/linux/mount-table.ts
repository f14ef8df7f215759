import { readFileSync } from 'node:fs';

/** One line of a mount table. */
export interface Mount {
  readonly path: string;
  readonly type: string;
  readonly options: readonly string[];
}

function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** Reads /proc/PID/mountinfo. */
export function parseMountInfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const fields = left.split(' ');
    const path = fields[4];
    const options = fields[5];
    if (path === undefined || options === undefined) continue;
    mounts.push({ path: unescape(path), type: right.split(' ')[0] ?? '', options: options.split(',') });
  }
  return mounts;
}

export function presentMounts(): Mount[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

const keptFlags = new Set(['nosuid', 'nodev', 'noexec', 'noatime', 'nodiratime', 'relatime']);

/**
 * Options that make a bind of this path read-only. Those that its file system has are repeated: in a user
 * namespace none of them may be taken away.
 */
export function readOnlyOptions(mounts: readonly Mount[], path: string): string[] {
  const holds = (mount: Mount): boolean => mount.path === '/' || `${path}/`.startsWith(`${mount.path}/`);
  const longest = mounts
    .filter(holds)
    .reduce(
      (best: Mount | undefined, mount) => (mount.path.length >= (best?.path.length ?? 0) ? mount : best),
      undefined,
    );
  return ['ro', ...(longest?.options ?? []).filter((option) => keptFlags.has(option))];
}

/** A line for `mount -a -T FILE`. */
export interface MountLine {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly options: readonly string[];
}

function escape(text: string): string {
  return text.replaceAll(/[\s\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** The text of a mount table that makes these mounts in this order. */
export function formatMountTable(lines: readonly MountLine[]): string {
  return lines
    .map(
      (line) =>
        `${[line.source, line.target, line.type, line.options.join(',')].map(escape).join(' ')} 0 0\n`,
    )
    .join('');
}
