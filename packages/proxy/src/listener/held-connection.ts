import type { Wire, WireHandler } from '../wire/wire.ts';

/** More than so much is not read before there is an answer. */
const maxHeldBytes = 64 * 1024;

/** A connection about which somebody is asked: what comes meanwhile is kept. It is read on, so that its end is seen. */
export class HeldConnection implements WireHandler {
  readonly #wire: Wire;
  readonly #onGone: () => void;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #paused = false;
  #ended = false;

  /** `onGone` is called where the client leaves before the end of the wait. */
  constructor(wire: Wire, onGone: () => void) {
    this.#wire = wire;
    this.#onGone = onGone;
    wire.handler = this;
  }

  /** Hands the connection on; who has it now hears what was kept. */
  release(): void {
    const wire = this.#wire;
    if (this.#paused) wire.resume();
    for (const chunk of this.#chunks) if (!wire.closed) wire.handler.onBytes(chunk, 0, chunk.length);
    if (this.#ended && !wire.closed) wire.handler.onEnd();
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#chunks.push(Buffer.from(buffer.subarray(start, end)));
    this.#bytes += end - start;
    if (this.#paused || this.#bytes <= maxHeldBytes) return;
    this.#paused = true;
    this.#wire.pause();
  }

  onEnd(): void {
    this.#ended = true;
  }

  onDrain(): void {}

  onClose(): void {
    this.#onGone();
  }
}
