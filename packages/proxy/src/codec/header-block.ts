import { hashStep, tokenLower, type HeaderName } from './header-name.ts';
import { latin1Slice, latin1Write } from './latin1.ts';
import { copyBytes, putBytes } from '../wire/copy-bytes.ts';

/** Integers kept for each line: start and end of name, start and end of value, end of line, hash of the lower-case name. */
const stride = 6;
const initialBytes = 1024;
const initialLines = 16;
/** What a block that is written to takes at first: trailers are short, and mostly there are none. */
const firstBytes = 256;
const firstLines = 4;
const noBytes = Buffer.alloc(0);
const noLines = new Int32Array(0);

/** A line that is added as it stands; prepared at configuration time. */
export interface HeaderLine {
  readonly name: HeaderName;
  /** `name: value\r\n`. */
  readonly bytes: Uint8Array;
}

/** Prepares a constant line. The value's UTF-8 bytes go out. */
export function headerLine(name: HeaderName, value: string): HeaderLine {
  return { name, bytes: Buffer.concat([name.prefix, Buffer.from(`${value}\r\n`, 'utf8')]) };
}

/**
 * Header fields as bytes with an index.
 *
 * The bytes are those of the wire, `name: value\r\n` after each other; an edit marks a line dead
 * or writes a new one at the end. So forwarding copies a few long runs, and a header that
 * nobody asks for never becomes a string.
 */
export class HeaderBlock {
  bytes: Buffer = noBytes;
  /** End of the bytes in use. */
  used = 0;
  /** Lines in the index, dead ones included. */
  lines = 0;
  /** True where names are as their sender spelt them. */
  keepsCase = false;
  #index = noLines;

  /** Forgets everything, keeps the memory. */
  clear(): void {
    this.used = 0;
    this.lines = 0;
    this.keepsCase = false;
  }

  /** Gives memory back that an unusual message took. */
  trim(): void {
    if (this.bytes.length > 8 * initialBytes) this.bytes = Buffer.allocUnsafeSlow(initialBytes);
    if (this.#index.length > 8 * initialLines * stride) this.#index = new Int32Array(initialLines * stride);
  }

  /** Takes over lines that lie in `source[start, end)`; the index must have been filled relative to `start`. */
  take(source: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.bytes.length < length + 256) this.bytes = Buffer.allocUnsafeSlow(length + initialBytes);
    source.copy(this.bytes, 0, start, end);
    this.used = length;
  }

