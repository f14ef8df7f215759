import type { Address } from '@lateen/protocol/envoy/config/core/v3';

/** An IP address or host name and a port, as Envoy writes it. */
export function socketAddress(address: string, port: number): Address {
  return { socketAddress: { address, portValue: port } };
}

/** True where the text is an IPv4 or IPv6 address, not a name. */
export function isIp(address: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(address) || address.includes(':');
}
