import { generateKeyPairSync, sign } from 'node:crypto';

/** Who signs tokens, of a key pair of its own. */
export interface TokenIssuer {
  /** Its public key, as a RequestAuthentication takes it. */
  readonly jwks: string;
  /** A token with these claims, as an option of curl. */
  readonly bearer: (claims: object) => string;
}

/** Issues tokens of `testing@secure.istio.io` that hold for an hour. */
export function tokenIssuer(): TokenIssuer {
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    jwks: JSON.stringify({
      keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }],
    }),
    bearer: (claims) => {
      const text = `${part({ alg: 'RS256', kid: 'one' })}.${part({
        iss: 'testing@secure.istio.io',
        sub: 'testing@secure.istio.io',
        exp: Math.floor(Date.now() / 1000) + 3_600,
        ...claims,
      })}`;
      const signature = sign('sha256', Buffer.from(text), keys.privateKey).toString('base64url');
      return `-H 'Authorization: Bearer ${text}.${signature}'`;
    },
  };
}
