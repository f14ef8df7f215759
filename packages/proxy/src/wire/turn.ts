import { systemClock, type Clock } from '@lateen/core';
import { ByteCounter } from './byte-counter.ts';
import { copyBytes } from './copy-bytes.ts';

/** Who takes what was written during a turn. */
export interface OutputOwner {
  /** Sends `buffer[0, length)`; false where it keeps the buffer (the peer reads slowly), so that it may not be reused. */
  flushOutput(buffer: Buffer, length: number): boolean;
}

/** Who has something to do when all events that are there have been handled. */
export interface LoopEndOwner {
  onLoopEnd(): void;
}

const outputBytes = 128 * 1024;

/**
 * One turn of the event loop: the time, read once, and one output buffer shared by all
 * connections.
 *
 * A turn is what follows from one event (bytes arrived, a timer fired). Everything that is
 * written to a connection during it is gathered and leaves in one system call when the turn is
 * over; so no connection needs an output buffer of its own.
 */
export class Turn {
  readonly #clock: Clock;
  #depth = 0;
  #owner: OutputOwner | undefined;
  #used = 0;
  #atLoopEnd: LoopEndOwner[] = [];
  /** Where owners write, from the offset that {@link claim} returned. */
  buffer: Buffer = Buffer.allocUnsafeSlow(outputBytes);
  /** For connections whose bytes nobody asks for. */
  readonly uncounted = new ByteCounter();
  /** Monotonic milliseconds at the start of the turn. */
  nowMs: number;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.nowMs = clock.monotonicMs();
  }

  /** Called with an exception out of a handler: a bug, which costs its own connection and no other. */
  onBug: (error: unknown) => void = (error) => {
    throw error;
  };

  /** Wall time of the turn, in milliseconds since the epoch. */
  get wallMs(): number {
    return this.#clock.now();
  }

  enter(): void {
    if (this.#depth++ === 0) this.nowMs = this.#clock.monotonicMs();
  }

  leave(): void {
    if (--this.#depth === 0 && this.#owner !== undefined) this.flush();
  }

  /** Calls the owner once this pass of the event loop has handled its events. */
  atLoopEnd(owner: LoopEndOwner): void {
    if (this.#atLoopEnd.push(owner) === 1) setImmediate(this.#onLoopEnd);
  }

  readonly #onLoopEnd = (): void => {
    const owners = this.#atLoopEnd;
    this.#atLoopEnd = [];
    for (const owner of owners) owner.onLoopEnd();
  };

  /** Makes `bytes` of room for an owner and returns the offset to write at. */
  claim(owner: OutputOwner, bytes: number): number {
    if (this.#owner !== owner) {
      if (this.#owner !== undefined) this.flush();
      this.#owner = owner;
    }
    if (this.#used + bytes > this.buffer.length) {
      this.flush();
      this.#owner = owner;
      if (bytes > this.buffer.length) this.buffer = Buffer.allocUnsafeSlow(bytes);
    }
    return this.#used;
  }

  /** Ends a write that began at the offset of the last claim. */
  commit(end: number): void {
    this.#used = end;
    if (this.#depth === 0) this.flush();
  }

  /** Copies `bytes[start, end)` out for an owner. */
  write(owner: OutputOwner, bytes: Uint8Array, start: number, end: number): void {
    const at = this.claim(owner, end - start);
    this.commit(copyBytes(bytes, start, end, this.buffer, at));
  }

  /** What an owner has written that has not left yet. */
  unsentBytes(owner: OutputOwner): number {
    return this.#owner === owner ? this.#used : 0;
  }

  /** Sends what an owner has written, before it ends or is destroyed. */
  flushOwner(owner: OutputOwner): void {
    if (this.#owner === owner) this.flush();
  }

  /** Forgets what an owner has written. */
  discard(owner: OutputOwner): void {
    if (this.#owner !== owner) return;
    this.#owner = undefined;
    this.#used = 0;
  }

  flush(): void {
    const owner = this.#owner;
    const length = this.#used;
    this.#owner = undefined;
    this.#used = 0;
    if (owner === undefined || length === 0) return;
    if (!owner.flushOutput(this.buffer, length)) {
      this.buffer = Buffer.allocUnsafeSlow(outputBytes);
    } else if (this.buffer.length > outputBytes) {
      this.buffer = Buffer.allocUnsafeSlow(outputBytes);
    }
  }
}
