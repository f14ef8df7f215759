import { constants, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

export type TestAlgorithm = 'RS256' | 'PS384' | 'ES256' | 'ES512' | 'EdDSA';

/** An issuer of tokens with one key. */
export interface Issuer {
  /** Its JSON Web Key Set. */
  readonly jwks: string;
  token(payload: object, header?: object): string;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function keyPair(algorithm: TestAlgorithm): {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
} {
  switch (algorithm) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'ES512':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' });
    case 'EdDSA':
      return generateKeyPairSync('ed25519');
    default:
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
  }
}

function signature(algorithm: TestAlgorithm, data: Buffer, key: KeyObject): Buffer {
  switch (algorithm) {
    case 'ES256':
      return sign('sha256', data, { key, dsaEncoding: 'ieee-p1363' });
    case 'ES512':
      return sign('sha512', data, { key, dsaEncoding: 'ieee-p1363' });
    case 'EdDSA':
      return sign(null, data, key);
    case 'PS384':
      return sign('sha384', data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 });
    default:
      return sign('sha256', data, key);
  }
}

/** Makes an issuer with a fresh key. */
export function createIssuer(algorithm: TestAlgorithm = 'ES256', keyId = 'key-1'): Issuer {
  const { publicKey, privateKey } = keyPair(algorithm);
  return {
    jwks: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: keyId, use: 'sig' }] }),
    token(payload, header = {}) {
      const signed = `${part({ alg: algorithm, kid: keyId, typ: 'JWT', ...header })}.${part(payload)}`;
      return `${signed}.${signature(algorithm, Buffer.from(signed), privateKey).toString('base64url')}`;
    },
  };
}
