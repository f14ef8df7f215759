import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate with its key, as an authority issued it. */
export interface IssuedCertificate {
  readonly spiffeId: string;
  /** PEM. */
  readonly privateKey: string;
  /** PEM, the leaf first and the root last. */
  readonly chain: readonly string[];
}

/** Where a process leaves its certificate for the next one. */
export interface KeptCertificate {
  /** Undefined where there is none that is whole. */
  read(): IssuedCertificate | undefined;
  write(issued: IssuedCertificate): void;
  remove(): void;
}

/** A file of a folder in which keys may be; it is whole or the one before. */
export function keptCertificate(folder: string): KeptCertificate {
  const file = join(folder, 'workload-certificate.json');
  return {
    read() {
      try {
        const { spiffeId, privateKey, chain } = JSON.parse(readFileSync(file, 'utf8')) as Record<
          string,
          unknown
        >;
        const isWhole =
          typeof spiffeId === 'string' &&
          typeof privateKey === 'string' &&
          Array.isArray(chain) &&
          chain.every((one) => typeof one === 'string');
        return isWhole ? { spiffeId, privateKey, chain } : undefined;
      } catch {
        return undefined;
      }
    },
    write(issued) {
      const next = `${file}.next`;
      rmSync(next, { force: true });
      writeFileSync(next, JSON.stringify(issued), { mode: 0o600, flag: 'wx' });
      renameSync(next, file);
    },
    remove: () => rmSync(file, { force: true }),
  };
}
