import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { takeConnections } from '../../listener/accept.ts';
import type { SocketHandle } from '../socket-handle.ts';
import { bindTcp, createListener } from '../sockets.ts';

export interface Accepting {
  readonly port: number;
  close(): void;
}

/** Listens on a port of the loopback as this thread does now: by descriptors where it has a poll, else by libuv. */
export async function accepting(onConnection: (socket: SocketHandle) => void): Promise<Accepting> {
  const fd = bindTcp({ address: '127.0.0.1', port: 0 });
  const listener = fd === undefined ? undefined : createListener(fd, onConnection, (error) => void error);
  if (listener !== undefined) {
    listener.listen(128);
    return { port: listener.name.port, close: () => listener.close() };
  }
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  takeConnections(server, onConnection);
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
