import { createRequire } from 'node:module';
import type * as koffiModule from 'koffi';

/** Linux' system calls that Node has no name for. Each answers as in its manual page; -1 with {@link errno}. */
export interface SystemCalls {
  readonly errno: () => number;
  /** Where bytes lie. They stay there as long as there are more than 64. */
  readonly addressOf: (bytes: Uint8Array | Int32Array) => number;
  readonly socket: (family: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, address: number, length: number) => number;
  readonly listen: (fd: number, backlog: number) => number;
  readonly accept4: (fd: number, address: number, length: number, flags: number) => number;
  readonly connect: (fd: number, address: number, length: number) => number;
  readonly recv: (fd: number, address: number, length: number, flags: number) => number;
  readonly send: (fd: number, address: number, length: number, flags: number) => number;
  readonly shutdown: (fd: number, how: number) => number;
  readonly close: (fd: number) => number;
  readonly getsockopt: (fd: number, level: number, option: number, value: number, length: number) => number;
  readonly setsockopt: (fd: number, level: number, option: number, value: number, length: number) => number;
  readonly getpeername: (fd: number, address: number, length: number) => number;
  readonly getsockname: (fd: number, address: number, length: number) => number;
  readonly epollCreate: (flags: number) => number;
  readonly epollControl: (epoll: number, operation: number, fd: number, event: number) => number;
  readonly epollWait: (epoll: number, events: number, most: number, timeoutMs: number) => number;
  readonly eventDescriptor: (value: number, flags: number) => number;
}

// Linux' numbers, the same on all machines that Node runs on.
export const closeOnExec = 0o2000000;
export const nonBlocking = 0o4000;
export const errors = { EINTR: 4, EAGAIN: 11, ENFILE: 23, EMFILE: 24, ECONNABORTED: 103, EINPROGRESS: 115 };

/** Undefined where there is another C library than glibc. */
export function loadSystemCalls(): SystemCalls | undefined {
  const koffi = createRequire(import.meta.url)('koffi') as typeof koffiModule;
  let libc: koffiModule.LibraryHandle;
  try {
    libc = koffi.load('libc.so.6');
  } catch {
    return undefined;
  }
  return {
    errno: () => koffi.errno(),
    addressOf: (bytes) => Number(koffi.address(bytes)),
    socket: libc.func('int socket(int, int, int)'),
    bind: libc.func('int bind(int, uintptr_t, uint32_t)'),
    listen: libc.func('int listen(int, int)'),
    accept4: libc.func('int accept4(int, uintptr_t, uintptr_t, int)'),
    connect: libc.func('int connect(int, uintptr_t, uint32_t)'),
    recv: libc.func('long recv(int, uintptr_t, size_t, int)'),
    send: libc.func('long send(int, uintptr_t, size_t, int)'),
    shutdown: libc.func('int shutdown(int, int)'),
    close: libc.func('int close(int)'),
    getsockopt: libc.func('int getsockopt(int, int, int, uintptr_t, uintptr_t)'),
    setsockopt: libc.func('int setsockopt(int, int, int, uintptr_t, uint32_t)'),
    getpeername: libc.func('int getpeername(int, uintptr_t, uintptr_t)'),
    getsockname: libc.func('int getsockname(int, uintptr_t, uintptr_t)'),
    epollCreate: libc.func('int epoll_create1(int)'),
    epollControl: libc.func('int epoll_ctl(int, int, int, uintptr_t)'),
    epollWait: libc.func('int epoll_wait(int, uintptr_t, int, int)'),
    eventDescriptor: libc.func('int eventfd(unsigned int, int)'),
  };
}
