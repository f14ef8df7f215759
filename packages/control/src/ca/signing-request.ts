import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { messageOf, ok, problem, type Result } from '@lateen/core';
import { DerError, DerReader, dottedOid, parsePem } from '@lateen/core/der';

/** What is taken from a certificate signing request: only its key. */
export interface SigningRequest {
  readonly publicKey: KeyObject;
}

const maxBytes = 16 * 1024;

/** Signature algorithms that are accepted, with Node's name of the digest. */
const digests: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256', // sha256WithRSAEncryption
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256', // ecdsa-with-SHA256
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null, // Ed25519
};

/**
 * Decodes a PKCS#10 request in PEM (RFC 2986) and checks that its sender has the private key.
 *
 * Strict: one block, DER without anything left over, a signature that verifies, a key that is strong
 * enough. The names in it are not read: whom a certificate is for is decided by who asks.
 */
export function parseSigningRequest(pem: string): Result<SigningRequest> {
  if (pem.length > maxBytes) return problem('csr', `must be at most ${maxBytes} bytes long`);
  const blocks = parsePem(pem);
  const [block] = blocks;
  if (block === undefined || blocks.length !== 1) return problem('csr', 'must be one PEM block');
  if (block.label !== 'CERTIFICATE REQUEST' && block.label !== 'NEW CERTIFICATE REQUEST') {
    return problem('csr', `must be a CERTIFICATE REQUEST, not a ${block.label}`);
  }
  try {
    return decode(block.bytes);
  } catch (error) {
    if (error instanceof DerError) return problem('csr', `cannot be read: ${error.message}`);
    throw error;
  }
}

function decode(bytes: Buffer): Result<SigningRequest> {
  const outer = new DerReader(bytes);
  const request = outer.sequence('the request');
  outer.end('the request');
  const info = request.expect(0x30, 'the request info');
  const algorithm = request.sequence('the signature algorithm');
  const digestOid = dottedOid(algorithm.expect(0x06, 'the signature algorithm').content);
  const signature = request.expect(0x03, 'the signature').content;
  request.end('the request');

  const fields = new DerReader(info.content);
  const version = fields.expect(0x02, 'the version').content;
  if (version.length !== 1 || version[0] !== 0) return problem('csr', 'must be of version 1');
  fields.expect(0x30, 'the subject');
  const spki = fields.expect(0x30, 'the public key').raw;
  if (!fields.atEnd) fields.expect(0xa0, 'the attributes');
  fields.end('the request info');

  const digest = digests[digestOid];
  if (digest === undefined) return problem('csr', `signature algorithm ${digestOid} is not accepted`);
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (error) {
    return problem('csr', `has a public key that cannot be read: ${messageOf(error)}`);
  }
  const weak = weakness(publicKey);
  if (weak !== undefined) return problem('csr', weak);
  if (signature[0] !== 0 || !verifies(digest, info.raw, publicKey, signature.subarray(1))) {
    return problem('csr', 'is not signed by the key that it asks a certificate for');
  }
  return ok({ publicKey });
}

function verifies(digest: string | null, signed: Buffer, key: KeyObject, signature: Buffer): boolean {
  try {
    return verify(digest, signed, key, signature);
  } catch {
    return false;
  }
}

/** Why a key is not accepted; undefined where it is. */
function weakness(key: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return modulusLength >= 2048 && modulusLength <= 8192
        ? undefined
        : `must have an RSA key of 2048 to 8192 bits, not ${modulusLength}`;
    case 'ec':
      return namedCurve === 'prime256v1' || namedCurve === 'secp384r1' || namedCurve === 'secp521r1'
        ? undefined
        : `must have a key of curve P-256, P-384 or P-521, not ${namedCurve ?? 'unknown'}`;
    case 'ed25519':
      return undefined;
    default:
      return `must have an RSA, EC or Ed25519 key, not ${key.asymmetricKeyType ?? 'unknown'}`;
  }
}