  /** Adds a line to the index; its bytes are put in place by {@link take}. */
  index(
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    lineEnd: number,
    hash: number,
  ): number {
    const line = this.lines++;
    const at = line * stride;
    if (at + stride > this.#index.length) {
      const bigger = new Int32Array(Math.max(this.#index.length * 2, firstLines * stride));
      bigger.set(this.#index);
      this.#index = bigger;
    }
    const index = this.#index;
    index[at] = nameStart;
    index[at + 1] = nameEnd;
    index[at + 2] = valueStart;
    index[at + 3] = valueEnd;
    index[at + 4] = lineEnd;
    index[at + 5] = hash;
    return line;
  }

  #at(line: number, field: number): number {
    return this.#index[line * stride + field] as number;
  }

  /** The first live line of this name from line `from` on; -1 where there is none. */
  find(name: HeaderName, from = 0): number {
    const hash = name.hash;
    const index = this.#index;
    for (let line = from, at = from * stride; line < this.lines; line++, at += stride) {
      if (index[at + 5] === hash && this.#named(at, name.lower)) return line;
    }
    return -1;
  }

  #named(at: number, lower: string): boolean {
    const index = this.#index;
    const start = index[at] as number;
    if (start < 0 || (index[at + 1] as number) - start !== lower.length) return false;
    const bytes = this.bytes;
    for (let i = 0; i < lower.length; i++) {
      if (tokenLower[bytes[start + i] as number] !== lower.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Where the name of the first dead line of this name begins in {@link bytes}; -1 where there is none. */
  findDead(source: Uint8Array, start: number, end: number): number {
    const index = this.#index;
    for (let line = 0, at = 0; line < this.lines; line++, at += stride) {
      const dead = ~(index[at] as number);
      if (
        dead >= 0 &&
        (index[at + 1] as number) - dead === end - start &&
        this.#isAt(dead, source, start, end)
      )
        return dead;
    }
    return -1;
  }

  #isAt(at: number, source: Uint8Array, start: number, end: number): boolean {
    for (let i = 0; i < end - start; i++) {
      if (tokenLower[this.bytes[at + i] as number] !== tokenLower[source[start + i] as number]) return false;
    }
    return true;
  }

  has(name: HeaderName): boolean {
    return this.find(name) >= 0;
  }

  /** The value of a line, each byte as one character (latin1). */
  value(line: number): string {
    return latin1Slice(this.bytes, this.#at(line, 2), this.#at(line, 3));
  }

  /** True where the value begins with `text`, which has ASCII characters alone; makes no string. */
  valueStartsWith(line: number, text: string): boolean {
    const start = this.#at(line, 2);
    if (this.#at(line, 3) - start < text.length) return false;
    const bytes = this.bytes;
    for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** The value; several lines of the name are joined by commas, as Envoy's matchers see them. */
  get(name: HeaderName): string | undefined {
    let line = this.find(name);
    if (line < 0) return undefined;
    let text = this.value(line);
    while ((line = this.find(name, line + 1)) >= 0) text += `,${this.value(line)}`;
    return text;
  }

  /** True where the value is exactly these latin1 characters; makes no string. */
  valueIs(line: number, text: string): boolean {
    const start = this.#at(line, 2);
    const { length } = text;
    if (this.#at(line, 3) - start !== length) return false;
    const bytes = this.bytes;
    for (let i = 0; i < length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** True where one line of the name is there, with exactly this value; makes no string. */
  is(name: HeaderName, text: string): boolean {
    const line = this.find(name);
    return line >= 0 && this.valueIs(line, text) && this.find(name, line + 1) < 0;
  }

  isLive(line: number): boolean {
    return this.#at(line, 0) >= 0;
  }

  /** Where the name of a line begins in {@link bytes}; below 0 for a dead line. */
  nameStart(line: number): number {
    return this.#at(line, 0);
  }

  nameEnd(line: number): number {
    return this.#at(line, 1);
  }

  valueStart(line: number): number {
    return this.#at(line, 2);
  }

  valueEnd(line: number): number {
    return this.#at(line, 3);
  }

  /** The hash of the lower-case name, as {@link HeaderName.hash}. */
  nameHash(line: number): number {
    return this.#at(line, 5);
  }

  nameOf(line: number): string {
    return latin1Slice(this.bytes, this.#at(line, 0), this.#at(line, 1));
  }

  /** Marks a live line dead. */
  drop(line: number): void {
    this.#index[line * stride] = ~this.#at(line, 0);
  }

  /** Brings a dead line back. */
  restore(line: number): void {
    this.#index[line * stride] = ~this.#at(line, 0);
  }

  /** Removes every line of the name; true where there was one. */
  remove(name: HeaderName): boolean {
    let line = this.find(name);
    if (line < 0) return false;
    for (; line >= 0; line = this.find(name, line + 1)) this.drop(line);
    return true;
  }

  /** Adds a line; characters of the value above 255 are not allowed. */
  add(name: HeaderName, value: string): void {
    const start = this.#grow(name.prefix.length + value.length + 2);
    const bytes = this.bytes;
    const valueStart = putBytes(name.prefix, bytes, start);
    const end = latin1Write(bytes, value, valueStart);
    bytes[end] = 13;
    bytes[end + 1] = 10;
    this.used = end + 2;
    this.index(start, start + name.lower.length, valueStart, end, end + 2, name.hash);
  }

  /** Adds a prepared line. */
  addLine(line: HeaderLine): void {
    const start = this.#grow(line.bytes.length);
    const end = putBytes(line.bytes, this.bytes, start);
    this.used = end;
    const nameLength = line.name.lower.length;
    this.index(start, start + nameLength, start + nameLength + 2, end - 2, end, line.name.hash);
  }

  /** Adds a line whose value is `source[start, end)`; the value must be free of control characters. */
  addBytes(name: HeaderName, source: Uint8Array, start: number, end: number): void {
    const { prefix } = name;
    const at = this.#grow(prefix.length + end - start + 2);
    const bytes = this.bytes;
    const valueStart = putBytes(prefix, bytes, at);
    const to = copyBytes(source, start, end, bytes, valueStart);
    bytes[to] = 13;
    bytes[to + 1] = 10;
    this.used = to + 2;
    this.index(at, at + prefix.length - 2, valueStart, to, to + 2, name.hash);
  }

  /** Replaces all lines of the name by one. */
  set(name: HeaderName, value: string): void {
    this.remove(name);
    this.add(name, value);
  }

  /** Adds a line whose name is only known now (HTTP/2, trailers); the name must be lower case. */
  addRaw(lowerName: string, value: string): void {
    let hash = 0;
    for (let i = 0; i < lowerName.length; i++) hash = hashStep(hash, lowerName.charCodeAt(i));
    this.add({ lower: lowerName, hash, prefix: Buffer.from(`${lowerName}: `, 'latin1') }, value);
  }

  /** Calls `visit` for each live line in order. */
  forEach(visit: (name: string, value: string) => void): void {
    for (let line = 0; line < this.lines; line++) {
      if (this.isLive(line)) visit(this.nameOf(line), this.value(line));
    }
  }

  /** A copy for somebody who keeps it longer. */
  copyFrom(other: HeaderBlock): void {
    this.clear();
    this.keepsCase = other.keepsCase;
    this.take(other.bytes, 0, other.used);
    for (let line = 0; line < other.lines; line++) {
      this.index(
        other.#at(line, 0),
        other.#at(line, 1),
        other.#at(line, 2),
        other.#at(line, 3),
        other.#at(line, 4),
        other.#at(line, 5),
      );
    }
  }

  /** Copies the live lines to `target` from `at` on and returns the end. Needs at most {@link used} bytes. */
  encode(target: Buffer, at: number): number {
    const index = this.#index;
    let runStart = -1;
    let runEnd = -1;
    for (let line = 0, i = 0; line < this.lines; line++, i += stride) {
      const start = index[i] as number;
      if (start < 0) continue;
      if (start !== runEnd) {
        if (runStart >= 0) at = copyBytes(this.bytes, runStart, runEnd, target, at);
        runStart = start;
      }
      runEnd = index[i + 4] as number;
    }
    if (runStart >= 0) at = copyBytes(this.bytes, runStart, runEnd, target, at);
    return at;
  }

  /** Bytes of the live lines, names and values, as statistics count them. */
  get byteSize(): number {
    let size = 0;
    for (let line = 0; line < this.lines; line++) {
      if (this.isLive(line)) size += this.#at(line, 4) - this.#at(line, 0);
    }
    return size;
  }

  #grow(bytes: number): number {
    const start = this.used;
    if (start + bytes > this.bytes.length) {
      const length = Math.max(this.bytes.length * 2, start + bytes, firstBytes);
      // A short one comes out of Node's own pool, without a call for memory.
      const bigger = length > firstBytes ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
      this.bytes.copy(bigger, 0, 0, start);
      this.bytes = bigger;
    }
    return start;
  }
}
