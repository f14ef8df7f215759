import { DynamicTable } from './dynamic-table.ts';
import { isFieldValue, type Field } from './field.ts';
import type { FieldName, FieldNames } from './field-name.ts';
import { decodeHuffman } from './huffman.ts';
import { staticTable } from './static-table.ts';

/** Hears the fields of a block in order. */
export interface FieldSink {
  /** A field of a table. */
  onField(field: Field): void;
  /** A field whose value is `source[start, end)`, valid only during the call. */
  onLiteral(name: FieldName, source: Buffer, start: number, end: number, isValid: boolean): void;
}

/** The size of table that we allow a peer, which is the default. */
export const tableSize = 4096;
const staticCount = staticTable.length - 1;

/** Decodes the field blocks of one direction of a connection (RFC 7541). */
export class HpackDecoder {
  readonly #table = new DynamicTable(tableSize);
  readonly #names: FieldNames;
  #scratch = Buffer.allocUnsafeSlow(512);
  /** Where the last integer or string ended; -1 where it was malformed. */
  #next = 0;
  #source: Buffer = this.#scratch;
  #start = 0;
  #end = 0;

  /** `names` may be shared by many decoders. */
  constructor(names: FieldNames) {
    this.#names = names;
  }

  /** Decodes `buffer[start, end)`, a whole block; false where it is malformed, after which the connection cannot go on. */
  decode(buffer: Buffer, start: number, end: number, sink: FieldSink): boolean {
    let at = start;
    let mayResize = true;
    while (at < end) {
      const byte = buffer[at] as number;
      if (byte >= 0x40 || byte < 0x20) mayResize = false;
      if (byte >= 0x80) {
        const index = this.#integer(buffer, at, end, 0x7f);
        const field = this.#field(index);
        if (field === undefined) return false;
        sink.onField(field);
      } else if (byte >= 0x40) {
        const name = this.#literal(buffer, at, end, 0x3f);
        if (name === undefined) return false;
        sink.onField(this.#table.insert(name, this.#source, this.#start, this.#end));
      } else if (byte >= 0x20) {
        const size = this.#integer(buffer, at, end, 0x1f);
        // A change of size stands at the beginning of a block.
        if (size < 0 || size > tableSize || !mayResize) return false;
        this.#table.resize(size);
      } else {
        const name = this.#literal(buffer, at, end, 0x0f);
        if (name === undefined) return false;
        const source = this.#source;
        sink.onLiteral(name, source, this.#start, this.#end, isFieldValue(source, this.#start, this.#end));
      }
      if (this.#next < 0) return false;
      at = this.#next;
    }
    return true;
  }

  #field(index: number): Field | undefined {
    if (index <= staticCount) return index > 0 ? staticTable[index] : undefined;
    return this.#table.at(index - staticCount - 1);
  }

  /** Reads name and value of a literal; the value is then `#source[#start, #end)`. */
  #literal(buffer: Buffer, at: number, end: number, mask: number): FieldName | undefined {
    const index = this.#integer(buffer, at, end, mask);
    if (index < 0) return undefined;
    let name: FieldName | undefined;
    if (index > 0) {
      name = this.#field(index)?.name;
    } else {
      if (!this.#string(buffer, this.#next, end)) return undefined;
      name = this.#names.of(this.#source, this.#start, this.#end);
    }
    if (name === undefined || !this.#string(buffer, this.#next, end)) return undefined;
    return name;
  }

  /** Reads a string, without copying it where it is not compressed. */
  #string(buffer: Buffer, at: number, end: number): boolean {
    if (at >= end) return false;
    const compressed = (buffer[at] as number) >= 0x80;
    const length = this.#integer(buffer, at, end, 0x7f);
    const start = this.#next;
    if (length < 0 || length > end - start) return false;
    this.#next = start + length;
    if (!compressed) {
      this.#source = buffer;
      this.#start = start;
      this.#end = this.#next;
      return true;
    }
    const most = Math.ceil((length * 8) / 5);
    if (this.#scratch.length < most) this.#scratch = Buffer.allocUnsafeSlow(most);
    this.#source = this.#scratch;
    this.#start = 0;
    this.#end = decodeHuffman(buffer, start, this.#next, this.#scratch, 0);
    return this.#end >= 0;
  }

  /** Reads an integer (RFC 7541 section 5.1) of at most 28 bits; -1 where there is none. */
  #integer(buffer: Buffer, at: number, end: number, mask: number): number {
    let value = (buffer[at++] as number) & mask;
    if (value < mask) {
      this.#next = at;
      return value;
    }
    for (let shift = 0; shift <= 21; shift += 7) {
      if (at >= end) return this.#malformed();
      const byte = buffer[at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#next = at;
        return value;
      }
    }
    return this.#malformed();
  }

  #malformed(): number {
    this.#next = -1;
    return -1;
  }
}
