import { latin1Slice } from '../../codec/latin1.ts';
import type { FieldName } from './field-name.ts';

/** Bytes that a value may hold (RFC 9110 section 5.5): no control characters but the tab. */
const valueByte: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (let c = 0x20; c <= 0xff; c++) if (c !== 0x7f) table[c] = 1;
  table[9] = 1;
  return table;
})();

/** True for a value as RFC 9113 section 8.2.1 allows it: no control characters, no space around it. */
export function isFieldValue(source: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  const first = source[start];
  const last = source[end - 1];
  if (first === 32 || first === 9 || last === 32 || last === 9) return false;
  for (let i = start; i < end; i++) if (valueByte[source[i] as number] === 0) return false;
  return true;
}

/** An entry of a table. */
export class Field {
  readonly name: FieldName;
  /** Holds the value; shared with other fields. */
  readonly source: Buffer;
  readonly start: number;
  readonly end: number;
  readonly isValid: boolean;
  #text: string | undefined;

  /** `source[start, end)` must not change any more. */
  constructor(name: FieldName, source: Buffer, start: number, end: number) {
    this.name = name;
    this.source = source;
    this.start = start;
    this.end = end;
    this.isValid = isFieldValue(source, start, end);
  }

  static ofText(name: FieldName, value: string): Field {
    const bytes = Buffer.from(value, 'latin1');
    return new Field(name, bytes, 0, bytes.length);
  }

  /** The value, each byte a character; made once. */
  get text(): string {
    return (this.#text ??= latin1Slice(this.source, this.start, this.end));
  }

  /** What it counts in a table and in the size of a list (RFC 7541 section 4.1). */
  get size(): number {
    return this.name.lower.length + this.end - this.start + 32;
  }
}
