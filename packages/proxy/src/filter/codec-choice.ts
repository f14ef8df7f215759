import { connectionEnd, type ConnectionEnd } from '../codec/connection-end.ts';
import { clientPreface } from '../http2/frame.ts';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import { type Expirable, type CoarseTimers, type Countdown } from '../timer/coarse-timers.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';

export type HttpProtocol = 'http1' | 'http2';

/** The codec of a connection, as far as it is known before its first byte. */
export function knownProtocol(codec: HttpConnectionManager['codec'], alpn: string): HttpProtocol | undefined {
  if (codec !== 'auto') return codec;
  switch (alpn) {
    case 'h2':
    case 'istio-h2':
      return 'http2';
    case 'http/1.1':
    case 'http/1.0':
    case 'istio-http/1.1':
    case 'istio-http/1.0':
      return 'http1';
    default:
      return undefined;
  }
}

/** What a connection needs of its codec. */
export interface ServerCodec {
  /** Closes after the requests under way; at once where there are none. */
  closeWhenIdle(): void;
  /** The same, but a connection without requests still takes what its client sends in the time of a drain. */
  closeAfterDrain(): void;
}

/** Waits for the first bytes of a connection, which say whether it is HTTP/2 (RFC 9113 section 3.4). */
export class CodecChoice implements Expirable, ServerCodec, WireHandler {
  countdown: Countdown | undefined = undefined;
  readonly #wire: Wire;
  readonly #timers: CoarseTimers;
  readonly #start: (protocol: HttpProtocol) => ServerCodec;
  readonly #onGone: (end: ConnectionEnd) => void;
  #expired = false;
  #codec: ServerCodec | undefined;
  #bytes: Buffer | undefined;

  /** `start` makes the codec, which takes the wire over; `onGone` is called where it never came to that. */
  constructor(
    wire: Wire,
    timers: CoarseTimers,
    idleTimeoutMs: number,
    start: (protocol: HttpProtocol) => ServerCodec,
    onGone: (end: ConnectionEnd) => void,
  ) {
    this.#wire = wire;
    this.#timers = timers;
    this.#start = start;
    this.#onGone = onGone;
    wire.handler = this;
    if (idleTimeoutMs > 0) timers.start(this, idleTimeoutMs);
  }

  closeWhenIdle(): void {
    if (this.#codec === undefined) this.#wire.end();
    else this.#codec.closeWhenIdle();
  }

  closeAfterDrain(): void {
    if (this.#codec === undefined) this.#wire.end();
    else this.#codec.closeAfterDrain();
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    let [bytes, from, to] = [buffer, start, end];
    if (this.#bytes !== undefined) {
      bytes = Buffer.concat([this.#bytes, buffer.subarray(start, end)]);
      [from, to] = [0, bytes.length];
    }
    const known = Math.min(to - from, clientPreface.length);
    const matches = bytes.compare(clientPreface, 0, known, from, from + known) === 0;
    if (matches && known < clientPreface.length) {
      this.#bytes = Buffer.from(bytes.subarray(from, to));
      return;
    }
    this.#bytes = undefined;
    this.#timers.stop(this);
    this.#codec = this.#start(matches ? 'http2' : 'http1');
    this.#wire.handler.onBytes(bytes, from, to);
  }

  onEnd(): void {
    this.#wire.end();
  }

  onDrain(): void {}

  onClose(): void {
    this.#timers.stop(this);
    this.#onGone(this.#expired ? connectionEnd(false, false, 'idle_timeout') : connectionEnd(true, false));
  }

  onExpire(): void {
    this.#expired = true;
    this.#wire.destroy();
  }
}
