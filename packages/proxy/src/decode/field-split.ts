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
 * (https://protobuf.dev/programming-guides/encoding/)
 */
export function splitField(bytes: Uint8Array, fieldNumber: number): SplitMessage | undefined {
  const values: Uint8Array[] = [];
  const kept: Uint8Array[] = [];
  let keptFrom = 0;
  let at = 0;
  while (at < bytes.length) {
    const begin = at;
    const tag = readVarint(bytes, at);
    if (tag === undefined) return undefined;
    at = tag.end;
    const wireType = tag.value % 8;
    let valueFrom = at;
    if (wireType === 0) {
      const varint = readVarint(bytes, at);
      if (varint === undefined) return undefined;
      at = varint.end;
    } else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = readVarint(bytes, at);
      if (length === undefined) return undefined;
      valueFrom = length.end;
      at = valueFrom + length.value;
    } else return undefined;
    if (at > bytes.length) return undefined;
    if (wireType !== 2 || Math.floor(tag.value / 8) !== fieldNumber) continue;
    values.push(bytes.subarray(valueFrom, at));
    kept.push(bytes.subarray(keptFrom, begin));
    keptFrom = at;
  }
  kept.push(bytes.subarray(keptFrom));
  return { rest: Buffer.concat(kept), values };
}

function readVarint(
  bytes: Uint8Array,
  from: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[from + i];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: from + i + 1 };
  }
  return undefined;
}
