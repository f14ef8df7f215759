import type { ByteCounter } from './byte-counter.ts';
import type { ConnectTimes } from './connect-times.ts';
import type { TlsInfo } from './tls-info.ts';
import type { Wire, WireHandler } from './wire.ts';

/** Sees what passes a wire, and may hold back what the peer sent. */
export interface WireTap {
  /** The peer's bytes; `pass` hands them on, now or later (then of a copy). */
  onReceived(buffer: Buffer, start: number, end: number, pass: WireHandler['onBytes']): void;
  /** The peer has finished sending; `pass` says so. */
  onEnded(pass: () => void): void;
  /** Nothing more is written to the peer. */
  onFinished(): void;
  /** Bytes are about to be written to the peer. */
  onWritten(buffer: Uint8Array, start: number, end: number): void;
  onClosed(error: Error | undefined): void;
}

/** A wire between another one and its handler, for those who only look at what passes. */
export class TappedWire implements Wire {
  readonly #wire: Wire;
  readonly #tap: WireTap;
  #handler: WireHandler;
  #isHeld = false;
  /** What the handler wants. */
  #isPaused = false;

  constructor(wire: Wire, tap: WireTap) {
    this.#wire = wire;
    this.#tap = tap;
    this.#handler = wire.handler;
  }

  get handler(): WireHandler {
    return this.#handler;
  }

  set handler(handler: WireHandler) {
    this.#handler = handler;
    const pass: WireHandler['onBytes'] = (buffer, start, end) => this.#handler.onBytes(buffer, start, end);
    this.#wire.handler = {
      onBytes: (buffer, start, end) => this.#tap.onReceived(buffer, start, end, pass),
      onEnd: () => this.#tap.onEnded(() => this.#handler.onEnd()),
      onDrain: () => this.#handler.onDrain(),
      onClose: (error) => {
        this.#tap.onClosed(error);
        this.#handler.onClose(error);
      },
    };
  }

  write(buffer: Uint8Array, start: number, end: number): void {
    this.#tap.onWritten(buffer, start, end);
    this.#wire.write(buffer, start, end);
  }

  claim(bytes: number): number {
    return this.#wire.claim(bytes);
  }

  get output(): Buffer {
    return this.#wire.output;
  }

  commit(end: number): void {
    this.#wire.commit(end);
  }

  get bytes(): ByteCounter {
    return this.#wire.bytes;
  }

  countInto(counter: ByteCounter): void {
    this.#wire.countInto(counter);
  }

  countAlone(): ByteCounter {
    return this.#wire.countAlone();
  }

  get writable(): boolean {
    return this.#wire.writable;
  }

  get writtenBytes(): number {
    return this.#wire.writtenBytes;
  }

  get pendingBytes(): number {
    return this.#wire.pendingBytes;
  }

  end(): void {
    this.#tap.onFinished();
    this.#wire.end();
  }

  destroy(reset?: boolean): void {
    this.#tap.onFinished();
    this.#wire.destroy(reset);
  }

  pause(): void {
    this.#isPaused = true;
    this.#wire.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isHeld) this.#wire.resume();
  }

  /** For the tap: reads nothing more of the peer, whatever the handler wants, or reads on. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    if (isHeld) this.#wire.pause();
    else if (!this.#isPaused) this.#wire.resume();
  }

  get closed(): boolean {
    return this.#wire.closed;
  }

  get remoteAddress(): string {
    return this.#wire.remoteAddress;
  }

  get remotePort(): number {
    return this.#wire.remotePort;
  }

  get localAddress(): string {
    return this.#wire.localAddress;
  }

  get localPort(): number {
    return this.#wire.localPort;
  }

  get times(): ConnectTimes | undefined {
    return this.#wire.times;
  }

  get tls(): TlsInfo | undefined {
    return this.#wire.tls;
  }
}
