import { constants, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { jwtFailure, type JwtFailure } from './jwt-failure.ts';
import type { Algorithm, Token } from './token.ts';

interface Key {
  readonly keyId: string | undefined;
  /** The only algorithm that it is for; undefined: any that fits its kind. */
  readonly algorithm: string | undefined;
  readonly key: KeyObject;
}

const curves: Readonly<Record<string, string>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
};

/** True for keys of the kind that the algorithm needs: a token must not choose how a key is read. */
function fits(key: KeyObject, algorithm: Algorithm): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (algorithm === 'EdDSA') return type === 'ed25519' || type === 'ed448';
  if (algorithm.startsWith('ES')) return type === 'ec' && details?.namedCurve === curves[algorithm];
  return type === 'rsa';
}

function isSignedBy(key: KeyObject, { algorithm, signed, signature }: Token): boolean {
  const data = Buffer.from(signed, 'latin1');
  try {
    if (algorithm === 'EdDSA') return verify(null, data, key, signature);
    const digest = `sha${algorithm.slice(2)}`;
    if (algorithm.startsWith('ES')) {
      return verify(digest, data, { key, dsaEncoding: 'ieee-p1363' }, signature);
    }
    if (algorithm.startsWith('PS')) {
      const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
      return verify(digest, data, { key, padding, saltLength }, signature);
    }
    return verify(digest, data, key, signature);
  } catch {
    // A key that OpenSSL refuses to use has signed nothing.
    return false;
  }
}

/** The public keys of an issuer (RFC 7517). */
export class KeySet {
  readonly #keys: readonly Key[];

  private constructor(keys: readonly Key[]) {
    this.#keys = keys;
  }

  /** Reads a JSON Web Key Set; keys of kinds that are not known are passed over. Undefined where none is left. */
  static parse(text: string): KeySet | undefined {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return undefined;
    }
    const list = (json as { readonly keys?: unknown } | null)?.keys;
    if (!Array.isArray(list)) return undefined;
    const keys = list.flatMap((item: unknown) => keyOf(item) ?? []);
    return keys.length === 0 ? undefined : new KeySet(keys);
  }

  /** Why no key of the set has signed the token; undefined where one has. */
  verify(token: Token): JwtFailure | undefined {
    let candidates = 0;
    for (const { keyId, algorithm, key } of this.#keys) {
      if (token.keyId !== undefined && keyId !== undefined && keyId !== token.keyId) continue;
      if (algorithm !== undefined && algorithm !== token.algorithm) continue;
      if (!fits(key, token.algorithm)) continue;
      candidates++;
      if (isSignedBy(key, token)) return undefined;
    }
    return candidates === 0 ? jwtFailure.keyNotFound : jwtFailure.verification;
  }
}

function keyOf(item: unknown): Key | undefined {
  if (item === null || typeof item !== 'object') return undefined;
  const { kty, kid, alg, use } = item as Readonly<Record<string, unknown>>;
  // Symmetric keys are not public; `use` other than `sig` is not for signatures (RFC 7517 section 4.2).
  if (kty === 'oct' || (use !== undefined && use !== 'sig')) return undefined;
  try {
    return {
      keyId: typeof kid === 'string' ? kid : undefined,
      algorithm: typeof alg === 'string' ? alg : undefined,
      key: createPublicKey({ key: item, format: 'jwk' }),
    };
  } catch {
    return undefined;
  }
}
