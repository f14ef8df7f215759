import { isIPv6 } from 'node:net';

/** The 4 or 16 bytes of an IP address, in the order of the network; a zone is left out. */
export function addressBytes(address: string): Buffer {
  return isIPv6(address) ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number));
}

function ipv6Bytes(address: string): Buffer {
  // An IPv4 address at the end stands for two groups.
  const [, before, four] = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address) ?? [];
  if (before !== undefined && four !== undefined) {
    const [a = 0, b = 0, c = 0, d = 0] = four.split('.').map(Number);
    return ipv6Bytes(`${before}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`);
  }
  const [left = '', right] = address.replace(/%.*$/, '').split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const tail = right === undefined ? [] : groups(right);
  const bytes = Buffer.alloc(16);
  groups(left).forEach((group, i) => bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i));
  tail.forEach((group, i) => bytes.writeUInt16BE(Number.parseInt(group, 16), 16 - 2 * (tail.length - i)));
  return bytes;
}
