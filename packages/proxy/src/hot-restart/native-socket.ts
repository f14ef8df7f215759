import { createRequire } from 'node:module';
import { LateenError } from '@lateen/core';
import type * as koffiModule from 'koffi';

const familyUnix = 1;
const typeStream = 1;
const levelSocket = 1;
const peerCredentials = 17;
const receiveTimeout = 20;
/** How long the other process may take to greet. */
const patienceSeconds = 10n;
const rightsOfFds = 1;
/** MSG_CMSG_CLOEXEC: what is received is not handed on to programs that are started. */
const closeOnExec = 0x4000_0000;
const controlHeaderBytes = 16;
/** What Linux takes in one message (SCM_MAX_FD). */
export const maxFdsPerMessage = 253;

interface Message {
  readonly name: null;
  readonly namelen: number;
  readonly iov: readonly [{ readonly base: Uint8Array; readonly len: number }];
  readonly iovlen: number;
  readonly control: Uint8Array;
  controllen: number;
  readonly flags: number;
}

interface Functions {
  socket(family: number, type: number, protocol: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number[]): number;
  sendmsg(fd: number, message: Message, flags: number): number;
  recvmsg: {
    async(
      fd: number,
      message: Message,
      flags: number,
      done: (error: Error | null, length: number) => void,
    ): void;
  };
  close(fd: number): number;
}

/** Unix domain sockets with what Node has no functions for: descriptors in messages, and who is at the other end. */
export class NativeSockets {
  readonly #libc: Functions;
  readonly #errno: () => number;

  private constructor(libc: Functions, errno: () => number) {
    this.#libc = libc;
    this.#errno = errno;
  }

  /** Loads the system calls; only for who needs them, since it costs a native library. */
  static load(): NativeSockets {
    if (process.platform !== 'linux') {
      throw new LateenError('EPLATFORM', 'sockets are handed on between processes on Linux only');
    }
    const koffi = createRequire(import.meta.url)('koffi') as typeof koffiModule;
    const libc = koffi.load('libc.so.6');
    const part = koffi.struct({ base: 'void *', len: 'size_t' });
    const message = koffi.pointer(
      koffi.struct({
        name: 'void *',
        namelen: 'uint32_t',
        iov: koffi.pointer(part),
        iovlen: 'size_t',
        control: 'void *',
        controllen: 'size_t',
        flags: 'int',
      }),
    );
    const functions = {
      socket: libc.func('socket', 'int', ['int', 'int', 'int']),
      connect: libc.func('connect', 'int', ['int', 'void *', 'uint32_t']),
      setsockopt: libc.func('setsockopt', 'int', ['int', 'int', 'int', 'void *', 'uint32_t']),
      getsockopt: libc.func('int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)'),
      sendmsg: libc.func('sendmsg', 'long', ['int', message, 'int']),
      recvmsg: libc.func('recvmsg', 'long', ['int', koffi.inout(message), 'int']),
      close: libc.func('close', 'int', ['int']),
    };
    return new NativeSockets(functions, () => koffi.errno());
  }

  /** Connects to a Unix domain socket, of the abstract namespace where the path begins with NUL; the error's number where it fails. */
  connect(path: string): { readonly fd: number } | { readonly errno: number } {
    const fd = this.#libc.socket(familyUnix, typeStream, 0);
    if (fd < 0) return { errno: this.#errno() };
    const patience = Buffer.alloc(16);
    patience.writeBigInt64LE(patienceSeconds, 0);
    this.#libc.setsockopt(fd, levelSocket, receiveTimeout, patience, patience.length);
    const bytes = Buffer.from(path);
    const address = Buffer.alloc(2 + bytes.length + (path.startsWith('\0') ? 0 : 1));
    address.writeUInt16LE(familyUnix, 0);
    bytes.copy(address, 2);
    if (this.#libc.connect(fd, address, address.length) === 0) return { fd };
    const errno = this.#errno();
    this.#libc.close(fd);
    return { errno };
  }

  /** The user that the process at the other end runs as; -1 where the kernel does not say. */
  peerUid(fd: number): number {
    const value = Buffer.alloc(12);
    if (this.#libc.getsockopt(fd, levelSocket, peerCredentials, value, [value.length]) !== 0) return -1;
    return value.readInt32LE(4);
  }

  /** Sends bytes with descriptors, which stay ours as well; false where it fails. */
  send(fd: number, bytes: Uint8Array, fds: readonly number[]): boolean {
    const control = Buffer.alloc(controlHeaderBytes + Math.ceil(fds.length / 2) * 8);
    const length = controlHeaderBytes + fds.length * 4;
    control.writeBigUInt64LE(BigInt(length), 0);
    control.writeInt32LE(levelSocket, 8);
    control.writeInt32LE(rightsOfFds, 12);
    fds.forEach((one, i) => control.writeInt32LE(one, controlHeaderBytes + 4 * i));
    const message = messageOf(bytes, control, fds.length === 0 ? 0 : length);
    return this.#libc.sendmsg(fd, message, 0) === bytes.length;
  }

  /** Waits for bytes and takes the descriptors that come with them; no bytes at the end of the connection. */
  receive(fd: number, into: Buffer): Promise<{ readonly length: number; readonly fds: readonly number[] }> {
    const control = Buffer.alloc(controlHeaderBytes + (maxFdsPerMessage + 1) * 4);
    const message = messageOf(into, control, control.length);
    return new Promise((resolve, reject) => {
      this.#libc.recvmsg.async(fd, message, closeOnExec, (error, length) => {
        if (error !== null) reject(error);
        else if (length < 0) reject(new Error('the other process does not answer'));
        else resolve({ length, fds: fdsIn(control, message.controllen) });
      });
    });
  }

  close(fd: number): void {
    this.#libc.close(fd);
  }
}

function messageOf(bytes: Uint8Array, control: Buffer, controlLength: number): Message {
  return {
    name: null,
    namelen: 0,
    iov: [{ base: bytes, len: bytes.length }],
    iovlen: 1,
    control,
    controllen: controlLength,
    flags: 0,
  };
}

function fdsIn(control: Buffer, controlLength: number): number[] {
  if (controlLength < controlHeaderBytes) return [];
  if (control.readInt32LE(8) !== levelSocket || control.readInt32LE(12) !== rightsOfFds) return [];
  const end = Math.min(Number(control.readBigUInt64LE(0)), control.length);
  const fds: number[] = [];
  for (let at = controlHeaderBytes; at + 4 <= end; at += 4) fds.push(control.readInt32LE(at));
  return fds;
}
