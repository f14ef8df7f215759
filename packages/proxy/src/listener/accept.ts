import type { Server } from 'node:net';
import type { TransportHandle } from '../wire/stream-handle.ts';

/** The part of Node's listening handles that is used here. */
interface ListeningHandle {
  onconnection: (error: number, client: TransportHandle | undefined) => void;
  setNoDelay?(on: boolean): number;
}

/** Lets a listening server give out the handles of its connections, for which it would make a `net.Socket` each. */
export function takeConnections(server: Server, onHandle: (handle: TransportHandle) => void): void {
  const handle = (server as unknown as { readonly _handle: ListeningHandle })._handle;
  // Linux hands TCP_NODELAY on to the connections of a listening socket.
  handle.setNoDelay?.(true);
  const standard = handle.onconnection;
  handle.onconnection = function onConnection(error, client) {
    if (error !== 0 || client === undefined) standard.call(handle, error, client);
    else onHandle(client);
  };
}
