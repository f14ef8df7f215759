import { opensslErrorText } from '../cluster/connect-error.ts';
import type {
  ConnectFailure,
  ConnectListener,
  ConnectorContext,
  PlainConnectListener,
  PendingConnection,
} from '../cluster/connector.ts';
import type { ConnectTimes } from '../wire/connect-times.ts';
import type { Countdown, Expirable } from '../timer/coarse-timers.ts';
import type { PlainWire } from '../wire/plain-wire.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import { Handshake, type HandshakeListener } from './handshake.ts';
import type { Openssl } from './openssl/openssl.ts';
import type { TlsSession } from './openssl/tls-session.ts';
import type { SecureWire } from './secure-wire.ts';

/** What a connector does with a handshake. */
export interface ClientHandshake {
  readonly openssl: Openssl;
  /** A session of its own for the connection. */
  create(wire: PlainWire): TlsSession;
  judge(session: TlsSession): TlsInfo | { readonly refused: string };
  onSecure(session: TlsSession, wire: SecureWire): void;
  /** The handshake broke by an error of TLS. */
  onBroken(): void;
}

/** A TLS connection that is being made: first the connection, then the handshake. */
export class TlsConnecting implements Expirable, PendingConnection, PlainConnectListener, HandshakeListener {
  countdown: Countdown | undefined = undefined;
  readonly #context: ConnectorContext;
  readonly #client: ClientHandshake;
  #listener: ConnectListener | undefined;
  #pending: PendingConnection | undefined;
  #session: TlsSession | undefined;
  #times: ConnectTimes | undefined;

  constructor(
    context: ConnectorContext,
    client: ClientHandshake,
    listener: ConnectListener,
    timeoutMs: number,
    connect: (inner: PlainConnectListener) => PendingConnection,
  ) {
    this.#context = context;
    this.#client = client;
    this.#listener = listener;
    this.#pending = connect(this);
    if (timeoutMs > 0) context.timers.start(this, timeoutMs);
  }

  cancel(): void {
    if (this.#listener === undefined) return;
    this.#finish();
    this.#pending?.cancel();
  }

  onExpire(): void {
    const listener = this.#listener;
    this.cancel();
    listener?.onFailed('connect_timeout', '');
  }

  onConnected(wire: PlainWire): void {
    const { openssl } = this.#client;
    const session = this.#client.create(wire);
    this.#session = session;
    this.#times = wire.times;
    const connection = { handle: wire.detach(), readBuffer: wire.readBuffer };
    const handshake = new Handshake(this.#context.turn, connection, openssl, session, this);
    this.#pending = handshake;
    handshake.start();
  }

  judge(session: TlsSession): TlsInfo | { readonly refused: string } {
    return this.#client.judge(session);
  }

  onSecure(wire: SecureWire): void {
    const listener = this.#finish();
    if (this.#times !== undefined) wire.times = { ...this.#times, securedMs: this.#context.turn.nowMs };
    if (this.#session !== undefined) this.#client.onSecure(this.#session, wire);
    listener?.onConnected(wire);
  }

  onFailed(reason: ConnectFailure | 'handshake' | 'peer', detail: string): void {
    const listener = this.#finish();
    if (reason === 'connect_timeout' || reason === 'connection_failure') {
      listener?.onFailed(reason, detail);
      return;
    }
    if (reason === 'handshake' && detail !== '') this.#client.onBroken();
    const broken = reason === 'handshake' && detail !== '';
    listener?.onFailed('connection_failure', broken ? opensslErrorText(detail) : detail);
  }

  #finish(): ConnectListener | undefined {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#context.timers.stop(this);
    return listener;
  }
}
