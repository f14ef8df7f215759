import type { HeaderBlock } from '../codec/header-block.ts';
import { hashStep, names, tokenLower, type HeaderName } from '../codec/header-name.ts';
import { viewOf } from './buffer-view.ts';
import { endOfValue } from './field-value.ts';
import { findKnownLine, keepLine, knownLine, lowerKnownName } from './known-lines.ts';

const cr = 13;
const lf = 10;
const colon = 58;
const space = 32;
const tab = 9;

/** More bytes are needed. */
export const incomplete = -1;
/** The bytes are not HTTP. */
export const malformed = -2;
/** More headers than allowed. */
export const tooMany = -3;
/** A control character where none may be. */
export const badCharacter = -4;
/** A fragment in a request's target. */
export const fragment = -5;

/** What is wrong where this byte may not be. */
export function faultOf(byte: number): number {
  return byte === 127 || (byte < 32 && byte !== cr && byte !== lf && byte !== tab) ? badCharacter : malformed;
}

const framingNames = [
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'expect',
  'te',
  'keep-alive',
  'proxy-connection',
] as const;

/** The header names that mean something to the codec itself. */
export type FramingName = (typeof framingNames)[number];

const framingHeaders: readonly HeaderName[] = [
  names.host,
  names.contentLength,
  names.transferEncoding,
  names.connection,
  names.upgrade,
  names.expect,
  names.te,
  names.keepAlive,
  names.proxyConnection,
];

/** Slot of each framing name in {@link HeaderLines.first} and {@link HeaderLines.seen}. */
export const slot = {
  host: 0,
  contentLength: 1,
  transferEncoding: 2,
  connection: 3,
  upgrade: 4,
  expect: 5,
  te: 6,
  keepAlive: 7,
  proxyConnection: 8,
} as const;

/** Framing names by the low bits of their hash: one load decides for nearly every header that it is none. */
const tableBits = 8;
const byHash: Int8Array = (() => {
  const table = new Int8Array(1 << tableBits).fill(-1);
  framingHeaders.forEach((name, i) => {
    const at = name.hash & (table.length - 1);
    if (table[at] !== -1) throw new Error('two framing names share a slot: raise tableBits');
    table[at] = i;
  });
  return table;
})();

/**
 * Reads header lines (RFC 9112 section 5) strictly: no folding, no space before the colon, CRLF only,
 * no control characters.
 *
 * Can stop at any byte and go on when more have come: {@link parse} returns {@link incomplete} and
 * {@link resumeAt} is the start of the line to begin again with. Offsets in the index are relative to
 * the first line, so that the bytes may move between the calls.
 */
export class HeaderLines {
  /** First line in the block of each framing name; -1 where it did not come. */
  readonly first = new Int16Array(framingHeaders.length).fill(-1);
  /** How often each framing name came. */
  readonly seen = new Uint8Array(framingHeaders.length);
  /** Offset, relative to the first line, of the line that was not complete. */
  resumeAt = 0;
  #anyFraming = false;
  readonly #lowerCase: boolean;
  readonly #maxLines: number;

  constructor(options: { readonly lowerCase: boolean; readonly maxLines: number }) {
    this.#lowerCase = options.lowerCase;
    this.#maxLines = options.maxLines;
  }

