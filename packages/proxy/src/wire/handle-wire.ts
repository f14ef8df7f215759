import { ConnectionBytes, type ByteCounter } from './byte-counter.ts';
import type { ConnectTimes } from './connect-times.ts';
import { deafHandler } from './deaf-handler.ts';
import {
  endOfStream,
  handleError,
  type HandleName,
  type HandleOwner,
  type SocketHandle,
} from './socket-handle.ts';
import type { TlsInfo } from './tls-info.ts';
import type { OutputOwner, Turn } from './turn.ts';
import type { Wire, WireHandler } from './wire.ts';

/**
 * A {@link Wire} over a native handle, plain or TLS; how bytes leave and how the connection closes is the
 * subclass's. It reads from the first {@link resume} on.
 *
 * All wires read into one buffer that they share: the bytes are handled before the next read, so an idle
 * connection owns no buffer.
 */
export abstract class HandleWire implements Wire, OutputOwner, HandleOwner {
  protected readonly turn: Turn;
  protected readonly handle: SocketHandle;
  /** Shared by all wires. */
  readonly readBuffer: Buffer;
  handler: WireHandler = deafHandler;
  bytes: ByteCounter;
  times: ConnectTimes | undefined;
  abstract readonly tls: TlsInfo | undefined;
  /** Bytes that were written and have not left. */
  pendingBytes = 0;
  #wantsDrain = false;
  protected readEnded = false;
  /** Our half: open; to be closed after what waits; closed. */
  protected sending: 'open' | 'closing' | 'closed' = 'open';
  closed = false;
  protected error: Error | undefined;
  #remote: HandleName | undefined;
  #local: HandleName | undefined;

  constructor(turn: Turn, handle: SocketHandle, readBuffer: Buffer) {
    this.turn = turn;
    this.handle = handle;
    this.readBuffer = readBuffer;
    this.bytes = turn.uncounted;
    handle.own(this, readBuffer);
  }

  countInto(counter: ByteCounter): void {
    if (this.bytes instanceof ConnectionBytes) this.bytes.shared = counter;
    else this.bytes = counter;
  }

  countAlone(): ByteCounter {
    if (!(this.bytes instanceof ConnectionBytes)) this.bytes = new ConnectionBytes(this.bytes);
    return this.bytes;
  }

  get output(): Buffer {
    return this.turn.buffer;
  }

  claim(bytes: number): number {
    return this.turn.claim(this, bytes);
  }

  commit(end: number): void {
    this.turn.commit(end);
  }

  write(buffer: Uint8Array, start: number, end: number): void {
    this.turn.write(this, buffer, start, end);
  }

  get writtenBytes(): number {
    return this.bytes.sent + this.turn.unsentBytes(this);
  }

  abstract flushOutput(buffer: Buffer, length: number): boolean;

  abstract end(): void;

  /** Closes the connection; `onHandleClosed` is called later. */
  protected abstract close(reset: boolean): void;

  /** Notes bytes that wait; from `highWaterBytes` on the wire is not writable until all have left. */
  protected wait(bytes: number, highWaterBytes: number): void {
    this.pendingBytes += bytes;
    if (this.pendingBytes >= highWaterBytes) this.#wantsDrain = true;
  }

  get writable(): boolean {
    return !this.#wantsDrain;
  }

  destroy(reset = false): void {
    this.turn.discard(this);
    if (this.closed) return;
    this.closed = true;
    this.close(reset);
  }

  pause(): void {
    if (!this.closed) this.handle.stopReading();
  }

  resume(): void {
    if (!this.closed && !this.readEnded) this.handle.startReading();
  }

  get remoteAddress(): string {
    this.#remote ??= this.handle.nameOf('peer');
    return this.#remote.address;
  }

  get remotePort(): number {
    this.#remote ??= this.handle.nameOf('peer');
    return this.#remote.port;
  }

  get localAddress(): string {
    this.#local ??= this.handle.nameOf('own');
    return this.#local.address;
  }

  get localPort(): number {
    this.#local ??= this.handle.nameOf('own');
    return this.#local.port;
  }

  onHandleRead(length: number): void {
    if (this.closed || length === 0) return;
    if (length < 0) {
      this.#readOver(length);
      return;
    }
    this.deliver(this.readBuffer, length);
  }

  /** Hands on `buffer[0, length)`. */
  protected deliver(buffer: Buffer, length: number): void {
    this.bytes.received += length;
    this.turn.enter();
    try {
      this.handler.onBytes(buffer, 0, length);
    } catch (error) {
      this.#bug(error);
    } finally {
      this.turn.leave();
    }
  }

  onHandleWritten(status: number, length: number): void {
    this.pendingBytes -= length;
    if (this.closed) return;
    if (status < 0) {
      this.fail(status, 'write');
      return;
    }
    if (this.pendingBytes > 0 || !this.#wantsDrain) return;
    this.#wantsDrain = false;
    this.#tell('onDrain');
  }

  onHandleShutdown(): void {
    this.sending = 'closed';
    if (this.readEnded) this.destroy();
  }

  onHandleClosed(): void {
    this.closed = true;
    const { handler } = this;
    this.handler = deafHandler;
    this.turn.discard(this);
    this.turn.enter();
    try {
      handler.onClose(this.error);
    } catch (error) {
      this.turn.onBug(error);
    } finally {
      this.turn.leave();
    }
  }

  protected fail(status: number, call: string): void {
    if (this.closed) return;
    this.error = handleError(status, call);
    // Who writes of the failure asks for it when the socket has gone.
    this.#local ??= this.handle.nameOf('own');
    this.destroy();
  }

  #readOver(status: number): void {
    if (status !== endOfStream) {
      this.fail(status, 'read');
      return;
    }
    this.readEnded = true;
    this.#tell('onEnd');
    if (this.sending === 'closed') this.destroy();
  }

  #tell(event: 'onEnd' | 'onDrain'): void {
    this.turn.enter();
    try {
      this.handler[event]();
    } catch (error) {
      this.#bug(error);
    } finally {
      this.turn.leave();
    }
  }

  #bug(error: unknown): void {
    this.destroy();
    this.turn.onBug(error);
  }
}
