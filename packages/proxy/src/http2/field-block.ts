import { frameFlag } from './frame.ts';

/** Most CONTINUATION frames of one block of fields. */
const maxContinuations = 32;

/** A block of fields that is whole: `buffer[start, end)`. */
export interface FieldBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

/** What a frame did to the block that it belongs to. */
export type BlockStep = FieldBlock | 'open' | 'malformed' | 'flood';

/** Puts blocks of fields together from HEADERS and CONTINUATION (RFC 9113 sections 6.2 and 6.10). */
export class FieldBlocks {
  readonly #maxBytes: number;
  #streamId = 0;
  #endStream = false;
  #parts: Buffer[] | undefined;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True while a block is not complete: nothing else may come. */
  get isOpen(): boolean {
    return this.#parts !== undefined;
  }

  /** Forgets a block that will not be completed. */
  drop(): void {
    this.#parts = undefined;
  }

  headers(flags: number, streamId: number, buffer: Buffer, start: number, end: number): BlockStep {
    let from = start;
    let to = end;
    if ((flags & frameFlag.padded) !== 0) {
      if (from === to) return 'malformed';
      to -= buffer[from] as number;
      from++;
    }
    if ((flags & frameFlag.priority) !== 0) from += 5;
    if (streamId === 0 || from > to) return 'malformed';
    const endStream = (flags & frameFlag.endStream) !== 0;
    if ((flags & frameFlag.endHeaders) !== 0) return { streamId, endStream, buffer, start: from, end: to };
    this.#streamId = streamId;
    this.#endStream = endStream;
    this.#parts = [Buffer.from(buffer.subarray(from, to))];
    this.#bytes = to - from;
    return 'open';
  }

  continuation(flags: number, streamId: number, buffer: Buffer, start: number, end: number): BlockStep {
    const parts = this.#parts;
    if (parts === undefined || streamId !== this.#streamId) return 'malformed';
    parts.push(Buffer.from(buffer.subarray(start, end)));
    this.#bytes += end - start;
    if (parts.length > maxContinuations || this.#bytes > this.#maxBytes) return 'flood';
    if ((flags & frameFlag.endHeaders) === 0) return 'open';
    this.#parts = undefined;
    const whole = Buffer.concat(parts);
    return { streamId, endStream: this.#endStream, buffer: whole, start: 0, end: whole.length };
  }
}
