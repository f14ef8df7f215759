import type { IpcNetConnectOpts, TcpNetConnectOpts } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { connectErrorText } from '../cluster/connect-error.ts';
import type { ConnectListener, ConnectorContext, PendingConnection } from '../cluster/connector.ts';
import type { Address } from '../model/address.ts';
import type { Cluster } from '../model/cluster.ts';
import { Expirable } from '../timer/coarse-timers.ts';
import { SecureWire } from '../wire/secure-wire.ts';
import type { TlsInfo } from '../wire/tls-info.ts';

/** Options of `tls.connect` for an endpoint of a cluster. */
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

/** What is judged when the handshake is over. */
export interface SecureConnecting {
  /** Why the peer is not accepted; undefined where it is. */
  judge(): string | undefined;
  describe(): TlsInfo | undefined;
  onError(error: Error): void;
}

/** A TLS connection that is being made. */
export class TlsConnecting extends Expirable implements PendingConnection {
  readonly #context: ConnectorContext;
  readonly #socket: TLSSocket;
  readonly #secure: SecureConnecting;
  #listener: ConnectListener | undefined;

  constructor(
    context: ConnectorContext,
    socket: TLSSocket,
    listener: ConnectListener,
    timeoutMs: number,
    secure: SecureConnecting,
  ) {
    super();
    this.#context = context;
    this.#socket = socket;
    this.#listener = listener;
    this.#secure = secure;
    socket.once('secureConnect', this.#onSecure);
    socket.on('error', this.#onError);
    socket.on('close', this.#onEarlyClose);
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
    listener.onFailed('connect_timeout', '');
  }

  readonly #onSecure = (): void => {
    const refusal = this.#secure.judge();
    if (refusal !== undefined) {
      this.#fail(refusal);
      return;
    }
    const listener = this.#finish();
    const { turn, readBuffer } = this.#context;
    const wire = new SecureWire(turn, this.#socket, readBuffer, this.#secure.describe());
    turn.enter();
    try {
      wire.resume();
      listener?.onConnected(wire);
    } finally {
      turn.leave();
    }
  };

  readonly #onError = (error: Error): void => {
    this.#secure.onError(error);
    this.#fail(connectErrorText(error));
  };

  /** In the handshake, without a word. */
  readonly #onEarlyClose = (): void => this.#fail('');

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
    this.#socket.off('secureConnect', this.#onSecure);
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onEarlyClose);
    return listener;
  }
}
