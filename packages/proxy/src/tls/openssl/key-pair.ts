import { loadFunctions, type Pointer } from './functions.ts';
import { memoryOf, takeError } from './memory-of.ts';

/** A private key with its public one, in OpenSSL's memory. */
export interface KeyPair {
  /** SubjectPublicKeyInfo, DER. */
  publicKey(): Buffer;
  /** PKCS #8, PEM, not encrypted. */
  privateKey(): string;
  /** The signature by the key over the SHA-256 of bytes. */
  sign(bytes: Uint8Array): Buffer;
  /** To be called once. */
  free(): void;
}

interface KeyFunctions {
  generate(library: null, properties: null, type: string, kind: 'str', curve: string): Pointer | null;
  newDigest(): Pointer;
  initSign(digest: Pointer, key: null, type: Pointer, engine: null, pair: Pointer): number;
  sign(digest: Pointer, into: Uint8Array | null, length: number[], bytes: Uint8Array, size: number): number;
  freeDigest(digest: Pointer): void;
}

/** Makes a key of a curve. The functions are loaded for the call: a key is made when a certificate is asked for, and rarely then. */
export function createKey(curve: string): KeyPair {
  const { functions: c, define } = loadFunctions();
  const ptr = 'void *';
  const signing = {
    generate: define('EVP_PKEY_Q_keygen', ptr, [ptr, ptr, 'str', '...']),
    newDigest: define('EVP_MD_CTX_new', ptr, []),
    initSign: define('EVP_DigestSignInit', 'int', [ptr, ptr, ptr, ptr, ptr]),
    sign: define('EVP_DigestSign', 'int', [ptr, ptr, '_Inout_ size_t *', ptr, 'size_t']),
    freeDigest: define('EVP_MD_CTX_free', 'void', [ptr]),
  } as KeyFunctions;
  c.ERR_clear_error();
  const key = signing.generate(null, null, 'EC', 'str', curve);
  if (key === null || key === 0n) throw new Error(`a key cannot be made: ${takeError(c)}`);
  return {
    publicKey: () => memoryOf(c, (bio) => c.i2d_PUBKEY_bio(bio, key)),
    privateKey: () =>
      memoryOf(c, (bio) => c.PEM_write_bio_PrivateKey(bio, key, null, null, 0, null, null)).toString(
        'latin1',
      ),
    sign(bytes) {
      const digest = signing.newDigest();
      try {
        const length = [0];
        const begun =
          signing.initSign(digest, null, c.EVP_sha256(), null, key) === 1 &&
          signing.sign(digest, null, length, bytes, bytes.length) === 1;
        const signature = Buffer.alloc(length[0] ?? 0);
        if (!begun || signing.sign(digest, signature, length, bytes, bytes.length) !== 1)
          throw new Error(`nothing can be signed: ${takeError(c)}`);
        return signature.subarray(0, length[0]);
      } finally {
        signing.freeDigest(digest);
      }
    },
    free: () => c.EVP_PKEY_free(key),
  };
}
