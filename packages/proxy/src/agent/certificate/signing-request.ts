import {
  bitString,
  boolean,
  explicit,
  implicit,
  octetString,
  oid,
  sequence,
  set,
  toPem,
  unsignedInteger,
} from '@lateen/core/der';
import { createKey } from '../../tls/openssl/key-pair.ts';

/** A new key and the request to certify it, both PEM. */
export interface SigningRequest {
  readonly privateKey: string;
  readonly csr: string;
}

const oids = {
  extensionRequest: '1.2.840.113549.1.9.14',
  subjectAltName: '2.5.29.17',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const;

/** Context tag of a URI in a GeneralName (RFC 5280, section 4.2.1.6). */
const uriTag = 6;

/**
 * Makes a key of curve P-256, which never leaves this process, and a PKCS#10 request (RFC 2986) whose only name
 * is the SPIFFE identity.
 */
export function createSigningRequest(spiffeId: string): SigningRequest {
  const names = sequence(implicit(uriTag, Buffer.from(spiffeId, 'latin1')));
  // Critical, since there is no subject beside it.
  const extension = sequence(oid(oids.subjectAltName), boolean(true), octetString(names));
  const attribute = sequence(oid(oids.extensionRequest), set(sequence(extension)));
  const key = createKey('P-256');
  try {
    const info = sequence(
      unsignedInteger(Buffer.from([0])),
      sequence(),
      key.publicKey(),
      explicit(0, attribute),
    );
    const request = sequence(info, sequence(oid(oids.ecdsaWithSha256)), bitString(key.sign(info)));
    return { privateKey: key.privateKey(), csr: toPem('CERTIFICATE REQUEST', request) };
  } finally {
    key.free();
  }
}
