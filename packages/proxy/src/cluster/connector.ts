import { connect, type IpcNetConnectOpts, type Socket, type TcpNetConnectOpts } from 'node:net';
import { messageOf } from '@lateen/core';
import type { Address } from '../model/address.ts';
import type { Cluster } from '../model/cluster.ts';
import { Expirable, type CoarseTimers } from '../timer/coarse-timers.ts';
import { readInto, SocketWire } from '../wire/socket-wire.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
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
  /** `serverName`: the request's host, for clusters that put it into SNI. */
  connect(host: Host, listener: ConnectListener, serverName?: string): PendingConnection;
}

/** What connectors share in a data plane. */
export interface ConnectorContext {
  readonly turn: Turn;
  readonly timers: CoarseTimers;
  /** Into which all plain sockets read. */
  readonly readBuffer: Buffer;
}

/** Options of `net.connect` and `tls.connect` for an endpoint of a cluster. */
export function socketOptions(cluster: Cluster, address: Address): TcpNetConnectOpts | IpcNetConnectOpts {
  if (address.kind === 'pipe') return { path: address.path, allowHalfOpen: true };
  const options: TcpNetConnectOpts = {
    host: address.address,
    port: address.port,
    allowHalfOpen: true,
    noDelay: true,
  };
  if (cluster.sourceAddress !== undefined) options.localAddress = cluster.sourceAddress.address;
  if (cluster.tcpKeepalive !== undefined) {
    options.keepAlive = true;
    options.keepAliveInitialDelay = cluster.tcpKeepalive.timeMs;
  }
  return options;
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
    const options = {
      ...socketOptions(this.#cluster, host.address),
      onread: readInto(this.#context.readBuffer),
    };
    return new Connecting(
      this.#context,
      connect(options),
      'connect',
      listener,
      this.#cluster.connectTimeoutMs,
    );
  }
}

/** What TLS adds to a connection that is being made. */
export interface SecureConnecting {
  /** Why the peer is not accepted; undefined where it is. */
  judge(): string | undefined;
  describe(): TlsInfo | undefined;
  onError(error: Error): void;
}

/** A connection that is being made; for connectors. */
export class Connecting extends Expirable implements PendingConnection {
  readonly #context: ConnectorContext;
  readonly #socket: Socket;
  readonly #event: 'connect' | 'secureConnect';
  readonly #secure: SecureConnecting | undefined;
  #listener: ConnectListener | undefined;

  constructor(
    context: ConnectorContext,
    socket: Socket,
    event: 'connect' | 'secureConnect',
    listener: ConnectListener,
    timeoutMs: number,
    secure?: SecureConnecting,
  ) {
    super();
    this.#context = context;
    this.#socket = socket;
    this.#event = event;
    this.#listener = listener;
    this.#secure = secure;
    socket.once(event, this.#onConnect);
    socket.on('error', this.#onError);
    if (event === 'secureConnect') socket.on('close', this.#onEarlyClose);
    if (timeoutMs > 0) context.timers.start(this, timeoutMs);
  }

  cancel(): void {
    if (this.#listener === undefined) return;
    this.#finish();
    this.#drop();
  }

  onExpire(): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.cancel();
    listener.onFailed('connect_timeout', 'no connection in time');
  }

  readonly #onConnect = (): void => {
    const refusal = this.#secure?.judge();
    if (refusal !== undefined) {
      this.#fail(refusal);
      return;
    }
    const listener = this.#finish();
    const { turn } = this.#context;
    const wire = new SocketWire(turn, this.#socket);
    if (this.#secure !== undefined) wire.tls = this.#secure.describe();
    turn.enter();
    try {
      listener?.onConnected(wire);
    } finally {
      turn.leave();
    }
  };

  readonly #onError = (error: Error): void => {
    this.#secure?.onError(error);
    this.#fail(messageOf(error));
  };

  readonly #onEarlyClose = (): void => this.#fail('the endpoint closed the connection during the handshake');

  #fail(detail: string): void {
    const listener = this.#finish();
    this.#drop();
    const { turn } = this.#context;
    turn.enter();
    try {
      listener?.onFailed('connection_failure', detail);
    } finally {
      turn.leave();
    }
  }

  #drop(): void {
    this.#socket.on('error', () => {});
    this.#socket.destroy();
  }

  #finish(): ConnectListener | undefined {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#context.timers.stop(this);
    this.#socket.off(this.#event, this.#onConnect);
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onEarlyClose);
    return listener;
  }
}
