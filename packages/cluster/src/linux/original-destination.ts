import type { Socket } from 'node:net';
import { libc } from './libc.ts';

const solIp = 0;
const soOriginalDst = 80;

/** Where a connection that a REDIRECT rule turned to this process was going, by IPv4. */
export function originalDestination(socket: Socket): { readonly address: string; readonly port: number } {
  // Node has no public name for a socket's descriptor.
  const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const address = new Uint8Array(16);
  libc('getsockopt', fd, solIp, soOriginalDst, address, new Int32Array([address.length]));
  const [, , high = 0, low = 0, ...ip] = address;
  return { address: ip.slice(0, 4).join('.'), port: high * 256 + low };
}
