import type { HeaderBlock } from '../codec/header-block.ts';
import { dropForbiddenTrailers } from '../codec/trailer-fields.ts';
import { HeaderLines, incomplete, malformed } from './head-parser.ts';

/** Takes the payload of a chunked body. */
export interface BodySink {
  onBody(buffer: Buffer, start: number, end: number): void;
}

type State = 'size' | 'extension' | 'size_lf' | 'data' | 'data_cr' | 'data_lf' | 'trailers' | 'done';

const maxSizeDigits = 12;
const maxExtensionBytes = 16 * 1024;
const maxTrailerBytes = 16 * 1024;

function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/**
 * Decodes `Transfer-Encoding: chunked` (RFC 9112 section 7.1), strictly: CRLF only, no white space around
 * the size, no control characters in extensions, limits on sizes, extensions and trailers.
 */
export class ChunkedDecoder {
  #state: State = 'size';
  #digits = 0;
  #left = 0;
  #extensionBytes = 0;
  #trailerBytes: Buffer | undefined;
  #trailerLines: HeaderLines | undefined;
  readonly #trailers: HeaderBlock;

  /** `trailers` receives the trailer fields. */
  constructor(trailers: HeaderBlock) {
    this.#trailers = trailers;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** The trailer fields; undefined where none came. */
  get trailers(): HeaderBlock | undefined {
    return this.#trailers.lines === 0 ? undefined : this.#trailers;
  }

  /** Decodes and returns the offset after what was used, or {@link malformed}. Stops after the last byte of the body. */
  decode(buffer: Buffer, start: number, end: number, sink: BodySink): number {
    let at = start;
    while (at < end) {
      switch (this.#state) {
        case 'size': {
          const byte = buffer[at] as number;
          const digit = hexValue(byte);
          if (digit >= 0) {
            if (++this.#digits > maxSizeDigits) return malformed;
            this.#left = this.#left * 16 + digit;
          } else if (this.#digits === 0) {
            return malformed;
          } else if (byte === 13) {
            this.#state = 'size_lf';
          } else if (byte === 59) {
            this.#state = 'extension';
          } else {
            return malformed;
          }
          at++;
          break;
        }
        case 'extension': {
          const byte = buffer[at++] as number;
          if (byte === 13) this.#state = 'size_lf';
          else if ((byte < 32 && byte !== 9) || byte === 127) return malformed;
          else if (++this.#extensionBytes > maxExtensionBytes) return malformed;
          break;
        }
        case 'size_lf':
          if (buffer[at++] !== 10) return malformed;
          this.#digits = 0;
          this.#state = this.#left === 0 ? 'trailers' : 'data';
          break;
        case 'data': {
          const taken = Math.min(this.#left, end - at);
          this.#left -= taken;
          const from = at;
          at += taken;
          if (this.#left === 0) this.#state = 'data_cr';
          sink.onBody(buffer, from, at);
          break;
        }
        case 'data_cr':
          if (buffer[at++] !== 13) return malformed;
          this.#state = 'data_lf';
          break;
        case 'data_lf':
          if (buffer[at++] !== 10) return malformed;
          this.#state = 'size';
          break;
        case 'trailers': {
          const next = this.#decodeTrailers(buffer, at, end);
          if (next === malformed) return malformed;
          at = next;
          break;
        }
        case 'done':
          return at;
      }
    }
    return at;
  }

  #decodeTrailers(buffer: Buffer, start: number, end: number): number {
    const held = this.#trailerBytes;
    if (held === undefined && end - start >= 2 && buffer[start] === 13 && buffer[start + 1] === 10) {
      this.#state = 'done';
      return start + 2;
    }
    const heldLength = held?.length ?? 0;
    const taken = Math.min(end - start, maxTrailerBytes + 1 - heldLength);
    const all =
      held === undefined
        ? Buffer.from(buffer.subarray(start, start + taken))
        : Buffer.concat([held, buffer.subarray(start, start + taken)]);
    this.#trailerLines ??= new HeaderLines({ lowerCase: true, maxLines: 100 });
    const next = this.#trailerLines.parse(all, 0, all.length, this.#trailers);
    if (next >= 0) {
      this.#trailers.take(all, 0, next - 2);
      dropForbiddenTrailers(this.#trailers);
      this.#state = 'done';
      return start + next - heldLength;
    }
    if (next !== incomplete || all.length > maxTrailerBytes) return malformed;
    this.#trailerBytes = all;
    return end;
  }
}
