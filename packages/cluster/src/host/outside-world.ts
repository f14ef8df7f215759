import type { Socket } from 'node:net';
import { LateenError } from '@lateen/core';
import type { HostChannel } from './host-ports.ts';

/** What lies beyond the cluster's network namespace, reached through the host process. */
export interface OutsideWorld {
  /** Connects to an address of the host's network. The socket is paused. */
  connect(address: string, port: number): Promise<Socket>;
  /** Asks the host's name servers; takes and resolves with whole messages. */
  resolve(query: Buffer): Promise<Buffer>;
}

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

export function channelOutsideWorld(channel: HostChannel): OutsideWorld {
  const connecting = new Map<number, Waiting<Socket>>();
  const resolving = new Map<number, Waiting<Buffer>>();
  let nextId = 1;

  const take = <T>(map: Map<number, Waiting<T>>, id: number): Waiting<T> | undefined => {
    const waiting = map.get(id);
    map.delete(id);
    return waiting;
  };

  channel.onMessage((message, handle) => {
    if (message.type === 'connected') take(connecting, message.id)?.resolve(handle as Socket);
    else if (message.type === 'connect-failed') {
      const error = new LateenError(message.reason, `the host cannot connect: ${message.reason}`);
      take(connecting, message.id)?.reject(error);
    } else if (message.type === 'resolved') {
      const waiting = take(resolving, message.id);
      if (message.message === undefined) {
        waiting?.reject(new LateenError('dns.no-answer', 'no name server of the host answered'));
      } else waiting?.resolve(Buffer.from(message.message, 'base64'));
    }
  });

  return {
    connect: (address, port) =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        connecting.set(id, { resolve, reject });
        channel.send({ type: 'connect', id, address, port });
      }),
    resolve: (query) =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        resolving.set(id, { resolve, reject });
        channel.send({ type: 'resolve', id, message: query.toString('base64') });
      }),
  };
}
