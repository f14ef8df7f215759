import { connect, type Server, type Socket } from 'node:net';
import type { Clock } from '@lateen/core';

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

/** A backend may just have gone while the rules that lead to it are still in force: how often, and how soon, to try again. */
const connectTries = 4;
const retryAfterMs = 15;

/** Starts to forward. `target` is read at each connection. */
export function forwardConnections(server: Server, target: () => ForwardTarget, clock: Clock): HostForward {
  const open = new Set<Socket>();
  // A server that came from another process has default options; each side must be able to end alone.
  Object.assign(server, { allowHalfOpen: true, noDelay: true });

  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.once('close', () => open.delete(socket));
  };

  const join = (downstream: Socket, upstream: Socket): void => {
    for (const [one, other] of [
      [downstream, upstream],
      [upstream, downstream],
    ] as const) {
      one.pipe(other);
      one.once('close', (failed) => {
        // After an orderly end both have ended already; after anything else the other must not linger, and
        // must not look as if it had ended in order.
        if (failed || !one.readableEnded) other.resetAndDestroy();
      });
    }
  };

  const lead = (downstream: Socket, tries: number): void => {
    const upstream = connect({ ...target(), allowHalfOpen: true, noDelay: true });
    keep(upstream);
    const onFailure = (): void => {
      if (downstream.destroyed) return;
      if (tries + 1 === connectTries) downstream.resetAndDestroy();
      else clock.after(retryAfterMs, () => lead(downstream, tries + 1));
    };
    const onGone = (): void => void upstream.destroy();
    upstream.once('error', onFailure);
    downstream.once('close', onGone);
    upstream.once('connect', () => {
      upstream.off('error', onFailure);
      downstream.off('close', onGone);
      if (downstream.destroyed) upstream.destroy();
      else join(downstream, upstream);
    });
  };

  const onConnection = (downstream: Socket): void => {
    // Nothing of it is read before there is somewhere to put it.
    downstream.pause();
    keep(downstream);
    lead(downstream, 0);
  };
  server.on('connection', onConnection);
  return {
    get connections() {
      return Math.ceil(open.size / 2);
    },
    close() {
      server.off('connection', onConnection);
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
