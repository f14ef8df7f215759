import { addressBytes } from '../model/address-bytes.ts';
import type { SocketAddress } from '../model/address.ts';

/** Whose address a connection is to come from. */
export interface OriginalSource {
  readonly address: string;
  /** 0: any. */
  readonly port: number;
  /** Of the packets (`SO_MARK`), so that answers find their way back; 0: none. */
  readonly mark: number;
}

/** What Node has no call for: sockets with addresses that are not the host's own. Needs CAP_NET_ADMIN. */
export interface TransparentSockets {
  /** Lets a listening socket take connections to any address, as TPROXY sends them, or no longer; 0 or an error of libuv. */
  listen(fd: number, family: 4 | 6, transparent: boolean): number;
  /** A descriptor that is bound to the source, ready to be connected; less than 0: an error of libuv. */
  open(source: OriginalSource): number;
}

/** Loads the system calls; only for listeners that need them, since it costs a native library. */
export class LazyTransparentSockets {
  #sockets: TransparentSockets | undefined;

  async load(): Promise<void> {
    this.#sockets ??= await loadTransparentSockets();
  }

  get sockets(): TransparentSockets {
    if (this.#sockets === undefined) throw new Error('transparent sockets are made only after load()');
    return this.#sockets;
  }
}

// Linux' numbers, the same on all machines that Node runs on.
const familyOf = { 4: 2, 6: 10 } as const;
const levelOf = { 4: 0, 6: 41 } as const;
const transparentOf = { 4: 19, 6: 75 } as const;
const levelSocket = 1;
const optionMark = 36;
const bindAddressNoPort = 24;
const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;
const stream = 1;

async function loadTransparentSockets(): Promise<TransparentSockets> {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load('libc.so.6');
  const socket = libc.func('int socket(int, int, int)') as (...all: number[]) => number;
  const close = libc.func('int close(int)') as (fd: number) => number;
  const bind = libc.func('int bind(int, const void *, uint32_t)') as (
    fd: number,
    address: Buffer,
    length: number,
  ) => number;
  const setsockopt = libc.func('int setsockopt(int, int, int, const void *, uint32_t)') as (
    fd: number,
    level: number,
    option: number,
    value: Buffer,
    length: number,
  ) => number;
  const failed = (): number => -koffi.errno();
  const set = (fd: number, level: number, option: number, value: number): number => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return setsockopt(fd, level, option, bytes, bytes.length) === 0 ? 0 : failed();
  };
  const setTransparent = (fd: number, family: 4 | 6, transparent: boolean): number =>
    set(fd, levelOf[family], transparentOf[family], transparent ? 1 : 0);

  return {
    listen: setTransparent,
    open({ address, port, mark }) {
      const family = address.includes(':') ? 6 : 4;
      const fd = socket(familyOf[family], stream | nonBlocking | closeOnExec, 0);
      if (fd < 0) return failed();
      const place = encodeAddress({ kind: 'socket', address, port });
      let status = setTransparent(fd, family, true);
      // The kernel chooses the port when it knows the peer's, so that sources do not run out of ports.
      if (status === 0 && port === 0) status = set(fd, levelOf[4], bindAddressNoPort, 1);
      if (status === 0 && mark !== 0) status = set(fd, levelSocket, optionMark, mark);
      if (status === 0 && bind(fd, place, place.length) !== 0) status = failed();
      if (status === 0) return fd;
      close(fd);
      return status;
    },
  };
}

/** `sockaddr_in` or `sockaddr_in6`. */
function encodeAddress({ address, port }: SocketAddress): Buffer {
  const six = address.includes(':');
  const bytes = Buffer.alloc(six ? 28 : 16);
  bytes.writeUInt16LE(familyOf[six ? 6 : 4], 0);
  bytes.writeUInt16BE(port, 2);
  addressBytes(address).copy(bytes, six ? 8 : 4);
  return bytes;
}
