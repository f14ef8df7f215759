import type { SocketAddress } from '../model/address.ts';

type GetSockOpt = (fd: number, level: number, option: number, value: Buffer, length: number[]) => number;

/** Asks the kernel where a redirected connection wanted to go, by its descriptor. */
export type OriginalDestination = (fd: number) => SocketAddress | undefined;

const levelIpv4 = 0;
const levelIpv6 = 41;
/** SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST of Linux' netfilter. */
const originalDestinationOption = 80;
const familyIpv4 = 2;
const familyIpv6 = 10;

function readIpv4(value: Buffer): SocketAddress {
  return {
    kind: 'socket',
    address: `${value[4]}.${value[5]}.${value[6]}.${value[7]}`,
    port: value.readUInt16BE(2),
  };
}

function readIpv6(value: Buffer): SocketAddress {
  const groups = Array.from({ length: 8 }, (_, i) => value.readUInt16BE(8 + 2 * i).toString(16));
  return { kind: 'socket', address: groups.join(':'), port: value.readUInt16BE(2) };
}

/** Loads the system call; only for listeners that need it, since it costs a native library. */
export async function loadOriginalDestination(): Promise<OriginalDestination> {
  const { default: koffi } = await import('koffi');
  const getsockopt = koffi
    .load('libc.so.6')
    .func('int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)') as unknown as GetSockOpt;
  const value = Buffer.alloc(28);
  const length = [28];
  const ask = (fd: number, level: number): number => {
    length[0] = value.length;
    return getsockopt(fd, level, originalDestinationOption, value, length);
  };
  return (fd) => {
    if (fd < 0) return undefined;
    if (ask(fd, levelIpv4) === 0 && value.readUInt16LE(0) === familyIpv4) return readIpv4(value);
    if (ask(fd, levelIpv6) === 0 && value.readUInt16LE(0) === familyIpv6) return readIpv6(value);
    return undefined;
  };
}
