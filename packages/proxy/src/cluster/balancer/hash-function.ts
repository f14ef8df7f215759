/** Hashes of 64 bits, as consistent balancers and hash policies need them. */
export interface HashFunction {
  /** xxHash64 of a text's UTF-8 bytes. */
  xxHash64(text: string, seed?: bigint): bigint;
}

/** xxHash64 by WebAssembly, loaded when a configuration first asks for it. */
export class LazyHashFunction implements HashFunction {
  #hash: ((text: string, seed?: bigint) => bigint) | undefined;
  #loading: Promise<void> | undefined;

  /** Resolves when hashes can be made. */
  load(): Promise<void> {
    this.#loading ??= import('xxhash-wasm').then(async ({ default: instantiate }) => {
      const library = await instantiate();
      this.#hash = (text, seed) => library.h64(text, seed);
    });
    return this.#loading;
  }

  get loaded(): boolean {
    return this.#hash !== undefined;
  }

  xxHash64(text: string, seed?: bigint): bigint {
    if (this.#hash === undefined) throw new Error('hashes are made only after load()');
    return this.#hash(text, seed);
  }
}

const mask = 0xffff_ffff_ffff_ffffn;
const multiplier = 0xc6a4_a793_5bd1_e995n;

/** MurmurHash2 in its 64-bit form (MurmurHash64A), with the seed that Envoy gives it: that of GCC's `std::hash`. */
export function murmurHash2(text: string | Buffer, seed = 0xc70f_6907n): bigint {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
  const whole = bytes.length - (bytes.length % 8);
  let hash = seed ^ ((BigInt(bytes.length) * multiplier) & mask);
  for (let at = 0; at < whole; at += 8) {
    let k = (bytes.readBigUInt64LE(at) * multiplier) & mask;
    k = ((k ^ (k >> 47n)) * multiplier) & mask;
    hash = ((hash ^ k) * multiplier) & mask;
  }
  if (bytes.length > whole) {
    let tail = 0n;
    for (let at = bytes.length - 1; at >= whole; at--) tail = (tail << 8n) | BigInt(bytes[at] as number);
    hash = ((hash ^ tail) * multiplier) & mask;
  }
  hash = ((hash ^ (hash >> 47n)) * multiplier) & mask;
  return hash ^ (hash >> 47n);
}
