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

/** The text of 4 or 16 bytes, as `inet_ntop` writes it; empty for any other number of them. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return bytes.length === 16 ? ipv6Text(bytes) : '';
}

/** RFC 5952: the longest run of zeros is left out, and an IPv4 address in IPv6 is written as one. */
function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return `::ffff:${bytes.subarray(12).join('.')}`;
  let from = -1;
  let most = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (groups[i + length] === 0) length++;
    if (length <= most) continue;
    most = length;
    from = i;
  }
  const text = (some: readonly number[]): string => some.map((group) => group.toString(16)).join(':');
  if (from < 0) return text(groups);
  return `${text(groups.slice(0, from))}::${text(groups.slice(from + most))}`;
}
