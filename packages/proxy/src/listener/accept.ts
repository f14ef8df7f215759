import { Socket, type Server, type SocketConstructorOpts } from 'node:net';
import { readInto } from '../wire/socket-wire.ts';

/** The part of Node's TCP and pipe handles that is used here. */
interface ListeningHandle {
  onconnection: (error: number, client: ClientHandle | undefined) => void;
}

interface ClientHandle {
  setNoDelay?(on: boolean): void;
}

/**
 * Lets a listening server give out sockets that read into one shared buffer.
 *
 * `net.Server` has no option for that: its sockets allocate 64 KiB for each read. So the handle's
 * own callback is taken over; where a version of Node has no such handle, the server's sockets are
 * used as they come, and the answer is false.
 */
export function acceptInto(server: Server, buffer: Buffer, onSocket: (socket: Socket) => void): boolean {
  const handle = (server as unknown as { readonly _handle?: ListeningHandle | null })._handle;
  if (typeof handle?.onconnection !== 'function') return false;
  const standard = handle.onconnection;
  handle.onconnection = function onConnection(error, client) {
    if (error !== 0 || client === undefined) {
      standard.call(handle, error, client);
      return;
    }
    client.setNoDelay?.(true);
    const options = {
      handle: client,
      allowHalfOpen: true,
      readable: true,
      writable: true,
      onread: readInto(buffer),
    };
    // `handle` is how Node's own servers make sockets; the types leave it out.
    onSocket(new Socket(options as SocketConstructorOpts));
  };
  return true;
}
