import { generateKeyPairSync, sign } from 'node:crypto';
import { derOid, derTag, derValue } from './der.ts';

/** A new key and the request to certify it, both PEM. */
export interface SigningRequest {
  readonly privateKey: string;
  readonly csr: string;
}

const oid = {
  extensionRequest: '1.2.840.113549.1.9.14',
  subjectAltName: '2.5.29.17',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
} as const;

/** Context tag of a URI in a GeneralName (RFC 5280, section 4.2.1.6). */
const uriTag = 0x86;

/**
 * Makes a key of curve P-256, which never leaves this process, and a PKCS#10 request (RFC 2986) whose only name
 * is the SPIFFE identity.
 */
export function createSigningRequest(spiffeId: string): SigningRequest {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = derValue(derTag.sequence, derValue(uriTag, Buffer.from(spiffeId, 'latin1')));
  const extension = derValue(
    derTag.sequence,
    derOid(oid.subjectAltName),
    // Critical, since there is no subject beside it.
    derValue(derTag.boolean, Buffer.from([0xff])),
    derValue(derTag.octetString, names),
  );
  const attribute = derValue(
    derTag.sequence,
    derOid(oid.extensionRequest),
    derValue(derTag.set, derValue(derTag.sequence, extension)),
  );
  const info = derValue(
    derTag.sequence,
    derValue(derTag.integer, Buffer.from([0])),
    derValue(derTag.sequence),
    publicKey.export({ type: 'spki', format: 'der' }),
    derValue(0xa0, attribute),
  );
  const request = derValue(
    derTag.sequence,
    info,
    derValue(derTag.sequence, derOid(oid.ecdsaWithSha256)),
    derValue(derTag.bitString, Buffer.from([0]), sign('sha256', info, privateKey)),
  );
  const lines = request.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    csr: `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`,
  };
}
