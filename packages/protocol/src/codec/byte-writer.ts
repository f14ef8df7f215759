/**
 * Writes protobuf's wire format from the end to the front, so that the length of a nested message is known when
 * its prefix is written: no second pass, no moving of bytes.
 */
export class ByteWriter {
  #bytes: Buffer;
  /** Where the written part begins. */
  #start: number;

  constructor(initialBytes = 1024) {
    this.#bytes = Buffer.allocUnsafe(initialBytes);
    this.#start = initialBytes;
  }

  /** How many bytes were written; the length of a nested part is the difference of two of these. */
  get length(): number {
    return this.#bytes.length - this.#start;
  }

  /** The bytes written, and an empty writer again. */
  finish(): Uint8Array {
    const written = new Uint8Array(this.length);
    written.set(this.#bytes.subarray(this.#start));
    this.#start = this.#bytes.length;
    return written;
  }

  /** Throws away what was written. */
  reset(): void {
    this.#start = this.#bytes.length;
  }

  uint32(value: number): void {
    if (value < 0x80) {
      this.#reserve(1);
      this.#bytes[--this.#start] = value;
      return;
    }
    const size = value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
    this.#reserve(size);
    let at = (this.#start -= size);
    while (value >= 0x80) {
      this.#bytes[at++] = (value & 0x7f) | 0x80;
      value = Math.floor(value / 128);
    }
    this.#bytes[at] = value;
  }

  /** A safe integer as a 64-bit varint, two's complement when negative. */
  varint64(value: number): void {
    if (value >= 0 && value <= 0xffff_ffff) {
      this.uint32(value);
      return;
    }
    let low = lowHalf(value);
    let high = highHalf(value);
    const bytes: number[] = [];
    while (high !== 0 || low >= 0x80) {
      bytes.push((low & 0x7f) | 0x80);
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    bytes.push(low);
    this.#reserve(bytes.length);
    this.#start -= bytes.length;
    this.#bytes.set(bytes, this.#start);
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.#start -= 4;
    this.#bytes.writeInt32LE(value | 0, this.#start);
  }

  fixed64(value: number): void {
    this.fixed32(highHalf(value));
    this.fixed32(lowHalf(value));
  }

  float(value: number): void {
    this.#reserve(4);
    this.#start -= 4;
    this.#bytes.writeFloatLE(value, this.#start);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#start -= 8;
    this.#bytes.writeDoubleLE(value, this.#start);
  }

  /** The text with its length in front. */
  string(value: string): void {
    const { length } = value;
    this.#reserve(length * 3);
    // Short ASCII, which is nearly every string in xDS, is quicker by hand than by a call into C++.
    if (length <= 32) {
      const bytes = this.#bytes;
      let at = this.#start;
      let i = length - 1;
      for (; i >= 0; i--) {
        const code = value.charCodeAt(i);
        if (code >= 0x80) break;
        bytes[--at] = code;
      }
      if (i < 0) {
        this.#start = at;
        this.uint32(length);
        return;
      }
    }
    const size = Buffer.byteLength(value, 'utf8');
    this.#start -= size;
    this.#bytes.write(value, this.#start, size, 'utf8');
    this.uint32(size);
  }

  /** The bytes with their length in front. */
  lengthDelimited(value: Uint8Array): void {
    this.raw(value);
    this.uint32(value.length);
  }

  /** The bytes as they are. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#start -= value.length;
    this.#bytes.set(value, this.#start);
  }

  #reserve(count: number): void {
    if (this.#start >= count) return;
    const old = this.#bytes;
    const used = this.length;
    const size = Math.max(old.length * 2, used + count);
    this.#bytes = Buffer.allocUnsafeSlow(size);
    old.copy(this.#bytes, size - used, this.#start);
    this.#start = size - used;
  }
}

const two32 = 0x1_0000_0000;

function lowHalf(value: number): number {
  // Remainders keep their sign; >>> takes them to two's complement.
  return (value % two32) >>> 0;
}

function highHalf(value: number): number {
  return Math.floor(value / two32) >>> 0;
}
