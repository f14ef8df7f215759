import {
  existsSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
  readdirSync,
} from 'node:fs';
import { dirname, isAbsolute, join, normalize, relative } from 'node:path';
import { formatMountTable, type MountLine } from '../../linux/mount-table.ts';
import type { NodeRoot } from './node-root.ts';

/** Something of the host, or a volume, shown at a place in the container. */
export interface ContainerMount {
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  readonly readOnly: boolean;
}

export interface RootFileSystemOptions {
  readonly node: NodeRoot;
  /** A directory for this run of the container alone, where overlays can be written. */
  readonly directory: string;
  /** A layer on top of the host's, from the image. */
  readonly imageLayer?: string;
  /** Files to begin with: path in the container -> text. */
  readonly files: Readonly<Record<string, string>>;
  readonly mounts: readonly ContainerMount[];
  /** A directory of the pod, for /dev/shm. */
  readonly sharedMemoryDir: string;
  readonly readOnly: boolean;
}

/** What a container's first process needs in order to enter its root. */
export interface RootFileSystem {
  /** Where the root will be mounted, by the container's process in its own mount namespace. */
  readonly root: string;
  /** Path of the mount table. */
  readonly table: string;
  remove(): void;
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The path without symbolic links, as a container's root will have it; the layers are searched from
 * the top. Links are followed inside the container's root only.
 */
export function resolveInLayers(layers: readonly string[], path: string, depth = 0): string {
  let resolved = '/';
  const parts = normalize(path)
    .split('/')
    .filter((part) => part !== '');
  for (const [i, part] of parts.entries()) {
    const next = join(resolved, part);
    const link = layers.map((layer) => linkTarget(join(layer, next))).find((target) => target !== undefined);
    if (link !== undefined && depth < 20) {
      const rest = parts.slice(i + 1).join('/');
      return resolveInLayers(layers, join(isAbsolute(link) ? link : join(resolved, link), rest), depth + 1);
    }
    resolved = next;
  }
  return resolved;
}

/** Makes a directory or an empty file to mount on. */
function makeMountPoint(path: string, like: string): void {
  if (statSync(like).isDirectory()) {
    mkdirSync(path, { recursive: true });
    return;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '', { flag: 'a' });
}

/** Where the writable files of the root directory itself are, beside those of each overlaid directory. */
const rootName = '.root';

/** Overlays for an image's files below directories that have no overlay as a whole. */
function imageOverlays(
  imageLayer: string,
  isBound: (path: string) => boolean,
  overlay: (name: string, target: string, lower: readonly string[]) => MountLine,
  root: string,
): MountLine[] {
  const directories = new Set<string>();
  for (const entry of readdirSync(imageLayer, { withFileTypes: true, recursive: true })) {
    const path = `/${relative(imageLayer, entry.parentPath)}`;
    if (entry.isFile() && isBound(path) && existsSync(path)) directories.add(path);
  }
  return [...directories].map((path) =>
    overlay(path.slice(1), join(root, path), [join(imageLayer, path), path]),
  );
}

/**
 * Prepares a root: the host's own directories below, the image's files and a writable layer on top.
 *
 * Each top-level directory is an overlay of its own: a user namespace may not put one on the host's
 * root as a whole.
 */
export function createRootFileSystem(options: RootFileSystemOptions): RootFileSystem {
  const { node, directory, imageLayer } = options;
  const upper = join(directory, 'upper');
  const work = join(directory, 'work');
  const root = join(directory, 'root');
  mkdirSync(root, { recursive: true });
  const inUpper = (path: string): string => {
    const first = path.split('/')[1] ?? '';
    return node.overlaid.has(first) ? join(upper, path) : join(upper, rootName, path);
  };
  const overlay = (name: string, target: string, lower: readonly string[]): MountLine => {
    mkdirSync(join(upper, name), { recursive: true });
    mkdirSync(join(work, name), { recursive: true });
    const layers = [
      `lowerdir=${lower.join(':')}`,
      `upperdir=${join(upper, name)}`,
      `workdir=${join(work, name)}`,
    ];
    const access = options.readOnly ? ['ro'] : [];
    return {
      source: 'overlay',
      target,
      type: 'overlay',
      options: [...layers, ...node.overlayOptions, ...access],
    };
  };
  const lines = [overlay(rootName, root, [node.base])];
  for (const [name, lower] of node.overlaid) {
    const above = [imageLayer, node.commonLayer]
      .filter((layer) => layer !== undefined)
      .map((layer) => join(layer, name))
      .filter((path) => existsSync(path));
    lines.push(overlay(name, join(root, name), [...above, lower]));
  }
  const isBound = (path: string): boolean => node.bound.includes(path.split('/')[1] ?? '');
  for (const [path, text] of Object.entries(options.files)) {
    const file = inUpper(path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  for (const line of node.sharedMounts) {
    if (line.type === 'none') makeMountPoint(inUpper(line.target), line.source);
    lines.push({ ...line, target: join(root, line.target) });
  }
  if (imageLayer !== undefined) lines.push(...imageOverlays(imageLayer, isBound, overlay, root));
  lines.push({
    source: options.sharedMemoryDir,
    target: join(root, 'dev/shm'),
    type: 'none',
    options: ['bind'],
  });
  // Parents before children, so that a mount inside another one is not hidden by it.
  const layers = [upper, join(upper, rootName), ...(imageLayer === undefined ? [] : [imageLayer]), '/'];
  const mounts = options.mounts
    .map((mount) => ({ ...mount, target: resolveInLayers(layers, mount.target) }))
    .sort((a, b) => a.target.length - b.target.length);
  for (const mount of mounts) {
    const outer = mounts.find((other) => other !== mount && mount.target.startsWith(`${other.target}/`));
    if (outer === undefined && !mount.target.startsWith('/tmp/')) {
      makeMountPoint(inUpper(mount.target), mount.source);
    }
    const make = statSync(mount.source).isDirectory() ? ['X-mount.mkdir'] : [];
    const access = mount.readOnly ? ['ro'] : [];
    lines.push({
      source: mount.source,
      target: join(root, mount.target),
      type: 'none',
      options: ['rbind', ...access, ...make],
    });
  }
  const table = join(directory, 'fstab');
  writeFileSync(table, formatMountTable(lines));
  return {
    root,
    table,
    remove() {
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
