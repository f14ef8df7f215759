import { LateenError } from '@lateen/core';
import type { Library, Pointer } from './functions.ts';

/** Where a BIO of memory keeps its bytes: `BUF_MEM` of `<openssl/buffer.h>`, size_t length, char *data, size_t max. */
const bufMemBytes = 24;
const lengthAt = 0;
const dataAt = 2;
const maxAt = 4;
/** BIO_C_SET_BUF_MEM_EOF_RETURN: what reading answers where nothing is left. */
const setEofReturn = 130;

/**
 * The encrypted bytes that have arrived, for OpenSSL to read where they lie: they are neither copied nor handed over
 * by a call. {@link feed} replaces what was there, so everything is to be read before the next connection's turn.
 */
export class InputBio {
  readonly pointer: Pointer;
  readonly #library: Library;
  readonly #state: Int32Array;
  #fed: Buffer | undefined;
  #addressLow = 0;
  #addressHigh = 0;

  constructor(library: Library) {
    const { functions: c } = library;
    const empty = Buffer.alloc(1);
    this.#library = library;
    this.pointer = c.BIO_new_mem_buf(empty, empty.length);
    c.BIO_ctrl(this.pointer, setEofReturn, -1, null);
    this.#state = stateOf(library, this.pointer, 0);
    this.discard();
  }

  /** Offers `buffer[0, length)`, which is to stay as it is until it has been read. */
  feed(buffer: Buffer, length: number): void {
    if (this.#fed !== buffer) {
      const address = this.#library.koffi.address(buffer);
      this.#addressLow = Number(address & 0xffff_ffffn) | 0;
      this.#addressHigh = Number(address >> 32n) | 0;
      this.#fed = buffer;
    }
    const state = this.#state;
    state[lengthAt] = length;
    state[dataAt] = this.#addressLow;
    state[dataAt + 1] = this.#addressHigh;
    state[maxAt] = length;
  }

  /** True where OpenSSL has taken every byte. */
  get isEmpty(): boolean {
    return this.#state[lengthAt] === 0;
  }

  /** Forgets what a connection that is gone has not read. */
  discard(): void {
    this.#state.fill(0, 0, bufMemBytes / 4);
  }
}

/** The encrypted bytes that are to leave, which leave from where OpenSSL has put them. */
export class OutputBio {
  readonly pointer: Pointer;
  readonly #library: Library;
  readonly #freed = new FinalizationRegistry<Pointer>((data) =>
    this.#library.functions.CRYPTO_free(data, null, 0),
  );
  /** What the BIO holds, and what of it is still to be read. */
  readonly #held: Int32Array;
  readonly #state: Int32Array;
  /** The memory that OpenSSL writes to, and where it is. */
  #memory: Buffer = Buffer.alloc(0);
  #dataLow = 0;
  #dataHigh = 0;

  constructor(library: Library) {
    const { functions: c } = library;
    this.#library = library;
    this.pointer = c.BIO_new(c.BIO_s_mem());
    this.#held = stateOf(library, this.pointer, 0);
    this.#state = stateOf(library, this.pointer, 1);
  }

  /** Bytes that wait to be taken out, without a call. */
  get pendingBytes(): number {
    return this.#state[lengthAt] as number;
  }

  /** Memory that begins with the bytes that wait; they stay there until the next call of OpenSSL. */
  get pending(): Buffer {
    const state = this.#state;
    const low = state[dataAt] as number;
    const high = state[dataAt + 1] as number;
    // OpenSSL has moved it, as it had to be larger.
    if (low !== this.#dataLow || high !== this.#dataHigh || this.#memory.length < this.pendingBytes) {
      this.#dataLow = low;
      this.#dataHigh = high;
      this.#memory = Buffer.from(this.#library.koffi.view(this.#data, state[maxAt] as number));
    }
    return this.#memory;
  }

  get #data(): Pointer {
    return (BigInt(this.#dataHigh >>> 0) << 32n) | BigInt(this.#dataLow >>> 0);
  }

  /**
   * Forgets the bytes that wait. How much the BIO holds stays as it was: OpenSSL would fill what it grows by with
   * zeros first.
   */
  taken(): void {
    this.#state[lengthAt] = 0;
  }

  /** Leaves the memory of {@link pending} to whoever still reads from it; OpenSSL gets other. */
  giveAway(): void {
    this.#freed.register(this.#memory.buffer, this.#data);
    for (const state of [this.#held, this.#state]) state.fill(0, 0, bufMemBytes / 4);
    this.#memory = Buffer.alloc(0);
    this.#dataLow = 0;
    this.#dataHigh = 0;
  }
}

/** The integers of one of the two `BUF_MEM`s of a BIO of memory: 0 what it holds, 1 what of it is still to be read. */
function stateOf(library: Library, bio: Pointer, which: 0 | 1): Int32Array {
  const { functions: c, koffi } = library;
  const both = new BigUint64Array(koffi.view(c.BIO_get_data(bio), 16));
  return new Int32Array(koffi.view(both[which], bufMemBytes));
}

/** Throws `ENODE` where this OpenSSL keeps the bytes of its BIOs in another way than those since 1.1.1. */
export function checkBios(library: Library, input: InputBio, output: OutputBio): void {
  const { functions: c } = library;
  const sent = Buffer.from('seven b');
  const got = Buffer.alloc(sent.length);
  input.feed(sent, sent.length);
  const inOrder =
    c.BIO_read(input.pointer, got, 3) === 3 &&
    !input.isEmpty &&
    c.BIO_read(input.pointer, got.subarray(3), 4) === 4 &&
    input.isEmpty &&
    c.BIO_read(input.pointer, got, 1) === -1 &&
    got.equals(sent);
  const outOfOrder =
    !inOrder ||
    output.pendingBytes !== 0 ||
    c.BIO_write(output.pointer, sent, sent.length) !== sent.length ||
    output.pendingBytes !== sent.length ||
    !isThere(output, sent) ||
    c.BIO_write(output.pointer, sent, 3) !== 3 ||
    !isThere(output, sent.subarray(0, 3)) ||
    output.pendingBytes !== 0;
  if (!outOfOrder) return;
  throw new LateenError('ENODE', "TLS needs the OpenSSL of Node's own builds, 3.0 or later", {
    hint: 'run the proxy with the Node that npm ci installs: node_modules/.bin/node',
  });
}

/** Takes out what waits; true where it is that. */
function isThere(output: OutputBio, sent: Buffer): boolean {
  const is = output.pendingBytes === sent.length && output.pending.subarray(0, sent.length).equals(sent);
  output.taken();
  return is;
}
