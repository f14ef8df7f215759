import type { HeaderBlock } from '../../codec/header-block.ts';

/** The part of a request's body that is kept: until there is somebody to send it to, and for a second try. */
export class BodyBuffer {
  readonly #limitBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** True once something was thrown away: what is here is not the whole beginning any more. */
  lossy = false;
  trailers: HeaderBlock | undefined;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a copy; false, and nothing is kept, where that would be more than the limit or the beginning is gone. */
  keep(buffer: Buffer, start: number, end: number): boolean {
    if (this.lossy || this.#bytes + end - start > this.#limitBytes) return false;
    this.keepAnyway(buffer, start, end);
    return true;
  }

  /** Keeps a copy, however much there is. */
  keepAnyway(buffer: Buffer, start: number, end: number): void {
    this.#chunks.push(Buffer.from(buffer.subarray(start, end)));
    this.#bytes += end - start;
  }

  forEach(visit: (chunk: Buffer) => void): void {
    for (const chunk of this.#chunks) visit(chunk);
  }

  /** Drops what is kept. */
  forget(): void {
    this.#chunks = [];
    this.#bytes = 0;
    this.lossy = true;
  }
}
