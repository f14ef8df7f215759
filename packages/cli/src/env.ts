import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** What the environment says to the command line; the only place in this package that reads it. */
export interface CliEnvironment {
  readonly home: string;
  /** `LATEEN_DATA_DIR`; default `~/.lateen`. */
  readonly dataDir: string;
  /** `KUBECONFIG`, as it stands. */
  readonly kubeconfig: string | undefined;
  /** `KUBE_EDITOR`, else `EDITOR`. */
  readonly editor: string | undefined;
  readonly path: string;
  /** The name the program was called by, as its launcher says: `istioctl`, else `lateen`. */
  readonly programName: string;
}

export function cliEnvironment(env: NodeJS.ProcessEnv = process.env): CliEnvironment {
  const home = env['HOME'] || homedir();
  return {
    home,
    dataDir: env['LATEEN_DATA_DIR'] || join(home, '.lateen'),
    kubeconfig: env['KUBECONFIG'] || undefined,
    editor: env['KUBE_EDITOR'] || env['EDITOR'] || undefined,
    path: env['PATH'] ?? '',
    programName: env['LATEEN_PROGRAM_NAME'] === 'istioctl' ? 'istioctl' : 'lateen',
  };
}
