import { accessSync, constants, cpSync, lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { presentMounts } from '../../linux/mount-table.ts';

/** Top-level directories that every container has of its own. */
const ownNames = new Set(['dev', 'proc', 'sys', 'tmp', 'run', 'mnt', 'boot', 'lost+found']);

/** How the host's root directory is shown to containers. */
export interface HostTree {
  /** Top-level directories that containers see through an overlay: name -> what is below it. */
  readonly overlaid: ReadonlyMap<string, string>;
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
  return tree.overlaid.has(name) || tree.bound.includes(name);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function isReadable(path: string): boolean {
  try {
    if (!lstatSync(path).isSymbolicLink()) accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function copyReadable(source: string, target: string): void {
  cpSync(source, target, { recursive: true, verbatimSymlinks: true, filter: isReadable });
}

/**
 * Looks at the host's root directory. A single file that is mounted somewhere inside (as container engines
 * do with /etc/hosts) is no reason not to overlay a directory, except in a user namespace, which may not
 * show what is below such a mount. Containers need an /etc that they can add to: where it cannot be
 * overlaid, a copy in `copiesDir` is.
 */
export function readHostTree(rootless: boolean, copiesDir: string): HostTree {
  const mounts = presentMounts()
    .map((mount) => mount.path)
    .filter((path) => rootless || !isFile(path));
  const entries = readdirSync('/', { withFileTypes: true }).filter((entry) => !ownNames.has(entry.name));
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const hasMounts = (name: string): boolean => mounts.some((path) => path.startsWith(`/${name}/`));
  const overlaid = new Map(
    names.filter((name) => !hasMounts(name) && !isEmpty(`/${name}`)).map((name) => [name, `/${name}`]),
  );
  let bound = names.filter(hasMounts);
  if (bound.includes('etc')) {
    const copy = join(copiesDir, 'etc');
    copyReadable('/etc', copy);
    overlaid.set('etc', copy);
    bound = bound.filter((name) => name !== 'etc');
  }
  return {
    overlaid,
    bound,
    empty: names.filter((name) => !hasMounts(name) && isEmpty(`/${name}`)),
    links: entries
      .filter((entry) => entry.isSymbolicLink())
      .map((entry) => [entry.name, readlinkSync(`/${entry.name}`)] as const),
  };
}
