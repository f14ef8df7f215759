import { type Expirable, type CoarseTimers, type Countdown } from '../timer/coarse-timers.ts';
import type { HandleOwner, SocketHandle } from '../wire/socket-handle.ts';

/** How long a peer may take to hear why its handshake has failed. */
const lingerMs = 1_000;

/**
 * Closes our half of a connection, and the connection when the peer does the same, or at the latest after a second.
 * Closed at once, what the peer is still sending would be answered by a reset, before which it may not have read the
 * last alert.
 */
export class LingeringClose implements Expirable, HandleOwner {
  countdown: Countdown | undefined = undefined;
  readonly #handle: SocketHandle;
  readonly #timers: CoarseTimers;
  #closed = false;

  constructor(handle: SocketHandle, readBuffer: Buffer, timers: CoarseTimers) {
    this.#handle = handle;
    this.#timers = timers;
    handle.own(this, readBuffer);
  }

  start(): void {
    this.#handle.shutdown();
    this.#timers.start(this, lingerMs);
  }

  onHandleRead(length: number): void {
    if (length < 0) this.#close();
  }

  onHandleWritten(status: number): void {
    if (status < 0) this.#close();
  }

  onHandleShutdown(): void {}

  onHandleClosed(): void {}

  onExpire(): void {
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timers.stop(this);
    this.#handle.close(false);
  }
}
