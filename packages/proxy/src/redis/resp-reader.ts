import { ByteQueue } from './byte-queue.ts';

/** What no peer that speaks Redis' protocol sends. */
export class RespError extends Error {}

/** Redis' own limits: elements of an array, bytes of a string. */
const maxElements = 1_048_576;
const maxStringBytes = 512 * 1024 * 1024;
/** Arrays in arrays; no command of Redis answers with deeper ones. */
const maxDepth = 32;
/** A line that is no string: a number, a status, an error. */
const maxLineBytes = 64 * 1024;

const star = 42;
const dollar = 36;
const carriageReturn = 13;
const lineFeed = 10;

/** Finds whole elements of Redis' protocol (RESP 2) in what arrives in any pieces; looks at each byte once. */
abstract class RespReader {
  protected readonly queue = new ByteQueue();
  /** Up to where elements of the value under way are known. */
  protected at = 0;
  /** How far the end of a line was looked for. */
  #searched = 0;

  /** Throws a {@link RespError}; the reader is of no use then. */
  push(buffer: Uint8Array, start: number, end: number): void {
    this.queue.append(buffer, start, end);
    while (this.queue.length > 0 && this.readOne());
  }

  /** Reads one value, or as much of it as is there; false where more is needed. */
  protected abstract readOne(): boolean;

  /** Bytes that wait for the rest of their value. */
  get buffered(): number {
    return this.queue.length;
  }

  /** The offset after the line that begins at `at`, its CR LF included; 0 where it is not complete. */
  protected lineEnd(): number {
    const from = Math.max(this.at, this.#searched);
    const end = this.queue.indexOf(lineFeed, from);
    if (end < 0) {
      this.#searched = this.queue.length;
      if (this.queue.length - this.at > maxLineBytes) throw new RespError('a line is too long');
      return 0;
    }
    this.#searched = 0;
    if (end - this.at > maxLineBytes) throw new RespError('a line is too long');
    if (end === this.at || this.queue.at(end - 1) !== carriageReturn)
      throw new RespError('a line does not end by CR LF');
    return end + 1;
  }

  /** The number of a line `*3` or `$-1`, whose end is known. */
  protected numberOf(lineEnd: number, most: number): number {
    const text = this.queue.text(this.at + 1, lineEnd - 2);
    if (!/^(?:-1|0|[1-9][0-9]{0,9})$/.test(text)) throw new RespError(`"${text.slice(0, 20)}" is no length`);
    const value = Number(text);
    if (value > most) throw new RespError(`a length of ${value} is too much`);
    return value;
  }

  /** The offset after a string of `length` bytes that begins at `from`; 0 where it is not complete. */
  protected stringEnd(from: number, length: number): number {
    const end = from + length;
    if (this.queue.length < end + 2) return 0;
    if (this.queue.at(end) !== carriageReturn || this.queue.at(end + 1) !== lineFeed)
      throw new RespError('a string is longer than its length');
    return end + 2;
  }

  /** Takes what was read out of the queue. */
  protected finish(end: number): void {
    this.queue.consume(end);
    this.at = 0;
    this.#searched = 0;
  }
}

/** Reads requests: arrays of strings. An array that holds something else, or nothing, is `undefined`. */
export class RequestReader extends RespReader {
  readonly #onRequest: (request: readonly Buffer[] | undefined) => void;
  #left = -1;
  #parts: Buffer[] = [];

  constructor(onRequest: (request: readonly Buffer[] | undefined) => void) {
    super();
    this.#onRequest = onRequest;
  }

  protected readOne(): boolean {
    if (this.#left < 0) {
      if (this.queue.at(this.at) !== star) throw new RespError('a request is an array');
      const end = this.lineEnd();
      if (end === 0) return false;
      this.#left = Math.max(0, this.numberOf(end, maxElements));
      this.at = end;
    }
    while (this.#left > 0) {
      if (this.queue.length <= this.at) return false;
      if (this.queue.at(this.at) !== dollar) throw new RespError('a request consists of strings');
      const line = this.lineEnd();
      if (line === 0) return false;
      const length = this.numberOf(line, maxStringBytes);
      if (length < 0) throw new RespError('a request consists of strings');
      const end = this.stringEnd(line, length);
      if (end === 0) return false;
      this.#parts.push(this.queue.copy(line, line + length));
      this.#left--;
      // Strings are copied out, so that a long request does not stay whole.
      this.finish(end);
    }
    if (this.at > 0) this.finish(this.at);
    const parts = this.#parts;
    this.#left = -1;
    this.#parts = [];
    this.#onRequest(parts.length === 0 ? undefined : parts);
    return true;
  }
}

/** A whole answer as it came, its kind told by its first byte: `+`, `-`, `:`, `$` or `*`. */
export type Reply = Buffer;

/** Reads answers, and gives them out as they came. */
export class ReplyReader extends RespReader {
  readonly #onReply: (reply: Reply) => void;
  /** How many elements are still to come of each array that is open. */
  readonly #open: number[] = [];

  constructor(onReply: (reply: Reply) => void) {
    super();
    this.#onReply = onReply;
  }

  protected readOne(): boolean {
    do {
      if (!this.#readElement()) return false;
    } while (this.#open.length > 0);
    const reply = this.queue.copy(0, this.at);
    this.finish(this.at);
    this.#onReply(reply);
    return true;
  }

  #readElement(): boolean {
    if (this.queue.length <= this.at) return false;
    const kind = this.queue.at(this.at);
    const line = this.lineEnd();
    if (line === 0) return false;
    let end = line;
    let elements = 0;
    switch (kind) {
      case star:
        elements = Math.max(0, this.numberOf(line, maxElements));
        break;
      case dollar: {
        const length = this.numberOf(line, maxStringBytes);
        if (length < 0) break;
        end = this.stringEnd(line, length);
        if (end === 0) return false;
        break;
      }
      case 58: // ":"
        if (!/^[+-]?[0-9]{1,19}$/.test(this.queue.text(this.at + 1, line - 2)))
          throw new RespError('an integer is none');
        break;
      case 43: // "+"
      case 45: // "-"
        break;
      default:
        throw new RespError(`an answer begins with byte ${kind}`);
    }
    this.at = end;
    if (elements > 0) {
      if (this.#open.length >= maxDepth) throw new RespError('arrays are nested too deep');
      this.#open.push(elements);
      return true;
    }
    // The element may be the last one of arrays that it is in.
    while (this.#open.length > 0) {
      const left = (this.#open.at(-1) as number) - 1;
      if (left > 0) {
        this.#open[this.#open.length - 1] = left;
        break;
      }
      this.#open.pop();
    }
    return true;
  }
}
