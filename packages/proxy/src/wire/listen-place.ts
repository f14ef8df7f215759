import cluster from 'node:cluster';
import { BoundSocket, isIP, type ListenOptions } from 'node:net';
import type { SocketAddress } from '../model/address.ts';

/**
 * Where a server listens, bound already where its address is one of numbers. Throws where it cannot be bound.
 *
 * Node looks names up for every other server that is to listen on an address, and its test for IPv6 is an expression
 * that takes 11 ms to compile: a twentieth of what a proxy's start costs.
 */
export function listenPlace({ address, port }: SocketAddress, isShared: boolean): ListenOptions {
  if (isIP(address) === 0) return { host: address, port, ...(isShared ? {} : { exclusive: true }) };
  // Workers get the sockets that they share from their primary.
  if (isShared && cluster.isWorker) return { host: address, port };
  return { handle: new BoundSocket({ host: address, port }) };
}
