import { ok, problem, type Result } from '@lateen/core';
import { loadFunctions, type Pointer } from './functions.ts';
import { memoryOf, takeError } from './memory-of.ts';

/** What a bundle holds, PEM. */
export interface Pkcs12Contents {
  /** The key's certificate first. */
  readonly chain: Buffer;
  /** Not encrypted. */
  readonly privateKey: Buffer;
}

type Found = (Pointer | null)[];

interface Pkcs12Functions {
  decode(bio: Pointer, into: null): Pointer | null;
  free(bundle: Pointer): void;
  parse(bundle: Pointer, password: string, key: Found, certificate: Found, issuers: Found): number;
  writeCertificate(bio: Pointer, certificate: Pointer): number;
}

/**
 * Takes apart a bundle (DER) of a certificate, its issuers and its key (RFC 7292). The problem says why it cannot be used,
 * never what is in it. The functions are loaded for the call: bundles are read when configuration comes, and rarely then.
 */
export function readPkcs12(bundle: Buffer, password: string): Result<Pkcs12Contents> {
  const { c, pkcs12 } = load();
  c.ERR_clear_error();
  const bio = c.BIO_new_mem_buf(bundle, bundle.length);
  const parsed = pkcs12.decode(bio, null);
  c.BIO_free(bio);
  if (!isThere(parsed)) {
    c.ERR_clear_error();
    return problem('', 'is no PKCS #12 bundle');
  }
  const key: Found = [null];
  const certificate: Found = [null];
  const issuers: Found = [null];
  const opened = pkcs12.parse(parsed, password, key, certificate, issuers) === 1;
  pkcs12.free(parsed);
  if (!opened) return problem('', whyClosed(takeError(c)));
  const [leaf, privateKey, stack] = [certificate[0], key[0], issuers[0]];
  const count = isThere(stack) ? c.OPENSSL_sk_num(stack) : 0;
  const above = Array.from({ length: count }, (_, i) => c.OPENSSL_sk_value(stack as Pointer, i));
  const all = [leaf, ...above].filter(isThere);
  try {
    if (!isThere(leaf) || !isThere(privateKey)) return problem('', 'holds no certificate with its key');
    return ok({
      chain: Buffer.concat(all.map((one) => memoryOf(c, (into) => pkcs12.writeCertificate(into, one)))),
      privateKey: memoryOf(c, (into) =>
        c.PEM_write_bio_PrivateKey(into, privateKey, null, null, 0, null, null),
      ),
    });
  } finally {
    for (const one of all) c.X509_free(one);
    if (isThere(stack)) c.OPENSSL_sk_free(stack);
    if (isThere(privateKey)) c.EVP_PKEY_free(privateKey);
  }
}

function whyClosed(error: string): string {
  if (error.includes('mac verify')) return 'does not open with the password';
  if (!error.includes('unsupported')) return `cannot be opened: ${error}`;
  return 'is encrypted by means that OpenSSL has for old times only: write it anew (openssl pkcs12 -legacy -in OLD -nodes | openssl pkcs12 -export -out NEW)';
}

function isThere(pointer: Pointer | null | undefined): pointer is Pointer {
  return pointer !== null && pointer !== undefined && pointer !== 0n;
}

function load() {
  const { functions: c, define } = loadFunctions();
  const ptr = 'void *';
  const found = '_Inout_ void **';
  const pkcs12 = {
    decode: define('d2i_PKCS12_bio', ptr, [ptr, ptr]),
    free: define('PKCS12_free', 'void', [ptr]),
    parse: define('PKCS12_parse', 'int', [ptr, 'str', found, found, found]),
    writeCertificate: define('PEM_write_bio_X509', 'int', [ptr, ptr]),
  } as Pkcs12Functions;
  return { c, pkcs12 };
}
