import type { Server } from 'node:net';
import type { ClusterMessage, HostMessage } from './messages.ts';

/** The loopback addresses of the host that belong to one cluster: a /24. */
export interface AddressBlock {
  /** First three numbers, as `127.97.13`. */
  readonly prefix: string;
  /** The block in CIDR form. */
  readonly cidr: string;
  /** The address of the API server and of NodePorts: `.1`. */
  readonly nodeAddress: string;
  /** Addresses for load balancers: `.2` to `.254`, in order. */
  readonly loadBalancerAddresses: readonly string[];
}

export type HostListenResult =
  | {
      readonly ok: true;
      /** The port that was got; differs from the one asked for where that was 0. */
      readonly port: number;
      /** Accepts in this process what connects on the host; closing it frees the port. */
      readonly server: Server;
    }
  | {
      readonly ok: false;
      /** `EACCES`, `EADDRINUSE`, … */
      readonly reason: string;
    };

/** Listening sockets of the host, for a process that lives in a network namespace of its own. */
export interface HostPorts {
  readonly addressBlock: AddressBlock;
  /** Listens on an address of the block; port 0 takes any that is free. */
  listen(address: string, port: number): Promise<HostListenResult>;
}

/** The block that starts with these three numbers. */
export function addressBlock(prefix: string): AddressBlock {
  return {
    prefix,
    cidr: `${prefix}.0/24`,
    nodeAddress: `${prefix}.1`,
    loadBalancerAddresses: Array.from({ length: 253 }, (_, i) => `${prefix}.${i + 2}`),
  };
}

/** The part of `process` that carries messages between the host and the cluster process. */
export interface HostChannel {
  send(message: ClusterMessage): void;
  onMessage(handler: (message: HostMessage, handle: unknown) => void): void;
}

/** Host ports asked for through the channel to the host process. */
export function channelHostPorts(channel: HostChannel, addressPrefix: string): HostPorts {
  const waiting = new Map<number, (result: HostListenResult) => void>();
  let nextId = 1;
  channel.onMessage((message, handle) => {
    if (message.type !== 'listening' && message.type !== 'listen-failed') return;
    const answer = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.type === 'listening') answer?.({ ok: true, port: message.port, server: handle as Server });
    else answer?.({ ok: false, reason: message.reason });
  });
  return {
    addressBlock: addressBlock(addressPrefix),
    listen(address, port) {
      const id = nextId++;
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        channel.send({ type: 'listen', id, address, port });
      });
    },
  };
}
