import type { JwtRule } from '@lateen/config';

/** The keys of an issuer, as they were last fetched. */
export interface KeySet {
  /** A JSON Web Key Set; undefined where there was none to be had so far. */
  readonly jwks: string | undefined;
}

/**
 * Where the keys of a rule are found: at its `jwksUri`, else where the issuer's OpenID configuration says;
 * undefined where the rule brings them.
 */
export function keySetUri(rule: JwtRule): string | undefined {
  if (rule.jwks !== undefined && rule.jwks !== '') return undefined;
  if (rule.jwksUri !== undefined && rule.jwksUri !== '') return rule.jwksUri;
  return `${rule.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}
