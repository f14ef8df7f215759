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
