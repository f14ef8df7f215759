import { LateenError } from '@lateen/core';
import koffi from 'koffi';

type Argument = number | string | bigint | Uint8Array | Int32Array | null;
type SystemCall = (...args: readonly Argument[]) => number;

const signatures = {
  unshare: 'int unshare(int flags)',
  setns: 'int setns(int fd, int type)',
  sethostname: 'int sethostname(const char *name, size_t length)',
  flock: 'int flock(int fd, int operation)',
  pipe2: 'int pipe2(_Out_ int *fds, int flags)',
  socket: 'int socket(int domain, int type, int protocol)',
  ioctl: 'int ioctl(int fd, unsigned long request, void *argument)',
  getsockopt: 'int getsockopt(int fd, int level, int name, void *value, int *length)',
  if_nametoindex: 'unsigned int if_nametoindex(const char *name)',
} as const;

export type LibcName = keyof typeof signatures;

const library = koffi.load(null);
const functions = new Map(
  Object.entries(signatures).map(([name, signature]) => [
    name as LibcName,
    library.func(signature) as unknown as SystemCall,
  ]),
);

/**
 * Calls a function of the C library; throws a LateenError `linux.NAME` with the error's name where
 * it answers -1.
 */
export function libc(name: LibcName, ...args: readonly Argument[]): number {
  const result = functions.get(name)?.(...args) ?? -1;
  if (result === -1) {
    const number = koffi.errno();
    const errnoName =
      Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `${number}`;
    throw new LateenError(`linux.${errnoName}`, `${name} failed: ${errnoName}`);
  }
  return result;
}
