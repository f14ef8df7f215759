import type { Openssl } from './openssl/openssl.ts';
import { whyUnreadable } from './openssl/usable.ts';

const begin = '-----BEGIN CERTIFICATE-----';
/** Marks stand on lines of their own: what follows one on its line is not read. */
const block = /^-----BEGIN CERTIFICATE-----\s*$[^-]*^-----END CERTIFICATE-----\s*$/gm;

/**
 * What is wrong with the certificates of a text in PEM; undefined for nothing. OpenSSL passes over the rest of a text
 * from the first certificate on that it cannot read, and would trust fewer roots than are there.
 */
export function brokenCertificates(openssl: Openssl, pem: Buffer): string | undefined {
  const text = pem.toString('latin1');
  const total = text.split(begin).length - 1;
  if (total === 0) return 'no certificate in PEM';
  const blocks = text.match(block) ?? [];
  if (blocks.length < total)
    return `${total - blocks.length} of ${total} certificates are broken: each mark needs a line of its own`;
  for (const [i, one] of blocks.entries()) {
    const error = whyUnreadable(openssl, Buffer.from(one, 'latin1'));
    if (error !== undefined) return `certificate ${i + 1} of ${total} cannot be read: ${error}`;
  }
  return undefined;
}
