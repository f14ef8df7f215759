import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { HandleOwner, SocketHandle } from '../wire/socket-handle.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import type { Turn } from '../wire/turn.ts';
import { LingeringClose } from './lingering-close.ts';
import type { Openssl } from './openssl/openssl.ts';
import type { Stapled } from './openssl/ocsp-stapler.ts';
import type { TlsSession } from './openssl/tls-session.ts';
import { SecureWire, sendEncrypted } from './secure-wire.ts';

export interface HandshakeListener {
  /** Judges the peer; what it says of the connection, or why it is refused. */
  judge(session: TlsSession): TlsInfo | { readonly refused: string };
  /** A client has asked for an OCSP response of our certificate. */
  onStapled?(what: Stapled): void;
  onSecure(wire: SecureWire): void;
  /** Takes down what is known of a connection that has failed by an error or for its peer, before its session is gone. */
  explain?(session: TlsSession): void;
  /** The connection is closed. `error` is OpenSSL's, empty where the peer went away. */
  onFailed(reason: 'handshake' | 'peer', error: string): void;
}

/** A TLS handshake on a connection's handle. Exactly one of `onSecure` and `onFailed` is called. */
export class Handshake implements HandleOwner {
  readonly #turn: Turn;
  readonly #handle: SocketHandle;
  readonly #readBuffer: Buffer;
  readonly #openssl: Openssl;
  readonly #session: TlsSession;
  readonly #listener: HandshakeListener;
  readonly #timers: CoarseTimers | undefined;
  #over = false;

  /** With `timers` the connection stays for a moment after an alert of ours. */
  constructor(
    turn: Turn,
    connection: { readonly handle: SocketHandle; readonly readBuffer: Buffer },
    openssl: Openssl,
    session: TlsSession,
    listener: HandshakeListener,
    timers?: CoarseTimers,
  ) {
    this.#turn = turn;
    this.#handle = connection.handle;
    this.#readBuffer = connection.readBuffer;
    this.#openssl = openssl;
    this.#session = session;
    this.#listener = listener;
    this.#timers = timers;
    this.#handle.own(this, this.#readBuffer);
  }

  /** Begins, with what has been read already. */
  start(early?: Buffer): void {
    if (early !== undefined) this.#openssl.input.feed(early, early.length);
    this.#handle.startReading();
    this.#step();
  }

  /** Gives up; nothing is heard any more. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#drop();
  }

  onHandleRead(length: number): void {
    if (this.#over || length === 0) return;
    this.#turn.enter();
    try {
      if (length < 0) this.#fail('handshake', '');
      else {
        this.#openssl.input.feed(this.#readBuffer, length);
        this.#step();
      }
    } finally {
      this.#turn.leave();
    }
  }

  onHandleWritten(status: number): void {
    if (status < 0) this.#fail('handshake', '');
  }

  onHandleShutdown(): void {}

  onHandleClosed(): void {}

  #step(): void {
    try {
      this.#advance();
    } catch (error) {
      this.#fail('handshake', '');
      this.#turn.onBug(error);
    }
  }

  #advance(): void {
    const state = this.#session.handshake();
    const stapled = this.#openssl.takeStapled();
    if (stapled !== undefined) this.#listener.onStapled?.(stapled);
    if (state === 'failed') {
      const error = this.#openssl.takeError();
      const refusal = this.#session.refusal(error);
      const tells = this.#openssl.output.pendingBytes > 0;
      this.#send();
      if (refusal === undefined) this.#fail('handshake', error, tells);
      else this.#fail('peer', refusal, tells);
      return;
    }
    this.#send();
    if (state === 'done' && !this.#over) this.#finish();
  }

  #finish(): void {
    const verdict = this.#listener.judge(this.#session);
    if ('refused' in verdict) {
      this.#fail('peer', verdict.refused);
      return;
    }
    this.#over = true;
    const wire = new SecureWire(
      this.#turn,
      this.#handle,
      this.#readBuffer,
      this.#openssl,
      this.#session,
      verdict,
    );
    try {
      this.#listener.onSecure(wire);
    } catch (error) {
      wire.destroy();
      throw error;
    }
    // The peer's first bytes may have come with its last ones of the handshake.
    wire.readDecrypted();
  }

  #send(): void {
    sendEncrypted(this.#openssl, (bytes, length) => {
      if (this.#over) return true;
      const status = this.#handle.write(bytes, length);
      if (status < 0) this.#fail('handshake', '');
      return status <= 0;
    });
  }

  /** `tells` where an alert has been sent. */
  #fail(reason: 'handshake' | 'peer', error: string, tells = false): void {
    if (this.#over) return;
    this.#over = true;
    if (error !== '') this.#listener.explain?.(this.#session);
    if (tells && this.#timers !== undefined) {
      this.#free();
      new LingeringClose(this.#handle, this.#readBuffer, this.#timers).start();
    } else this.#drop();
    this.#listener.onFailed(reason, error);
  }

  #drop(): void {
    this.#free();
    this.#handle.close(false);
  }

  #free(): void {
    this.#openssl.input.discard();
    this.#session.free();
  }
}
