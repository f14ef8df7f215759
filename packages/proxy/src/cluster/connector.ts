import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { messageOf } from '@lateen/core';
import type { Cluster } from '../model/cluster.ts';
import { Expirable, type CoarseTimers } from '../timer/coarse-timers.ts';
import { readInto, SocketWire } from '../wire/socket-wire.ts';
import type { Turn } from '../wire/turn.ts';
import type { Wire } from '../wire/wire.ts';
import type { Host } from './host.ts';

export type ConnectFailure = 'connection_failure' | 'connect_timeout';

/** Hears how an attempt to connect ends; exactly one of the two is called, never before `connect` returns. */
export interface ConnectListener {
  onConnected(wire: Wire): void;
  onFailed(failure: ConnectFailure, detail: string): void;
}

export interface PendingConnection {
  /** Gives up; nothing is heard any more. */
  cancel(): void;
}

/** Makes connections to hosts. */
export interface Connector {
  connect(host: Host, listener: ConnectListener): PendingConnection;
}

/** What connectors share in a data plane. */
export interface ConnectorContext {
  readonly turn: Turn;
  readonly timers: CoarseTimers;
  /** Into which all plain sockets read. */
  readonly readBuffer: Buffer;
}

/** Plain TCP connections as a cluster asks for them. */
export class TcpConnector implements Connector {
  readonly #context: ConnectorContext;
  readonly #cluster: Cluster;

  constructor(context: ConnectorContext, cluster: Cluster) {
    this.#context = context;
    this.#cluster = cluster;
  }

  connect(host: Host, listener: ConnectListener): PendingConnection {
    const cluster = this.#cluster;
    const { address } = host;
    const onread = readInto(this.#context.readBuffer);
    let socket: Socket;
    if (address.kind === 'pipe') {
      socket = connect({ path: address.path, allowHalfOpen: true, onread });
    } else {
      const options: TcpNetConnectOpts = {
        host: address.address,
        port: address.port,
        allowHalfOpen: true,
        noDelay: true,
        onread,
      };
      if (cluster.sourceAddress !== undefined) options.localAddress = cluster.sourceAddress.address;
      if (cluster.tcpKeepalive !== undefined) {
        options.keepAlive = true;
        options.keepAliveInitialDelay = cluster.tcpKeepalive.timeMs;
      }
      socket = connect(options);
    }
    return new Connecting(this.#context, socket, listener, cluster.connectTimeoutMs);
  }
}

class Connecting extends Expirable implements PendingConnection {
  readonly #context: ConnectorContext;
  readonly #socket: Socket;
  #listener: ConnectListener | undefined;

  constructor(context: ConnectorContext, socket: Socket, listener: ConnectListener, timeoutMs: number) {
    super();
    this.#context = context;
    this.#socket = socket;
    this.#listener = listener;
    socket.once('connect', this.#onConnect);
    socket.on('error', this.#onError);
    if (timeoutMs > 0) context.timers.start(this, timeoutMs);
  }

  cancel(): void {
    if (this.#listener === undefined) return;
    this.#finish();
    this.#socket.on('error', () => {});
    this.#socket.destroy();
  }

  onExpire(): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.cancel();
    listener.onFailed('connect_timeout', 'no connection in time');
  }

  readonly #onConnect = (): void => {
    const listener = this.#finish();
    const { turn } = this.#context;
    const wire = new SocketWire(turn, this.#socket);
    turn.enter();
    try {
      listener?.onConnected(wire);
    } finally {
      turn.leave();
    }
  };

  readonly #onError = (error: Error): void => {
    const listener = this.#finish();
    this.#socket.on('error', () => {});
    const { turn } = this.#context;
    turn.enter();
    try {
      listener?.onFailed('connection_failure', messageOf(error));
    } finally {
      turn.leave();
    }
  };

  #finish(): ConnectListener | undefined {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#context.timers.stop(this);
    this.#socket.off('connect', this.#onConnect);
    this.#socket.off('error', this.#onError);
    return listener;
  }
}
