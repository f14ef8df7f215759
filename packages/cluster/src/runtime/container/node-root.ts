import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Logger } from '@lateen/core';
import { runCommand } from '../../linux/command.ts';
import { formatMountTable, presentMounts, readOnlyOptions, type MountLine } from '../../linux/mount-table.ts';
import { prepareCompileCache, takeOverCompileCache } from './compile-cache.ts';
import { isShown, readHostTree } from './host-tree.ts';
import { findOverlaySupport } from './overlay-support.ts';

/** What every container of the node is built from; made once, at start. */
export interface NodeRoot {
  /** Memory file system with the shared parts. */
  readonly directory: string;
  /** The lowest layer of every container's root directory; holds only mount points and links. */
  readonly base: string;
  /** Files that lie over the host's in every container. */
  readonly commonLayer: string;
  /** Top-level directories of the host that containers see, each through an overlay of its own: name -> what is below. */
  readonly overlaid: ReadonlyMap<string, string>;
  /** Those that are shown as they are, with the mounts in them. */
  readonly bound: readonly string[];
  readonly overlayOptions: readonly string[];
  /** Terminals of containers' main programs are opened here. */
  readonly devpts: string;
  /** What node has compiled of our programs; written by them, whoever they run as. */
  readonly compileCacheDir: string;
  /** Where containers' roots and other short-lived files are kept: in memory, where that is possible. */
  readonly scratchDir: string;
  /** Mounted into every container, relative to its root. */
  readonly sharedMounts: readonly MountLine[];
  /** A directory with these files (path in the container -> text), to be a layer of an image; made once. */
  imageLayer(name: string, files: Readonly<Record<string, string>>): string;
  /** Takes the shared parts away. */
  close(): Promise<void>;
}

export interface NodeRootOptions {
  /** On disk: where containers' writable layers are kept when they cannot be in memory. */
  readonly podsDir: string;
  /** An empty directory to mount on. */
  readonly directory: string;
  readonly installationDir: string;
  /** Kept from one start to the next. */
  readonly compileCacheDir: string;
  /** The cluster's own directory: its keys are not for containers. */
  readonly hiddenDir: string;
  /** True in a user namespace. */
  readonly rootless: boolean;
  readonly logger: Logger;
}

const deviceNames = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

async function mountAll(table: string, lines: readonly MountLine[]): Promise<void> {
  writeFileSync(table, formatMountTable(lines));
  await runCommand('mount', ['-a', '-T', table]);
}

function bind(source: string, target: string, ...options: string[]): MountLine {
  return { source, target, type: 'none', options: ['rbind', ...options] };
}

function makeDevices(directory: string): MountLine[] {
  mkdirSync(directory);
  for (const name of [...deviceNames, 'termination-log']) writeFileSync(join(directory, name), '');
  for (const name of ['pts', 'shm', 'mqueue']) mkdirSync(join(directory, name));
  symlinkSync('pts/ptmx', join(directory, 'ptmx'));
  symlinkSync('/proc/self/fd', join(directory, 'fd'));
  for (const [i, name] of ['stdin', 'stdout', 'stderr'].entries()) {
    symlinkSync(`/proc/self/fd/${i}`, join(directory, name));
  }
  return deviceNames.map((name) => bind(`/dev/${name}`, join(directory, name)));
}

function makeInstallation(directory: string, installationDir: string): MountLine[] {
  mkdirSync(join(directory, 'bin'), { recursive: true });
  writeFileSync(join(directory, 'bin/node'), '');
  const mounts = presentMounts();
  // Read-only for this process, too: a removal that strays in here must not get at the installation.
  const show = (source: string, target: string): MountLine =>
    bind(source, target, ...readOnlyOptions(mounts, source));
  const lines = [show(process.execPath, join(directory, 'bin/node'))];
  for (const name of ['dist', 'node_modules']) {
    const source = join(installationDir, name);
    if (!existsSync(source)) continue;
    mkdirSync(join(directory, name));
    lines.push(show(source, join(directory, name)));
  }
  return lines;
}

