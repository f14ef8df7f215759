import { control } from './context.ts';
import type { Pointer } from './functions.ts';
import type { Openssl } from './openssl.ts';
import { readAll, readCertificate, readPrivateKey } from './pem.ts';

// What OpenSSL says of the parts of a context before one is made of them. Node would say the same by createSecureContext,
// for which it loads its own TLS: 1.8 MB in each proxy.

/** Why a certificate cannot be read; undefined where it can. */
export function whyUnreadable(openssl: Openssl, pem: Buffer): string | undefined {
  openssl.c.ERR_clear_error();
  const certificate = readCertificate(openssl, pem);
  if (certificate === undefined) return openssl.takeError();
  openssl.c.X509_free(certificate);
  return undefined;
}

/** Why a certificate with its issuers cannot be shown to peers; undefined where it can. */
export function whyChainUnusable(openssl: Openssl, chain: Buffer): string | undefined {
  const { c } = openssl;
  return inContext(openssl, (context) => {
    const [certificate, ...issuers] = readAll(openssl, chain, 'X509');
    let used = certificate !== undefined && c.SSL_CTX_use_certificate(context, certificate) === 1;
    for (const issuer of issuers) used &&= c.SSL_CTX_ctrl(context, control.chainCertificate, 1, issuer) === 1;
    for (const one of [certificate, ...issuers]) if (one !== undefined) c.X509_free(one);
    return used;
  });
}

/** Why a private key cannot be used; undefined where it can. */
export function whyKeyUnusable(
  openssl: Openssl,
  privateKey: Buffer,
  passphrase: string | undefined,
): string | undefined {
  const { c } = openssl;
  return inContext(openssl, (context) => {
    const key = readPrivateKey(openssl, privateKey, passphrase);
    if (key === undefined) return false;
    const used = c.SSL_CTX_use_PrivateKey(context, key) === 1;
    c.EVP_PKEY_free(key);
    return used;
  });
}

/** True where the first certificate of a chain was issued for a key. */
export function isKeyOf(
  openssl: Openssl,
  chain: Buffer,
  privateKey: Buffer,
  passphrase: string | undefined,
): boolean {
  const { c } = openssl;
  c.ERR_clear_error();
  const certificate = readCertificate(openssl, chain);
  const key = readPrivateKey(openssl, privateKey, passphrase);
  const same =
    certificate !== undefined && key !== undefined && c.X509_check_private_key(certificate, key) === 1;
  if (certificate !== undefined) c.X509_free(certificate);
  if (key !== undefined) c.EVP_PKEY_free(key);
  c.ERR_clear_error();
  return same;
}

/** Why certificates cannot be used as roots; undefined where they can. */
export function whyRootsUnusable(openssl: Openssl, pem: Buffer): string | undefined {
  const { c } = openssl;
  return inContext(openssl, (context) => {
    const store = c.SSL_CTX_get_cert_store(context);
    let used = true;
    for (const root of readAll(openssl, pem, 'X509')) {
      used &&= c.X509_STORE_add_cert(store, root) === 1 && c.SSL_CTX_add_client_CA(context, root) === 1;
      c.X509_free(root);
    }
    return used;
  });
}

/** Why revocation lists cannot be used; undefined where they can. */
export function whyListsUnusable(openssl: Openssl, pem: Buffer): string | undefined {
  const { c } = openssl;
  return inContext(openssl, (context) => {
    const store = c.SSL_CTX_get_cert_store(context);
    const lists = readAll(openssl, pem, 'X509_CRL');
    let used = lists.length > 0;
    for (const list of lists) {
      used &&= c.X509_STORE_add_crl(store, list) === 1;
      c.X509_CRL_free(list);
    }
    return used;
  });
}

/** True where OpenSSL can use some of a list of cipher suites for the versions before TLS 1.3. */
export function takesCiphers(openssl: Openssl, list: string): boolean {
  const set = (context: Pointer): boolean => openssl.c.SSL_CTX_set_cipher_list(context, list) === 1;
  return inContext(openssl, set) === undefined;
}

/** True where OpenSSL knows all of a list of groups, or of signature algorithms. */
export function takesNames(openssl: Openssl, what: 'groups' | 'signatureAlgorithms', list: string): boolean {
  const text = Buffer.from(`${list}\0`);
  const set = (context: Pointer): boolean => openssl.c.SSL_CTX_ctrl(context, control[what], 0, text) === 1;
  return inContext(openssl, set) === undefined;
}

/** Tries something with a context that is there for it alone; what was wrong where it fails. */
function inContext(openssl: Openssl, attempt: (context: Pointer) => boolean): string | undefined {
  const { c } = openssl;
  c.ERR_clear_error();
  const context = c.SSL_CTX_new(c.TLS_method());
  const done = attempt(context);
  c.SSL_CTX_free(context);
  const error = openssl.takeError();
  c.ERR_clear_error();
  if (done) return undefined;
  return error === '' ? 'OpenSSL finds nothing of the kind in it' : error;
}
