import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where kubectl is on this machine; undefined where it is not. */
export function kubectlPath(): string | undefined {
  const folders = ['/usr/bin', '/usr/local/bin', '/snap/bin', '/opt/bin'];
  return folders.map((folder) => join(folder, 'kubectl')).find((file) => existsSync(file));
}
