import { watch, type FSWatcher } from 'node:fs';
import { formatProblem, messageOf, silentLogger, type Logger, type Problem } from '@lateen/core';

interface Watched {
  readonly watcher: FSWatcher | undefined;
  /** Changes whenever something in the folder does. */
  revision: number;
}

/**
 * Folders whose files are read again when something in them changes, each watched once for all that need it.
 *
 * A link that is swapped, as Kubernetes does with mounted volumes, is a change of the folder that holds it.
 */
export class WatchedDirectories {
  /** Told the folder in which something has changed. */
  onChange: (directory: string) => void = () => {};
  readonly #log: Logger;
  readonly #byOwner = new Map<string, readonly string[]>();
  readonly #watched = new Map<string, Watched>();
  #revision = 0;

  constructor(log: Logger = silentLogger) {
    this.#log = log;
  }

  /** Watches these folders for an owner, and no others any more; what nobody needs is not watched. */
  own(owner: string, directories: readonly string[]): void {
    const before = this.#byOwner.get(owner) ?? [];
    if (directories.length === 0) this.#byOwner.delete(owner);
    else this.#byOwner.set(owner, directories);
    for (const directory of directories) this.#start(directory);
    for (const directory of before) if (!directories.includes(directory)) this.#stopUnneeded(directory);
  }

  /** 0 while the folder is not watched. */
  revision(directory: string): number {
    return this.#watched.get(directory)?.revision ?? 0;
  }

  /** Says that what is there now cannot be used, so that what was last good stays. */
  noteUnusable(what: string, wrong: readonly Problem[]): void {
    this.#log.warn(`${what} has changed and cannot be used: the last good one stays`, {
      reason: wrong.map(formatProblem).join('; '),
    });
  }

  close(): void {
    for (const { watcher } of this.#watched.values()) watcher?.close();
    this.#watched.clear();
    this.#byOwner.clear();
  }

  #start(directory: string): void {
    if (this.#watched.has(directory)) return;
    const watched: Watched = { watcher: this.#watch(directory), revision: ++this.#revision };
    this.#watched.set(directory, watched);
  }

  #watch(directory: string): FSWatcher | undefined {
    const unwatched = (error: unknown): void =>
      this.#log.warn('a folder of certificates is not watched', { directory, reason: messageOf(error) });
    try {
      const watcher = watch(directory, { persistent: false }, () => {
        const watched = this.#watched.get(directory);
        if (watched === undefined) return;
        watched.revision = ++this.#revision;
        this.onChange(directory);
      });
      watcher.on('error', unwatched);
      return watcher;
    } catch (error) {
      unwatched(error);
      return undefined;
    }
  }

  #stopUnneeded(directory: string): void {
    for (const directories of this.#byOwner.values()) if (directories.includes(directory)) return;
    this.#watched.get(directory)?.watcher?.close();
    this.#watched.delete(directory);
  }
}
