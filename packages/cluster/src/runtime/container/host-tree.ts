import { readdirSync, readlinkSync } from 'node:fs';
import { presentMounts } from '../../linux/mount-table.ts';

/** Top-level directories that every container has of its own. */
const ownNames = new Set(['dev', 'proc', 'sys', 'tmp', 'run', 'mnt', 'boot', 'lost+found']);

/** How the host's root directory is shown to containers. */
export interface HostTree {
  /** Top-level directories that containers see through an overlay. */
  readonly overlaid: readonly string[];
  /** Top-level directories with other mounts inside, which an overlay would not show (or refuse). */
  readonly bound: readonly string[];
  /** Top-level directories with nothing to show in them. */
  readonly empty: readonly string[];
  /** Top-level symbolic links and where they point. */
  readonly links: readonly (readonly [name: string, target: string])[];
}

function isEmpty(directory: string): boolean {
  try {
    return readdirSync(directory).length === 0;
  } catch {
    // Closed to us: so it will be to containers.
    return true;
  }
}

/** Whether containers see this path of the host at all. */
export function isShown(tree: HostTree, path: string): boolean {
  const name = path.split('/')[1] ?? '';
  return tree.overlaid.includes(name) || tree.bound.includes(name);
}

/** Looks at the host's root directory. */
export function readHostTree(): HostTree {
  const mounts = presentMounts().map((mount) => mount.path);
  const entries = readdirSync('/', { withFileTypes: true }).filter((entry) => !ownNames.has(entry.name));
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const hasMounts = (name: string): boolean => mounts.some((path) => path.startsWith(`/${name}/`));
  return {
    overlaid: names.filter((name) => !hasMounts(name) && !isEmpty(`/${name}`)),
    bound: names.filter(hasMounts),
    empty: names.filter((name) => !hasMounts(name) && isEmpty(`/${name}`)),
    links: entries
      .filter((entry) => entry.isSymbolicLink())
      .map((entry) => [entry.name, readlinkSync(`/${entry.name}`)] as const),
  };
}
