import { networkInterfaces } from 'node:os';

/** The address that others reach this machine by, as far as it knows: the first of version 4 that is no loopback. */
export function hostAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const one of addresses ?? []) if (one.family === 'IPv4' && !one.internal) return one.address;
  }
  return '127.0.0.1';
}
