import { isUtf8 } from 'node:buffer';

/** A message's bytes with the values of one field taken out. */
export interface SplitMessage {
  /** The message without the field. */
  readonly rest: Uint8Array;
  /** The values of the field, in their order. */
  readonly values: readonly Uint8Array[];
}

/**
 * Takes the values of a repeated message field out of a message, so that each can be decoded by itself. Undefined
 * where the bytes are no sequence of fields, which decoding as a whole says better.
 */
export function splitField(bytes: Uint8Array, fieldNumber: number): SplitMessage | undefined {
  const values: Uint8Array[] = [];
  const kept: Uint8Array[] = [];
  let keptFrom = 0;
  const isWhole = eachField(bytes, (number, value, begin, end) => {
    if (value === undefined || number !== fieldNumber) return;
    values.push(value);
    if (begin > keptFrom) kept.push(bytes.subarray(keptFrom, begin));
    keptFrom = end;
  });
  if (!isWhole) return undefined;
  kept.push(bytes.subarray(keptFrom));
  return { rest: Buffer.concat(kept), values };
}

/**
 * The last value of a text field, of a message that is not decoded: the last one counts. Empty where there is none,
 * undefined where the bytes are no sequence of fields or the text is no UTF-8.
 */
export function textField(bytes: Uint8Array, fieldNumber: number): string | undefined {
  let last: Uint8Array | undefined;
  const isWhole = eachField(bytes, (number, value) => {
    if (number === fieldNumber) last = value;
  });
  if (!isWhole || (last !== undefined && !isUtf8(last))) return undefined;
  return last === undefined ? '' : Buffer.from(last.buffer, last.byteOffset, last.length).toString();
}

/**
 * Walks over the fields of a message; `value` is there where the field is of the wire type LEN. False where the bytes
 * are no sequence of fields. (https://protobuf.dev/programming-guides/encoding/)
 */
function eachField(
  bytes: Uint8Array,
  visit: (number: number, value: Uint8Array | undefined, begin: number, end: number) => void,
): boolean {
  const reader = new VarintReader(bytes);
  while (reader.at < bytes.length) {
    const begin = reader.at;
    const tag = reader.read();
    if (tag < 0) return false;
    const wireType = tag % 8;
    let valueFrom = reader.at;
    if (wireType === 0) {
      if (reader.read() < 0) return false;
    } else if (wireType === 1) reader.at += 8;
    else if (wireType === 5) reader.at += 4;
    else if (wireType === 2) {
      const length = reader.read();
      if (length < 0) return false;
      valueFrom = reader.at;
      reader.at += length;
    } else return false;
    const end = reader.at;
    if (end > bytes.length) return false;
    const value = wireType === 2 ? bytes.subarray(valueFrom, end) : undefined;
    visit(Math.floor(tag / 8), value, begin, end);
  }
  return true;
}

class VarintReader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The number at the place, which moves on; -1 where there is none. */
  read(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#bytes[this.at];
      if (byte === undefined) return -1;
      this.at++;
      if (byte < 0x80) return value + byte * factor;
      value += (byte - 0x80) * factor;
      factor *= 0x80;
    }
    return -1;
  }
}