/** The host's root has habits that are not the containers': what its shell does at start. */
function makeCommonLayer(directory: string): void {
  mkdirSync(join(directory, 'root'), { recursive: true, mode: 0o700 });
  for (const name of ['.bashrc', '.bash_profile', '.profile', '.zshrc']) {
    writeFileSync(join(directory, 'root', name), '');
  }
}

/** A view of the kernel's devices: a new one of the pod's network namespace, or the host's where that is forbidden. */
async function systemMount(directory: string): Promise<MountLine> {
  const options = ['ro', 'nosuid', 'nodev', 'noexec'];
  const trial = join(directory, 'empty');
  try {
    await runCommand('mount', ['-t', 'sysfs', '-o', options.join(','), 'sysfs', trial]);
    await runCommand('umount', [trial]);
    return { source: 'sysfs', target: '/sys', type: 'sysfs', options };
  } catch {
    return bind('/sys', '/sys');
  }
}

/** Makes the shared parts of all containers' roots. */
export async function createNodeRoot(options: NodeRootOptions): Promise<NodeRoot> {
  const { directory, podsDir } = options;
  mkdirSync(directory, { recursive: true });
  mkdirSync(podsDir, { recursive: true });
  await runCommand('mount', ['-t', 'tmpfs', '-o', 'mode=0755', 'lateen', directory]);
  const mounts = presentMounts();
  const base = join(directory, 'base');
  const tree = readHostTree(options.rootless, join(directory, 'copies'));
  const shown = [...tree.overlaid.keys(), ...tree.bound];
  for (const name of ['dev', 'mnt', 'opt', 'proc', 'run', 'sys', 'tmp', ...shown, ...tree.empty]) {
    mkdirSync(join(base, name), { recursive: true });
  }
  for (const [name, target] of tree.links) symlinkSync(target, join(base, name));
  const commonLayer = join(directory, 'common');
  makeCommonLayer(commonLayer);
  const terminals = ['newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'];
  const devpts = join(directory, 'pts');
  mkdirSync(devpts);
  mkdirSync(join(directory, 'empty'));
  await mountAll(join(directory, 'node.fstab'), [
    ...makeDevices(join(directory, 'dev')),
    ...makeInstallation(join(directory, 'installation'), options.installationDir),
    { source: 'devpts', target: devpts, type: 'devpts', options: terminals },
  ]);
  prepareCompileCache(options.compileCacheDir);
  const places = [directory, podsDir];
  // Those that containers will see: others may hold mounts that a user namespace does not let go.
  const lower = [...tree.overlaid.values()];
  const overlays = await findOverlaySupport(places, lower, options.rootless, options.logger);
  return {
    directory,
    base,
    commonLayer,
    overlaid: tree.overlaid,
    bound: tree.bound,
    overlayOptions: overlays.options,
    devpts,
    compileCacheDir: options.compileCacheDir,
    scratchDir: overlays.scratchDir,
    sharedMounts: [
      ...tree.bound.map((name) => bind(`/${name}`, `/${name}`, ...readOnlyOptions(mounts, `/${name}`))),
      ...(isShown(tree, options.hiddenDir)
        ? [{ source: 'tmpfs', target: options.hiddenDir, type: 'tmpfs', options: ['mode=0700', 'size=4k'] }]
        : []),
      bind(join(directory, 'dev'), '/dev'),
      { source: 'devpts', target: '/dev/pts', type: 'devpts', options: terminals },
      { source: 'proc', target: '/proc', type: 'proc', options: ['nosuid', 'nodev', 'noexec'] },
      await systemMount(directory),
      { source: 'tmpfs', target: '/tmp', type: 'tmpfs', options: ['mode=1777'] },
      // The home of the host's root is closed to the root of a user namespace.
      ...(options.rootless
        ? [{ source: 'tmpfs', target: '/root', type: 'tmpfs', options: ['mode=0700'] }]
        : []),
      bind(join(directory, 'installation'), '/opt/lateen'),
    ],
    imageLayer(name, files) {
      const layer = join(directory, 'images', name);
      if (existsSync(layer)) return layer;
      for (const [path, text] of Object.entries(files)) {
        const file = join(layer, path);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text, { mode: 0o755 });
      }
      return layer;
    },
    async close() {
      await runCommand('umount', ['-R', '-l', directory]);
      takeOverCompileCache(options.compileCacheDir);
    },
  };
}
