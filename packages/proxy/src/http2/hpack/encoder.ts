import type { HeaderBlock } from '../../codec/header-block.ts';
import { hashStep, headerName, tokenLower } from '../../codec/header-name.ts';
import { latin1Write } from '../../codec/latin1.ts';
import { tableSize } from './decoder.ts';
import { DynamicTable } from './dynamic-table.ts';
import type { Field } from './field.ts';
import { fieldName } from './field-name.ts';
import { staticNames, staticTable } from './static-table.ts';

const staticCount = staticTable.length - 1;
const slots = 256;
/** Values longer than this are not worth a place in a table of 4096 bytes. */
const maxIndexedBytes = 512;

/** How a name is treated when it is written. */
type Treatment =
  /** Goes into the table when it comes a second time. */
  | 'index'
  /** Changes with each message. */
  | 'plain'
  /** A secret: nobody on the way may index it (RFC 7541 section 7.1.3). */
  | 'never'
  /** Has no place in HTTP/2 (RFC 9113 section 8.2.2). */
  | 'drop';

interface KnownName {
  readonly lower: string;
  readonly hash: number;
  /** In the static table; 0: not there. */
  readonly index: number;
  readonly treatment: Treatment;
}

const treatments: readonly (readonly [Treatment, readonly string[]])[] = [
  ['never', ['authorization', 'proxy-authorization', 'cookie', 'set-cookie']],
  ['drop', ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'host', 'te']],
  [
    'plain',
    ['date', 'content-length', 'etag', 'last-modified', 'x-request-id', 'x-envoy-upstream-service-time'],
  ],
];

/** Names that are treated specially or have a static index, by the low bits of their hash. */
const knownBits = 10;
const knownNames: readonly (KnownName | undefined)[] = (() => {
  const table = new Array<KnownName | undefined>(1 << knownBits).fill(undefined);
  const special = new Map(
    treatments.flatMap(([treatment, names]) => names.map((name): [string, Treatment] => [name, treatment])),
  );
  for (const lower of new Set([...staticNames.keys(), ...special.keys()])) {
    const { hash } = headerName(lower);
    let at = hash & (table.length - 1);
    while (table[at] !== undefined) at = (at + 1) & (table.length - 1);
    table[at] = { lower, hash, index: staticNames.get(lower) ?? 0, treatment: special.get(lower) ?? 'index' };
  }
  return table;
})();

function knownName(bytes: Buffer, start: number, end: number, hash: number): KnownName | undefined {
  for (let at = hash & (knownNames.length - 1); ; at = (at + 1) & (knownNames.length - 1)) {
    const known = knownNames[at];
    if (known === undefined) return undefined;
    if (known.hash === hash && isNamed(known.lower, bytes, start, end)) return known;
  }
}

