import { Socket } from 'node:net';
import { libc } from './libc.ts';

const closeOnExec = 0x80000;

/** The two ends of a pipe, as descriptors. */
export interface Pipe {
  readonly read: number;
  readonly write: number;
}

/**
 * Makes a real pipe.
 *
 * Node gives children sockets for their output, and a socket cannot be opened again through
 * /dev/stdout, which programs that log to files do.
 */
export function createPipe(): Pipe {
  const fds = new Int32Array(2);
  libc('pipe2', fds, closeOnExec);
  return { read: fds[0] ?? -1, write: fds[1] ?? -1 };
}

/** The reading end as a stream, which closes it. */
export function readPipe(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: false });
}

/** The writing end as a stream, which closes it. */
export function writePipe(fd: number): Socket {
  return new Socket({ fd, readable: false, writable: true });
}
