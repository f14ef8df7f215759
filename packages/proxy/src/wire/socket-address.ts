import { networkInterfaces } from 'node:os';
import { addressBytes, addressText } from '../model/address-bytes.ts';
import type { HandleName } from './socket-handle.ts';

/** Linux' numbers of the families. */
export const familyIpv4 = 2;
export const familyIpv6 = 10;

/** The longest of the two structures. */
export const socketAddressBytes = 28;

export function familyOf(address: string): number {
  return address.includes(':') ? familyIpv6 : familyIpv4;
}

/** `struct sockaddr_in` or `sockaddr_in6` (ip(7), ipv6(7)). */
export function encodeSocketAddress({ address, port }: HandleName): Buffer {
  const family = familyOf(address);
  const six = family === familyIpv6;
  const bytes = Buffer.alloc(six ? socketAddressBytes : 16);
  bytes.writeUInt16LE(family, 0);
  bytes.writeUInt16BE(port, 2);
  addressBytes(address).copy(bytes, six ? 8 : 4);
  if (six) bytes.writeUInt32LE(zoneIndex(address), 24);
  return bytes;
}

/** The name in such a structure; empty for other families, as of Unix domain sockets. */
export function decodeSocketAddress(bytes: Buffer): HandleName {
  const family = bytes.readUInt16LE(0);
  const port = bytes.readUInt16BE(2);
  if (family === familyIpv4) return { address: addressText(bytes.subarray(4, 8)), port };
  if (family !== familyIpv6) return { address: '', port: 0 };
  return { address: addressText(bytes.subarray(8, 24)) + zoneText(bytes.readUInt32LE(24)), port };
}

/** The number of the interface after the `%` of a link-local address; 0 where there is none. */
function zoneIndex(address: string): number {
  const [, zone] = address.split('%');
  if (zone === undefined) return 0;
  if (/^\d+$/.test(zone)) return Number(zone);
  const own = networkInterfaces()[zone]?.find((one) => one.family === 'IPv6');
  return own?.scopeid ?? 0;
}

function zoneText(index: number): string {
  if (index === 0) return '';
  for (const [name, list] of Object.entries(networkInterfaces()))
    if (list?.some((one) => one.scopeid === index) === true) return `%${name}`;
  return `%${index}`;
}
