import type { TLSSocket } from 'node:tls';
import { HandleWire } from './handle-wire.ts';
import { shutdownHandle, writeHandle, type StreamHandle } from './stream-handle.ts';
import type { TlsInfo } from './tls-info.ts';
import type { Turn } from './turn.ts';

/** Every write waits at least until the event loop comes round, so that more may wait than on a plain wire. */
const highWaterBytes = 256 * 1024;

/**
 * A connection with TLS, from the end of its handshake on.
 *
 * `node:tls` makes the handshake and closes the connection; bytes go past its streams, to and from OpenSSL's
 * handle.
 */
export class SecureWire extends HandleWire {
  readonly tls: TlsInfo | undefined;
  readonly #socket: TLSSocket;
  /** The handle takes one write at a time; what is written meanwhile waits here. */
  #writing = false;
  #waiting: Buffer[] = [];

  constructor(turn: Turn, socket: TLSSocket, readBuffer: Buffer, tls: TlsInfo | undefined) {
    super(turn, (socket as unknown as { readonly _handle: StreamHandle })._handle, readBuffer);
    this.#socket = socket;
    this.tls = tls;
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => this.onHandleClosed());
  }

  flushOutput(buffer: Buffer, length: number): boolean {
    if (this.closed || this.sending !== 'open') return true;
    this.bytes.sent += length;
    this.wait(length, highWaterBytes);
    if (this.#writing) this.#waiting.push(Buffer.from(buffer.subarray(0, length)));
    else this.#send(buffer.subarray(0, length));
    // The bytes are encrypted, or copied, when the write returns.
    return true;
  }

  override onHandleWritten(status: number, length: number): void {
    this.#writing = false;
    if (this.#waiting.length > 0 && status >= 0 && !this.closed) {
      const waiting = this.#waiting;
      this.#waiting = [];
      this.#send(waiting.length === 1 ? (waiting[0] as Buffer) : Buffer.concat(waiting));
    }
    super.onHandleWritten(status, length);
    if (this.sending === 'closing' && !this.#writing && !this.closed) this.#shutdown();
  }

  end(): void {
    this.turn.flushOwner(this);
    if (this.closed || this.sending !== 'open') return;
    this.sending = 'closing';
    if (!this.#writing) this.#shutdown();
  }

  protected close(): void {
    this.#waiting = [];
    this.#socket.destroy();
  }

  #send(bytes: Buffer): void {
    const status = writeHandle(this.handle, bytes);
    this.#writing = status > 0;
    if (status > 0) return;
    this.pendingBytes -= bytes.length;
    if (status < 0) this.fail(status, 'write');
  }

  #shutdown(): void {
    this.sending = 'closed';
    if (shutdownHandle(this.handle)) this.onHandleShutdown();
  }
}
