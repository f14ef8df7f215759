import { createServer, type Server } from 'node:net';
import { codeOf } from '@lateen/core';

/** Listens on the host; resolves with the server, or with the code of the error (`EADDRINUSE`). */
export function listenOnHost(address: string, port: number): Promise<Server | string> {
  return new Promise((resolve) => {
    const server = createServer({ pauseOnConnect: true });
    server.once('error', (error) => resolve(codeOf(error) ?? 'EIO'));
    server.listen({ host: address, port, exclusive: true, backlog: 511 }, () => resolve(server));
  });
}

/** The port of a server that listens. */
export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
