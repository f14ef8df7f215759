import { writeFileSync } from 'node:fs';
import { codeOf } from '@lateen/core';

/**
 * Sets kernel parameters of the network namespace that the calling thread is in, as
 * `net.ipv4.ip_forward`. Those that this kernel does not have are passed over.
 */
export function setKernelParameters(values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    try {
      writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, value);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
}