function isNamed(lower: string, bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    if (tokenLower[bytes[start + i] as number] !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/** Pseudo headers, by what {@link HpackEncoder.putPseudo} is given. */
const pseudoIndex = { method: 2, path: 4, scheme: 6, authority: 1, status: 8 } as const;
const pseudoHash = {
  method: headerName(':method').hash,
  path: headerName(':path').hash,
  scheme: headerName(':scheme').hash,
  authority: headerName(':authority').hash,
  status: headerName(':status').hash,
} as const;

/**
 * Encodes the field blocks of one direction of a connection (RFC 7541).
 *
 * A field goes into the dynamic table when it comes for the second time, so that values which never come
 * again do not push out those that do. Strings are written as they are: on the way between proxies the
 * Huffman code costs both sides more than the bytes that it saves.
 */
export class HpackEncoder {
  readonly #table = new DynamicTable(tableSize);
  /** Number in the table of the field whose hash has these low bits. */
  readonly #numbers = new Int32Array(slots).fill(-1);
  readonly #hashes = new Int32Array(slots);
  /** Hashes of fields that came once. */
  readonly #seen = new Int32Array(slots);
  #resized: { smallest: number } | undefined;
  #scratch = Buffer.allocUnsafe(256);

  /** Takes the peer's SETTINGS_HEADER_TABLE_SIZE; the next block announces it. */
  limitTable(peerSize: number): void {
    const size = Math.min(peerSize, tableSize);
    if (size === this.#table.maxSize) return;
    this.#resized = { smallest: Math.min(this.#resized?.smallest ?? size, size) };
    this.#table.resize(size);
  }

  /** Most bytes that a block and its pseudo headers can take. */
  static roomFor(block: HeaderBlock | undefined, pseudoBytes: number): number {
    return (block === undefined ? 0 : block.used + 12 * block.lines) + pseudoBytes + 64;
  }

  /** To be called first in each block. */
  begin(target: Buffer, at: number): number {
    const resized = this.#resized;
    if (resized === undefined) return at;
    this.#resized = undefined;
    const size = this.#table.maxSize;
    if (resized.smallest < size) at = putInteger(target, at, 0x20, 0x1f, resized.smallest);
    return putInteger(target, at, 0x20, 0x1f, size);
  }

  putPseudo(name: keyof typeof pseudoIndex, value: string, target: Buffer, at: number): number {
    const index = pseudoIndex[name];
    if (name === 'method') {
      if (value === 'GET') return putByte(target, at, 0x82);
      if (value === 'POST') return putByte(target, at, 0x83);
    } else if (name === 'scheme') {
      if (value === 'http') return putByte(target, at, 0x86);
      if (value === 'https') return putByte(target, at, 0x87);
    } else if (name === 'path' && value === '/') {
      return putByte(target, at, 0x84);
    }
    if (this.#scratch.length < value.length) this.#scratch = Buffer.allocUnsafe(value.length * 2);
    const end = latin1Write(this.#scratch, value, 0);
    return this.#put(this.#scratch, 0, 0, pseudoHash[name], index, `:${name}`, 0, end, target, at);
  }

  putStatus(status: number, target: Buffer, at: number): number {
    switch (status) {
      case 200:
        return putByte(target, at, 0x88);
      case 204:
        return putByte(target, at, 0x89);
      case 206:
        return putByte(target, at, 0x8a);
      case 304:
        return putByte(target, at, 0x8b);
      case 400:
        return putByte(target, at, 0x8c);
      case 404:
        return putByte(target, at, 0x8d);
      case 500:
        return putByte(target, at, 0x8e);
      default:
        return this.putPseudo('status', String(status), target, at);
    }
  }

  /** The protocol of an extended CONNECT. */
  putProtocol(value: string, target: Buffer, at: number): number {
    // Its name is not in the static table (RFC 7541 appendix A), and too rare for the other one.
    const name = ':protocol';
    at = putInteger(target, at, 0x00, 0x0f, 0);
    at = latin1Write(target, name, putInteger(target, at, 0, 0x7f, name.length));
    return latin1Write(target, value, putInteger(target, at, 0, 0x7f, value.length));
  }

  putTeTrailers(target: Buffer, at: number): number {
    this.#scratch.write('tetrailers', 'latin1');
    return this.#put(this.#scratch, 0, 2, teHash, 0, 'te', 2, 10, target, at);
  }

  /** Writes the live lines of a block; names in lower case. */
  putBlock(block: HeaderBlock, target: Buffer, at: number): number {
    const { bytes, lines } = block;
    for (let line = 0; line < lines; line++) {
      const nameStart = block.nameStart(line);
      if (nameStart < 0) continue;
      const nameEnd = block.nameEnd(line);
      const hash = block.nameHash(line);
      const start = block.valueStart(line);
      const end = block.valueEnd(line);
      const known = knownName(bytes, nameStart, nameEnd, hash);
      if (known === undefined) {
        at = this.#put(bytes, nameStart, nameEnd, hash, 0, undefined, start, end, target, at);
        continue;
      }
      switch (known.treatment) {
        case 'index':
          at = this.#put(bytes, nameStart, nameEnd, hash, known.index, known.lower, start, end, target, at);
          break;
        case 'plain':
          at = putLiteral(bytes, nameStart, nameEnd, 0x00, 0x0f, known.index, start, end, target, at);
          break;
        case 'never':
          at = putLiteral(bytes, nameStart, nameEnd, 0x10, 0x0f, known.index, start, end, target, at);
          break;
        default:
      }
    }
    return at;
  }

  /** Writes one field: from the table, into it, or past it. `index`: of its name in the static table, or 0. */
  #put(
    bytes: Buffer,
    nameStart: number,
    nameEnd: number,
    nameHash: number,
    index: number,
    lower: string | undefined,
    start: number,
    end: number,
    target: Buffer,
    at: number,
  ): number {
    if (end - start > maxIndexedBytes || this.#table.maxSize === 0) {
      return putLiteral(bytes, nameStart, nameEnd, 0x00, 0x0f, index, start, end, target, at);
    }
    let hash = hashStep(nameHash, 58);
    for (let i = start; i < end; i++) hash = hashStep(hash, bytes[i] as number);
    const slot = (hash ^ (hash >>> 11)) & (slots - 1);
    if (this.#hashes[slot] === hash) {
      const place = this.#table.placeOf(this.#numbers[slot] as number);
      if ((this.#numbers[slot] as number) >= 0 && place >= 0) {
        const field = this.#table.at(place) as Field;
        if (isField(field, bytes, nameStart, nameEnd, lower, start, end)) {
          return putInteger(target, at, 0x80, 0x7f, staticCount + 1 + place);
        }
      }
    }
    if (this.#seen[slot] !== hash) {
      this.#seen[slot] = hash;
      return putLiteral(bytes, nameStart, nameEnd, 0x00, 0x0f, index, start, end, target, at);
    }
    const name = fieldName(lower ?? bytes.toString('latin1', nameStart, nameEnd).toLowerCase());
    this.#hashes[slot] = hash;
    this.#numbers[slot] = this.#table.inserted;
    this.#table.insert(name, bytes, start, end);
    return putLiteral(bytes, nameStart, nameEnd, 0x40, 0x3f, index, start, end, target, at);
  }
}

const teHash = headerName('te').hash;

function isField(
  field: Field,
  bytes: Buffer,
  nameStart: number,
  nameEnd: number,
  lower: string | undefined,
  start: number,
  end: number,
): boolean {
  if (field.end - field.start !== end - start) return false;
  if (lower === undefined) {
    if (!isNamed(field.name.lower, bytes, nameStart, nameEnd)) return false;
  } else if (field.name.lower !== lower) {
    return false;
  }
  const own = field.source;
  for (let i = start, j = field.start; i < end; i++, j++) if (own[j] !== bytes[i]) return false;
  return true;
}

function putByte(target: Buffer, at: number, byte: number): number {
  target[at] = byte;
  return at + 1;
}

function putLiteral(
  bytes: Buffer,
  nameStart: number,
  nameEnd: number,
  pattern: number,
  mask: number,
  index: number,
  start: number,
  end: number,
  target: Buffer,
  at: number,
): number {
  at = putInteger(target, at, pattern, mask, index);
  if (index === 0) {
    at = putInteger(target, at, 0, 0x7f, nameEnd - nameStart);
    for (let i = nameStart; i < nameEnd; i++) target[at++] = tokenLower[bytes[i] as number] as number;
  }
  at = putInteger(target, at, 0, 0x7f, end - start);
  if (end - start > 64) {
    bytes.copy(target, at, start, end);
    return at + end - start;
  }
  for (let i = start; i < end; i++) target[at++] = bytes[i] as number;
  return at;
}

/** Writes an integer (RFC 7541 section 5.1) behind the bits of `pattern`. */
function putInteger(target: Buffer, at: number, pattern: number, mask: number, value: number): number {
  if (value < mask) {
    target[at] = pattern | value;
    return at + 1;
  }
  target[at++] = pattern | mask;
  value -= mask;
  while (value >= 128) {
    target[at++] = (value & 127) | 128;
    value >>>= 7;
  }
  target[at++] = value;
  return at;
}
