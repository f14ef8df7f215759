/** Why bytes or JSON could not be decoded, and where; the path grows while the error travels up. */
export class DecodeFailure extends Error {
  path = '';

  /** Puts a field's name or an index in front of the path. */
  prepend(segment: string): void {
    if (this.path === '') this.path = segment;
    else if (this.path.startsWith('[')) this.path = segment + this.path;
    else this.path = `${segment}.${this.path}`;
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads protobuf's wire format; every method throws a {@link DecodeFailure} on malformed bytes. */
export class ByteReader {
  readonly bytes: Buffer;
  offset: number;
  /** Receives the fields that a type does not have; undefined where nobody asks. */
  readonly unknown: UnknownField[] | undefined;
  depth = 0;

  constructor(bytes: Uint8Array, unknown?: UnknownField[]) {
    this.bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.offset = 0;
    this.unknown = unknown;
  }

  /** A varint of up to 64 bits of which the low 32 are wanted, unsigned. */
  uint32(): number {
    const { bytes } = this;
    let offset = this.offset;
    let byte = bytes[offset++];
    if (byte === undefined) throw new DecodeFailure('truncated varint');
    let value = byte & 0x7f;
    let shift = 7;
    while (byte >= 0x80) {
      byte = bytes[offset++];
      if (byte === undefined) throw new DecodeFailure('truncated varint');
      if (shift < 32) value |= (byte & 0x7f) << shift;
      else if (shift > 63) throw new DecodeFailure('varint is longer than 10 bytes');
      shift += 7;
    }
    this.offset = offset;
    return value >>> 0;
  }

  /** A field's number and wire type. */
  tag(): number {
    const start = this.offset;
    const tag = this.uint32();
    const length = this.offset - start;
    if (length > 5 || (length === 5 && (this.bytes[start + 4] as number) > 0x0f)) {
      throw new DecodeFailure('field number is too large');
    }
    if (tag < 8) throw new DecodeFailure('field number 0');
    return tag;
  }

  /** The low and high halves of a 64-bit varint as one exact number; refused beyond 2^53. */
  varint64(signed: boolean): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift > 63) throw new DecodeFailure('varint is longer than 10 bytes');
      const byte = this.bytes[this.offset++];
      if (byte === undefined) throw new DecodeFailure('truncated varint');
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) return joinHalves(low, high, signed);
    }
  }

  /** A varint of which any bit may be set. */
  bool(): boolean {
    const start = this.offset;
    this.uint32();
    for (let i = start; i < this.offset; i++) if (((this.bytes[i] as number) & 0x7f) !== 0) return true;
    return false;
  }

  fixed32(): number {
    const at = this.take(4);
    return this.bytes.readUInt32LE(at);
  }

  sfixed32(): number {
    const at = this.take(4);
    return this.bytes.readInt32LE(at);
  }

  fixed64(signed: boolean): number {
    const at = this.take(8);
    return joinHalves(this.bytes.readInt32LE(at), this.bytes.readInt32LE(at + 4), signed);
  }

  float(): number {
    const at = this.take(4);
    return this.bytes.readFloatLE(at);
  }

  double(): number {
    const at = this.take(8);
    return this.bytes.readDoubleLE(at);
  }

  /** Reads a length and checks that so much is there; returns where it ends. */
  lengthDelimitedEnd(): number {
    const length = this.uint32();
    const end = this.offset + length;
    if (end > this.bytes.length) {
      throw new DecodeFailure(
        `truncated: ${length} bytes announced, ${this.bytes.length - this.offset} left`,
      );
    }
    return end;
  }

  string(): string {
    const end = this.lengthDelimitedEnd();
    const start = this.offset;
    this.offset = end;
    const { bytes } = this;
    let ascii = true;
    for (let i = start; i < end; i++) {
      if ((bytes[i] as number) >= 0x80) {
        ascii = false;
        break;
      }
    }
    if (ascii) {
      if (end - start > 20) return bytes.toString('latin1', start, end);
      let text = '';
      for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i] as number);
      return text;
    }
    try {
      return strictUtf8.decode(bytes.subarray(start, end));
    } catch {
      throw new DecodeFailure('is not valid UTF-8');
    }
  }

  /** A view of the input, not a copy. */
  view(): Uint8Array {
    const end = this.lengthDelimitedEnd();
    const view = new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + this.offset, end - this.offset);
    this.offset = end;
    return view;
  }

  /** Steps over a field of a message whose own fields are 1 to `known`; those with a wrong wire type are refused. */
  skipOther(tag: number, known: number): void {
    if (tag >>> 3 <= known) throw new DecodeFailure(`field ${tag >>> 3} has wire type ${tag & 7}`);
    this.skip(tag & 7);
  }

  /** Steps over a value of a field that nobody wants. */
  skip(wireType: number): void {
    if (wireType === 0) this.uint32();
    else if (wireType === 1) this.take(8);
    else if (wireType === 2) this.offset = this.lengthDelimitedEnd();
    else if (wireType === 5) this.take(4);
    else throw new DecodeFailure(`wire type ${wireType} is not supported`);
  }

  private take(count: number): number {
    const at = this.offset;
    if (at + count > this.bytes.length) throw new DecodeFailure('truncated');
    this.offset = at + count;
    return at;
  }
}

/** A field in the bytes that the message type does not have. */
export interface UnknownField {
  /** Type of the message that holds it. */
  readonly typeName: string;
  readonly number: number;
}

const two32 = 0x1_0000_0000;

function joinHalves(low: number, high: number, signed: boolean): number {
  const value = (signed ? high | 0 : high >>> 0) * two32 + (low >>> 0);
  if (!Number.isSafeInteger(value)) throw new DecodeFailure('integer is beyond 2^53');
  return value;
}
