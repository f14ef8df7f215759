import type { Pointer } from './functions.ts';
import type { Openssl } from './openssl.ts';

/** Every object of one kind in a PEM text; the caller frees them. */
export function readAll({ c }: Openssl, pem: Buffer, kind: 'X509' | 'X509_CRL'): Pointer[] {
  const bio = c.BIO_new_mem_buf(pem, pem.length);
  const found: Pointer[] = [];
  for (;;) {
    const one =
      kind === 'X509'
        ? c.PEM_read_bio_X509(bio, null, null, null)
        : c.PEM_read_bio_X509_CRL(bio, null, null, null);
    if (!isThere(one)) break;
    found.push(one);
  }
  // The end of the text is an error too.
  c.ERR_clear_error();
  c.BIO_free(bio);
  return found;
}

/** The first certificate of a PEM text; undefined where it cannot be read, for a reason that OpenSSL remembers. The caller frees it. */
export function readCertificate({ c }: Pick<Openssl, 'c'>, pem: Buffer): Pointer | undefined {
  const bio = c.BIO_new_mem_buf(pem, pem.length);
  const certificate = c.PEM_read_bio_X509(bio, null, null, null);
  c.BIO_free(bio);
  return isThere(certificate) ? certificate : undefined;
}

/** The same of a private key. */
export function readPrivateKey(
  { c }: Openssl,
  pem: Buffer,
  passphrase: string | undefined,
): Pointer | undefined {
  const bio = c.BIO_new_mem_buf(pem, pem.length);
  // Without a passphrase OpenSSL asks for one at the terminal.
  const key = c.PEM_read_bio_PrivateKey(bio, null, null, passphrase ?? '');
  c.BIO_free(bio);
  return isThere(key) ? key : undefined;
}

function isThere(pointer: Pointer | null): pointer is Pointer {
  return pointer !== null && pointer !== 0n;
}
