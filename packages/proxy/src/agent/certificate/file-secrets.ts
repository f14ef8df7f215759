import { readFileSync, watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import type { Secret } from '../../model/index.ts';

/** The name of the roots that the system trusts, which are in no file of the user's. */
const systemRootsName = 'file-root:system';

/** True for names by which Istio refers to mounted files: `file-cert:CHAIN~KEY` and `file-root:CA`. */
export function isFileSecret(name: string): boolean {
  return name.startsWith('file-cert:') || name.startsWith('file-root:');
}

export interface FileSecretsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly publish: (secrets: readonly Secret[]) => void;
}

/** A file is often replaced together with others: it is read when its folder has been quiet for so long. */
const settleMs = 100;

/** Keeps secrets that are files in place: read when they are wanted, and again when their folders change. */
export class FileSecrets {
  readonly #options: FileSecretsOptions;
  readonly #names = new Set<string>();
  readonly #watchers = new Map<string, FSWatcher>();
  /** What was last published, to publish only what has changed. */
  readonly #published = new Map<string, string>();
  #timer: Timer | undefined;

  constructor(options: FileSecretsOptions) {
    this.#options = options;
  }

  /** Makes the named files available; names of other secrets are passed over. */
  want(names: Iterable<string>): void {
    const added = [...names].filter((name) => isFileSecret(name) && !this.#names.has(name));
    if (added.length === 0) return;
    for (const name of added) {
      this.#names.add(name);
      for (const path of pathsOf(name)) this.#watch(dirname(path));
    }
    this.#publish(added);
  }

  close(): void {
    this.#timer?.cancel();
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  #watch(folder: string): void {
    if (this.#watchers.has(folder)) return;
    const { clock, log } = this.#options;
    try {
      const watcher = watch(folder, { persistent: false }, () => {
        this.#timer?.cancel();
        this.#timer = clock.after(settleMs, () => this.#publish(this.#names));
      });
      watcher.on('error', (error) =>
        log.warn('certificates are not watched', { folder, reason: messageOf(error) }),
      );
      this.#watchers.set(folder, watcher);
    } catch (error) {
      log.warn('certificates are not watched', { folder, reason: messageOf(error) });
    }
  }

  #publish(names: Iterable<string>): void {
    const secrets: Secret[] = [];
    for (const name of names) {
      const contents = this.#read(name);
      if (contents === undefined || this.#published.get(name) === contents.join('\0')) continue;
      this.#published.set(name, contents.join('\0'));
      secrets.push(secretOf(name, contents));
    }
    if (secrets.length > 0) this.#options.publish(secrets);
  }

  #read(name: string): readonly string[] | undefined {
    try {
      return pathsOf(name).map((path) => readFileSync(path, 'utf8'));
    } catch (error) {
      this.#options.log.warn('a certificate file cannot be read', { name, reason: messageOf(error) });
      return undefined;
    }
  }
}

function pathsOf(name: string): readonly string[] {
  if (name === systemRootsName) return [];
  return name.slice(name.indexOf(':') + 1).split('~');
}

function secretOf(name: string, contents: readonly string[]): Secret {
  const [first = '', second = ''] = contents.map((text) => Buffer.from(text));
  const source = (bytes: Uint8Array | string) => ({ kind: 'inline' as const, bytes: Buffer.from(bytes) });
  if (name.startsWith('file-cert:')) {
    return { kind: 'certificate', name, certificate: { chain: source(first), privateKey: source(second) } };
  }
  return {
    kind: 'validation',
    name,
    validation: {
      ...(name === systemRootsName ? { systemRoots: true } : { trustedCa: source(first) }),
      sanMatches: [],
      certificateHashes: [],
      spkiHashes: [],
      allowExpired: false,
      acceptUntrusted: false,
    },
  };
}
