import type { OpensslFunctions } from './functions.ts';

const sha256Bytes = 32;

/** SHA-256 of bytes. Node's `crypto`, loaded for its hashes alone, costs each proxy more than a megabyte. */
export function sha256(c: Pick<OpensslFunctions, 'EVP_Digest' | 'EVP_sha256'>, bytes: Uint8Array): Buffer {
  const digest = Buffer.alloc(sha256Bytes);
  c.EVP_Digest(bytes, bytes.length, digest, null, c.EVP_sha256(), null);
  return digest;
}
