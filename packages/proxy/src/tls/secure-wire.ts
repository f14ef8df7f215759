import { opensslErrorText } from '../cluster/connect-error.ts';
import { PlainWire } from '../wire/plain-wire.ts';
import { endOfStream, type SocketHandle } from '../wire/socket-handle.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import type { Turn } from '../wire/turn.ts';
import type { Openssl } from './openssl/openssl.ts';
import type { TlsSession } from './openssl/tls-session.ts';

/** Sends what OpenSSL has encrypted; false where `send` says so. */
export function sendEncrypted(openssl: Openssl, send: (bytes: Buffer, length: number) => boolean): void {
  const { output } = openssl;
  const length = output.pendingBytes;
  if (length === 0) return;
  const bytes = output.pending;
  output.taken();
  if (!send(bytes, length)) output.giveAway();
}

/** A connection with TLS, from the end of its handshake on. */
export class SecureWire extends PlainWire {
  override readonly tls: TlsInfo;
  readonly #openssl: Openssl;
  readonly #session: TlsSession;
  /** Told once, when the first bytes have been read: by then a server has sent what sessions are resumed with. */
  onFirstBytes: (() => void) | undefined;

  constructor(
    turn: Turn,
    handle: SocketHandle,
    readBuffer: Buffer,
    openssl: Openssl,
    session: TlsSession,
    tls: TlsInfo,
  ) {
    super(turn, handle, readBuffer);
    this.#openssl = openssl;
    this.#session = session;
    this.tls = tls;
  }

  override flushOutput(buffer: Buffer, length: number): boolean {
    if (this.closed || this.sending !== 'open') return true;
    this.bytes.sent += length;
    if (!this.#session.write(buffer, length)) {
      this.#break();
      return true;
    }
    this.#send();
    // What is left to send is encrypted and in a buffer of its own.
    return true;
  }

  override onHandleRead(length: number): void {
    if (this.closed || length <= 0) {
      super.onHandleRead(length);
      return;
    }
    this.#openssl.input.feed(this.readBuffer, length);
    this.readDecrypted();
  }

  /** Hands on what OpenSSL has decrypted of the bytes that have arrived. */
  readDecrypted(): void {
    const { plain, input } = this.#openssl;
    for (let more = true; more && !this.closed; ) {
      const length = this.#fill(plain);
      if (length > 0) this.deliver(plain, length);
      more = length === plain.length;
    }
    // What a connection that has ended has not read must not be taken for another's.
    if (!input.isEmpty) input.discard();
  }

  /** Decrypts whole records until the buffer is full; what ends the connection is acted on after they are delivered. */
  #fill(plain: Buffer): number {
    const { input } = this.#openssl;
    let at = this.#session.read(plain, 0);
    while (at > 0 && at < plain.length && !input.isEmpty) {
      const more = this.#session.read(plain, at);
      if (more === 0) break;
      at += more;
    }
    // Also what OpenSSL answers by itself: updates of keys, alerts.
    this.#send();
    if (this.closed) return 0;
    if (at > 0) this.#firstBytes();
    const { ended } = this.#session;
    if (ended === 'no') return at;
    // The last bytes may be the first: an answer with the end of its connection.
    if (at > 0) this.deliver(plain, at);
    if (this.closed) return 0;
    if (ended === 'closed') super.onHandleRead(endOfStream);
    else this.#break();
    return 0;
  }

  #firstBytes(): void {
    const told = this.onFirstBytes;
    if (told === undefined) return;
    this.onFirstBytes = undefined;
    told();
  }

  protected override finishSending(): void {
    this.#session.shutdown();
    this.#send();
    if (!this.closed) super.finishSending();
  }

  protected override close(reset: boolean): void {
    this.#session.free();
    super.close(reset);
  }

  #send(): void {
    sendEncrypted(this.#openssl, (bytes, length) => this.closed || this.send(bytes, length));
  }

  #break(): void {
    this.error = new Error(opensslErrorText(this.#session.error));
    this.destroy();
  }
}
