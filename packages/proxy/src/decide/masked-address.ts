import { isIPv4, isIPv6 } from 'node:net';

/** The network of an address, as `10.1.0.0/16` (Envoy, rate limit action `masked_remote_address`); undefined for no IP address. */
export function maskedAddress(
  address: string,
  v4PrefixLength: number,
  v6PrefixLength: number,
): string | undefined {
  if (isIPv4(address)) {
    const bytes = masked(address.split('.').map(Number), 8, v4PrefixLength);
    return `${bytes.join('.')}/${v4PrefixLength}`;
  }
  if (!isIPv6(address)) return undefined;
  const groups = masked(groupsOf(address), 16, v6PrefixLength);
  const text = groups.map((group) => group.toString(16)).join(':');
  // A URL has the shortest form of an address.
  return `${new URL(`http://[${text}]`).hostname.slice(1, -1)}/${v6PrefixLength}`;
}

/** Parts of so many bits each, of which the first `length` bits stay. */
function masked(parts: readonly number[], bits: number, length: number): number[] {
  return parts.map((part, i) => {
    const kept = Math.max(0, Math.min(bits, length - i * bits));
    const cut = 2 ** (bits - kept);
    return part - (part % cut);
  });
}

function groupsOf(address: string): number[] {
  const plain = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1);
  const [head = '', tail] = plain.split('::');
  const read = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const first = read(head);
  const last = tail === undefined ? [] : read(tail);
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}
