import { connect, type Server, type Socket } from 'node:net';

/** Where accepted connections are carried to. */
export interface ForwardTarget {
  readonly host: string;
  readonly port: number;
}

/** Carries every connection that `server` accepts to a target, byte for byte, until {@link close}. */
export interface HostForward {
  /** How many connections are open. */
  readonly connections: number;
  /** Frees the port and ends the connections. */
  close(): void;
}

/** Starts to forward. `target` is read at each connection. */
export function forwardConnections(server: Server, target: () => ForwardTarget): HostForward {
  const open = new Set<Socket>();
  // A server that came from another process has default options; each side must be able to end alone.
  Object.assign(server, { allowHalfOpen: true, noDelay: true });

  const onConnection = (downstream: Socket): void => {
    const upstream = connect({ ...target(), allowHalfOpen: true, noDelay: true });
    for (const [one, other] of [
      [downstream, upstream],
      [upstream, downstream],
    ] as const) {
      open.add(one);
      one.setNoDelay(true);
      one.pipe(other);
      one.once('close', (failed) => {
        open.delete(one);
        // After an orderly end both have ended already; after anything else the other must not linger, and
        // must not look as if it had ended in order.
        if (failed || !one.readableEnded) other.resetAndDestroy();
      });
      one.on('error', () => {});
    }
    downstream.resume();
  };
  server.on('connection', onConnection);
  return {
    get connections() {
      return open.size / 2;
    },
    close() {
      server.off('connection', onConnection);
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
