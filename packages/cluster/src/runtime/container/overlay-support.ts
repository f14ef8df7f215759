import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LateenError, messageOf, type Logger } from '@lateen/core';
import { runCommand } from '../../linux/command.ts';

/** How overlays are made on this machine. */
export interface OverlaySupport {
  readonly options: readonly string[];
  /** A directory for writable layers. */
  readonly scratchDir: string;
}

/** Mounts an overlay for a moment; undefined where it works, else what the machine says. */
async function complaintAbout(
  parent: string,
  lower: readonly string[],
  options: readonly string[],
): Promise<string | undefined> {
  const trial = join(parent, 'trial');
  for (const name of ['upper', 'work', 'root']) mkdirSync(join(trial, name), { recursive: true });
  const root = join(trial, 'root');
  const layers = [`lowerdir=${lower.join(':')}`, `upperdir=${trial}/upper`, `workdir=${trial}/work`];
  try {
    await runCommand('mount', ['-t', 'overlay', 'overlay', '-o', [...layers, ...options].join(','), root]);
    await runCommand('umount', [root]);
    return undefined;
  } catch (error) {
    return messageOf(error);
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
}

/**
 * Finds out how overlays over these directories of the host work here, in which of the places: `volatile`,
 * so that the end of a container does not wait for a disk. Rejects with a LateenError `runtime.no-overlay`
 * where none does.
 */
export async function findOverlaySupport(
  places: readonly string[],
  lower: readonly string[],
  rootless: boolean,
  logger: Logger,
): Promise<OverlaySupport> {
  const always = rootless ? ['userxattr'] : [];
  let complaint = '';
  for (const place of places) {
    for (const options of [[...always, 'volatile'], always]) {
      const found = await complaintAbout(place, lower, options);
      if (found === undefined) return { options, scratchDir: join(place, 'pods') };
      complaint = found;
      logger.debug('no overlay', { place, options: options.join(','), complaint });
    }
  }
  throw new LateenError('runtime.no-overlay', `containers cannot get a root file system: ${complaint}`, {
    hint: 'the kernel needs overlayfs: sudo modprobe overlay (in a user namespace Linux 5.11 or later)',
  });
}
