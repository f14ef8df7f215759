import type { Server } from 'node:net';
import { NodeSocket } from '../wire/node-socket.ts';
import type { SocketHandle } from '../wire/socket-handle.ts';

/** The part of Node's listening handles that is used here. */
interface ListeningHandle {
  onconnection: (error: number, client: object | undefined) => void;
  setNoDelay?(on: boolean): number;
}

/** Lets a listening server give out the handles of its connections, for which it would make a `net.Socket` each. */
export function takeConnections(server: Server, onConnection: (socket: SocketHandle) => void): void {
  const handle = (server as unknown as { readonly _handle: ListeningHandle })._handle;
  // Linux hands TCP_NODELAY on to the connections of a listening socket; a pipe has no such option.
  handle.setNoDelay?.(true);
  const standard = handle.onconnection;
  handle.onconnection = function takeOne(error, client) {
    if (error !== 0 || client === undefined) standard.call(handle, error, client);
    else onConnection(NodeSocket.of(client));
  };
}
