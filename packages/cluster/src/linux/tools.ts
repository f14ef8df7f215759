import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { LateenError } from '@lateen/core';

const names = ['unshare', 'nsenter', 'setpriv', 'setsid', 'env', 'sh'] as const;

/** Absolute paths of the system's programs that start others; a container's own PATH may not have them. */
export type Tools = Readonly<Record<(typeof names)[number], string>> & {
  /** Where all other system programs are found. */
  readonly path: string;
};

/** Finds the tools in the directories of `path`; throws a LateenError `linux.no-tool` where one is missing. */
export function locateTools(path: string): Tools {
  const locate = (name: string): string => {
    for (const directory of path.split(delimiter)) {
      const file = join(directory, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Elsewhere.
      }
    }
    throw new LateenError('linux.no-tool', `the program ${name} is missing`, {
      hint: 'sudo apt-get install -y util-linux coreutils',
    });
  };
  const found = Object.fromEntries(names.map((name) => [name, locate(name)]));
  return { ...(found as Record<(typeof names)[number], string>), path };
}