  reset(): void {
    this.resumeAt = 0;
    if (!this.#anyFraming) return;
    this.#anyFraming = false;
    for (let i = 0; i < framingHeaders.length; i++) {
      this.first[i] = -1;
      this.seen[i] = 0;
    }
  }

  /**
   * Parses lines in `buffer[base + resumeAt, end)`; `base` is where the first line begins.
   * Returns the offset after the empty line, or {@link incomplete}, {@link malformed}, {@link tooMany}.
   * Names are put in lower case in place.
   */
  parse(buffer: Buffer, base: number, end: number, block: HeaderBlock): number {
    const view = viewOf(buffer);
    let at = base + this.resumeAt;
    for (;;) {
      this.resumeAt = at - base;
      if (at >= end) return incomplete;
      if (buffer[at] === cr) {
        if (at + 1 >= end) return incomplete;
        return buffer[at + 1] === lf ? at + 2 : malformed;
      }
      const known = findKnownLine(view, at, end);
      const next =
        known < 0
          ? this.#readLine(buffer, view, base, at, end, block)
          : this.#takeKnown(view, base, at, block, known);
      if (next < 0) return next;
      at = next;
    }
  }

  /** Takes a line of {@link knownLine}; the offset after it, or {@link tooMany}. */
  #takeKnown(view: DataView, base: number, start: number, block: HeaderBlock, known: number): number {
    const { lengths, nameLengths, valueStarts, valueEnds, hashes, framings, cased } = knownLine;
    if (block.lines >= this.#maxLines) return tooMany;
    const from = start - base;
    const nameLength = nameLengths[known] as number;
    const length = lengths[known] as number;
    const line = block.index(
      from,
      from + nameLength,
      from + (valueStarts[known] as number),
      from + (valueEnds[known] as number),
      from + length,
      hashes[known] as number,
    );
    if (cased[known] === 1 && this.#lowerCase) lowerKnownName(view, start, known);
    const framing = framings[known] as number;
    if (framing >= 0) this.#noteFraming(framing, line);
    return start + length;
  }

  /** Reads one line; the offset after it, or what is wrong. */
  #readLine(
    buffer: Buffer,
    view: DataView,
    base: number,
    lineStart: number,
    end: number,
    block: HeaderBlock,
  ): number {
    let at = lineStart;
    let hash = 0;
    let difference = 0;
    while (at < end) {
      const byte = buffer[at] as number;
      const lower = tokenLower[byte] as number;
      if (lower === 0) break;
      difference |= byte ^ lower;
      hash = hashStep(hash, lower);
      at++;
    }
    if (at >= end) return incomplete;
    if (buffer[at] !== colon) return faultOf(buffer[at] as number);
    if (at === lineStart) return malformed;
    const nameEnd = at++;
    while (at < end && (buffer[at] === space || buffer[at] === tab)) at++;
    const valueStart = at;
    at = endOfValue(buffer, view, at, end);
    if (at + 1 >= end) {
      return at < end && buffer[at] !== cr ? faultOf(buffer[at] as number) : incomplete;
    }
    if (buffer[at] !== cr) return faultOf(buffer[at] as number);
    if (buffer[at + 1] !== lf) return malformed;
    let valueEnd = at;
    while (valueEnd > valueStart && (buffer[valueEnd - 1] === space || buffer[valueEnd - 1] === tab)) {
      valueEnd--;
    }
    at += 2;
    if (block.lines >= this.#maxLines) return tooMany;
    const line = block.index(
      lineStart - base,
      nameEnd - base,
      valueStart - base,
      valueEnd - base,
      at - base,
      hash,
    );
    const candidate = byHash[hash & ((1 << tableBits) - 1)] as number;
    const framing = candidate >= 0 && this.#isNamed(buffer, lineStart, nameEnd, candidate) ? candidate : -1;
    if (framing >= 0) this.#noteFraming(framing, line);
    keepLine(view, lineStart, nameEnd, valueStart, valueEnd, at, hash, framing, difference !== 0);
    if (difference !== 0 && this.#lowerCase) lowerName(buffer, lineStart, nameEnd);
    return at;
  }

  #noteFraming(framing: number, line: number): void {
    this.#anyFraming = true;
    if (this.first[framing] === -1) this.first[framing] = line;
    this.seen[framing] = Math.min(255, (this.seen[framing] as number) + 1);
  }

  #isNamed(buffer: Buffer, start: number, end: number, candidate: number): boolean {
    const lower = (framingHeaders[candidate] as HeaderName).lower;
    if (end - start !== lower.length) return false;
    for (let i = 0; i < lower.length; i++) {
      if (tokenLower[buffer[start + i] as number] !== lower.charCodeAt(i)) return false;
    }
    return true;
  }
}

/** Puts the name `buffer[start, end)` in lower case. */
function lowerName(buffer: Buffer, start: number, end: number): void {
  for (let i = start; i < end; i++) buffer[i] = tokenLower[buffer[i] as number] as number;
}

/** What of the options of a connection concerns the heads that it reads. */
export interface HeadRules {
  readonly preserveHeaderCase: boolean;
  readonly maxHeaders: number;
}

/** For the heads that a connection with these options reads. */
export function headerLinesOf(options: HeadRules): HeaderLines {
  return new HeaderLines({ lowerCase: !options.preserveHeaderCase, maxLines: options.maxHeaders });
}
