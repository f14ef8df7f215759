import type { HeaderBlock } from '../../codec/header-block.ts';

/** The part of a request's body that is kept: until there is somebody to send it to, and for a second try. */
export class BodyBuffer {
  readonly #limitBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** True once something was thrown away: what is here is not the whole beginning any more. */
  lossy = false;
  ended = false;
  trailers: HeaderBlock | undefined;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a copy; false where the limit is reached and nothing is kept any more. */
  keep(buffer: Buffer, start: number, end: number): boolean {
    if (this.lossy) return false;
    if (this.#bytes + end - start > this.#limitBytes) {
      this.forget();
      return false;
    }
    this.#chunks.push(Buffer.from(buffer.subarray(start, end)));
    this.#bytes += end - start;
    return true;
  }

  forEach(visit: (chunk: Buffer) => void): void {
    for (const chunk of this.#chunks) visit(chunk);
  }

  /** Drops what is kept. */
  forget(): void {
    if (this.#bytes > 0) this.lossy = true;
    this.#chunks = [];
    this.#bytes = 0;
    this.lossy = true;
  }
}
