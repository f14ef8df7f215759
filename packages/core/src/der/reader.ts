/** What is wrong with an encoding; caught by the decoder that started reading. */
export class DerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DerError';
  }
}

/** One value: its tag, its content, and all of its bytes. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  readonly raw: Buffer;
}

/** Reads the values in some bytes, one after the other; strict: only definite, shortest lengths, no rest. */
export class DerReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The next value, of any tag; refuses tags of more than one byte. */
  any(): DerValue {
    const start = this.#offset;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw new DerError('a tag of more than one byte');
    const length = this.#length();
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new DerError('a value that is longer than what holds it');
    const content = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return { tag, content, raw: this.#bytes.subarray(start, end) };
  }

  /** The next value, which must have this tag. */
  expect(tag: number, what: string): DerValue {
    if (this.atEnd) throw new DerError(`${what} is missing`);
    const value = this.any();
    if (value.tag !== tag) throw new DerError(`${what} has tag ${value.tag}, not ${tag}`);
    return value;
  }

  /** A reader of the next value's content, which must be a SEQUENCE. */
  sequence(what: string): DerReader {
    return new DerReader(this.expect(0x30, what).content);
  }

  /** Throws where anything is left. */
  end(what: string): void {
    if (!this.atEnd) throw new DerError(`${what} has more than it should`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) throw new DerError('the encoding ends too early');
    this.#offset++;
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new DerError('a length that DER does not allow');
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('a length that is not the shortest');
    return length;
  }
}

/** The dotted text of an object identifier's content. */
export function dottedOid(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER) throw new DerError('an object identifier that is too long');
    if ((byte & 0x80) === 0) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first] = arcs;
  if (first === undefined) throw new DerError('an empty object identifier');
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...arcs.slice(1)].join('.');
}
