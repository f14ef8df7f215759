import { chmodSync, renameSync, statSync, unlinkSync } from 'node:fs';

/** What fits in a `sockaddr_un`, with the NUL at the end. */
const longestPathBytes = 107;

/**
 * The file of a Unix domain socket.
 *
 * libuv removes the file that it was bound to when the socket is closed, although another process may have taken the
 * socket over. So it is bound to a name of this process alone, which is then moved to where it is looked for: in place of
 * what another process may have left there, as Envoy does it.
 */
export class SocketPath {
  readonly #path: string;
  readonly bindTo: string;
  readonly #mode: number | undefined;
  #inode: number | undefined;

  /** `mode`: who may connect; undefined: who the process's file mode creation mask says. */
  constructor(path: string, mode: number | undefined) {
    this.#path = path;
    this.#mode = mode;
    const own = `${path}.${process.pid}`;
    this.bindTo = Buffer.byteLength(own) > longestPathBytes ? path : own;
  }

  /** Moves the socket to where clients look for it, when nobody else can connect any more. */
  show(): void {
    if (this.#mode !== undefined) chmodSync(this.bindTo, this.#mode);
    if (this.bindTo !== this.#path) renameSync(this.bindTo, this.#path);
  }

  /** Remembers which file is ours. */
  note(): void {
    this.#inode = inodeOf(this.#path);
  }

  /** The file is left to another process. */
  leave(): void {
    this.#inode = undefined;
  }

  /** Removes the file, where it is ours still. */
  remove(): void {
    if (this.#inode === undefined || inodeOf(this.#path) !== this.#inode) return;
    this.#inode = undefined;
    unlinkSync(this.#path);
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
