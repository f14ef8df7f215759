import { createRequire } from 'node:module';
import type { Server } from 'node:net';
import type * as koffiModule from 'koffi';
import { createTcpHandle, type TransportHandle } from '../wire/stream-handle.ts';

/** The part of Node's listening handles that is used here. */
interface ListeningHandle {
  /** Less than 0 when it is closed. */
  readonly fd: number;
  onconnection: (error: number, client: TransportHandle | undefined) => void;
  setNoDelay?(on: boolean): number;
}

/** Further connections that are accepted in one pass of the event loop, so that those that are there are served too. */
const maxMore = 15;
/** SOCK_NONBLOCK and SOCK_CLOEXEC of Linux. */
const acceptFlags = 0o2004000;

type Accept4 = (fd: number, address: null, length: null, flags: number) => number;

let accept4: Accept4 | undefined;

function loadAccept4(): Accept4 {
  const koffi = createRequire(import.meta.url)('koffi') as typeof koffiModule;
  return koffi.load('libc.so.6').func('int accept4(int, void *, void *, int)');
}

/**
 * Lets a listening server give out the handles of its connections, for which it would make a `net.Socket` each.
 *
 * libuv accepts one connection in a pass of the event loop. Those that wait behind it are taken in the same pass: one
 * pass for each connection was a sixth of the CPU that new connections cost.
 */
export function takeConnections(server: Server, onHandle: (handle: TransportHandle) => void): void {
  const handle = (server as unknown as { readonly _handle: ListeningHandle })._handle;
  // Linux hands TCP_NODELAY on to the connections of a listening socket.
  handle.setNoDelay?.(true);
  // A pipe has no such option, and its connections are few.
  const takesMore = process.platform === 'linux' && handle.setNoDelay !== undefined;
  const standard = handle.onconnection;
  handle.onconnection = function onConnection(error, client) {
    if (error !== 0 || client === undefined) {
      standard.call(handle, error, client);
      return;
    }
    onHandle(client);
    if (takesMore) takeMore(handle, onHandle);
  };
}

/** Accepts what waits; errors, as of too many descriptors, are left to libuv, which meets them in its next pass. */
function takeMore(listening: ListeningHandle, onHandle: (handle: TransportHandle) => void): void {
  accept4 ??= loadAccept4();
  for (let i = 0; i < maxMore && listening.fd >= 0; i++) {
    const fd = accept4(listening.fd, null, null, acceptFlags);
    if (fd < 0) return;
    const handle = createTcpHandle();
    handle.open?.(fd);
    onHandle(handle);
  }
}
