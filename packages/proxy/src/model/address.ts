import { isIPv4, isIPv6 } from 'node:net';

/** An IP address and a port; port 0 lets the system choose. */
export interface SocketAddress {
  readonly kind: 'socket';
  /** IPv4 or IPv6 in its usual text; a host name only for DNS clusters. */
  readonly address: string;
  readonly port: number;
}

/** A Unix domain socket. */
export interface PipeAddress {
  readonly kind: 'pipe';
  readonly path: string;
  /** Of its file, for sockets that are listened on; undefined: what the process gives. */
  readonly mode?: number;
}

export type Address = SocketAddress | PipeAddress;

/** A range of addresses, `10.0.0.0/8`. */
export interface CidrRange {
  readonly address: string;
  readonly prefixLength: number;
}

/** `10.0.0.1:80`, `[::1]:80`, or the path of a pipe. */
export function formatAddress(address: Address): string {
  if (address.kind === 'pipe') return address.path;
  return address.address.includes(':')
    ? `[${address.address}]:${address.port}`
    : `${address.address}:${address.port}`;
}

/** An IP address with its port, `10.0.0.1:80` or `[::1]:80`; undefined for everything else. */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  const [, six, four, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (six !== undefined) return isIPv6(six) ? { kind: 'socket', address: six, port } : undefined;
  return four !== undefined && isIPv4(four) ? { kind: 'socket', address: four, port } : undefined;
}
