import { createRequire } from 'node:module';
import { LateenError } from '@lateen/core';
import type * as koffiModule from 'koffi';

/** F_DUPFD_CLOEXEC: the copy is not handed on to programs that are started. */
const duplicateCloseOnExec = 1030;

/** Loads what makes a second descriptor of a socket: both are closed for themselves. */
export function loadDuplicate(): (fd: number) => number {
  if (process.platform !== 'linux') {
    throw new LateenError('EPLATFORM', 'several workers share their sockets on Linux only', {
      hint: 'use --concurrency 1',
    });
  }
  const koffi = createRequire(import.meta.url)('koffi') as typeof koffiModule;
  const fcntl = koffi.load('libc.so.6').func('int fcntl(int, int, ...)') as (
    fd: number,
    command: number,
    type: string,
    least: number,
  ) => number;
  return (fd) => {
    const copy = fcntl(fd, duplicateCloseOnExec, 'int', 0);
    if (copy < 0) throw new Error(`a socket cannot be shared: errno ${koffi.errno()}`);
    return copy;
  };
}
