import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { libc } from './libc.ts';

const flags = { net: 0x40000000, uts: 0x04000000, ipc: 0x08000000, pid: 0x20000000 } as const;

/** Namespaces that are held open by descriptors; they live until closed and empty of processes. */
export interface PodNamespaces {
  readonly net: number;
  readonly uts: number;
  readonly ipc: number;
}

/** Which namespaces a call or a child is to run in; those left out are the caller's own. */
export interface Place {
  readonly namespaces?: PodNamespaces;
  /** `new` makes the child the first process of a new one; a number is the process whose namespace to join. */
  readonly pid?: 'new' | number;
}

/**
 * The namespaces that this process started in.
 *
 * Entering another one changes only the calling thread and only until the call returns, so everything
 * done inside must be synchronous: making sockets, writing /proc/sys, starting children.
 */
export class NamespaceSwitch {
  readonly #home: Record<keyof typeof flags, number>;

  constructor() {
    const open = (kind: string): number => openSync(`/proc/thread-self/ns/${kind}`, 'r');
    this.#home = { net: open('net'), uts: open('uts'), ipc: open('ipc'), pid: open('pid') };
  }

  /** Makes the three namespaces that the containers of a pod share. */
  createPodNamespaces(hostname: string): PodNamespaces {
    const opened: number[] = [];
    const open = (kind: string): number => {
      const fd = openSync(`/proc/thread-self/ns/${kind}`, 'r');
      opened.push(fd);
      return fd;
    };
    try {
      libc('unshare', flags.net | flags.uts | flags.ipc);
      libc('sethostname', hostname, Buffer.byteLength(hostname));
      return { net: open('net'), uts: open('uts'), ipc: open('ipc') };
    } catch (error) {
      for (const fd of opened) closeSync(fd);
      throw error;
    } finally {
      this.#goHome();
    }
  }

  /** Runs a synchronous function in a pod's namespaces. */
  within<T>(place: Place, run: () => T): T {
    try {
      this.#enter(place);
      return run();
    } finally {
      this.#goHome();
    }
  }

  /** Starts a child there; like node's own `spawn`. */
  spawn(place: Place, file: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    return this.within(place, () => spawn(file, args, options));
  }

  close(): void {
    for (const fd of Object.values(this.#home)) closeSync(fd);
  }

  #enter(place: Place): void {
    if (place.namespaces !== undefined) {
      libc('setns', place.namespaces.net, flags.net);
      libc('setns', place.namespaces.uts, flags.uts);
      libc('setns', place.namespaces.ipc, flags.ipc);
    }
    if (place.pid === 'new') libc('unshare', flags.pid);
    else if (place.pid !== undefined) {
      const fd = openSync(`/proc/${place.pid}/ns/pid`, 'r');
      try {
        libc('setns', fd, flags.pid);
      } finally {
        closeSync(fd);
      }
    }
  }

  #goHome(): void {
    libc('setns', this.#home.net, flags.net);
    libc('setns', this.#home.uts, flags.uts);
    libc('setns', this.#home.ipc, flags.ipc);
    libc('setns', this.#home.pid, flags.pid);
  }
}

/** Lets go of a pod's namespaces. */
export function closePodNamespaces(namespaces: PodNamespaces): void {
  closeSync(namespaces.net);
  closeSync(namespaces.uts);
  closeSync(namespaces.ipc);
}
