import type { RouteMatch } from './route.ts';
import type { StringMatch } from './string-match.ts';
import type { DataSource } from './tls.ts';

/** Where the keys of an issuer come from. */
export type JwksSource =
  | { readonly kind: 'local'; readonly source: DataSource }
  | {
      readonly kind: 'remote';
      readonly uri: string;
      readonly cluster: string;
      readonly timeoutMs: number;
      /** Default 10 minutes. */
      readonly cacheMs: number;
      /** Fetch from the start of the listener on, which waits for the first keys unless it is fast. */
      readonly async?: { readonly failedRefetchMs: number; readonly fastListener: boolean };
      /** Tries after the first; default 0. */
      readonly retries: number;
      readonly retryBaseMs: number;
      readonly retryMaxMs: number;
    };

/** Whose tokens are accepted, and what becomes of them (`envoy.extensions.filters.http.jwt_authn.v3.JwtProvider`). */
export interface JwtProvider {
  readonly name: string;
  /** Empty: any. */
  readonly issuer: string;
  /** Empty: any. */
  readonly audiences: readonly string[];
  readonly subjects?: StringMatch;
  readonly requireExpiration: boolean;
  readonly maxLifetimeMs?: number;
  readonly jwks: JwksSource;
  /** The endpoint gets the token too. */
  readonly forward: boolean;
  /** Where tokens are looked for; all three empty: `Authorization: Bearer` and the parameter `access_token`. */
  readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[];
  readonly fromParams: readonly string[];
  readonly fromCookies: readonly string[];
  /** Header for the payload, in base64url; empty: none. */
  readonly payloadHeader: string;
  readonly padPayload: boolean;
  /** Keys of the filter's metadata for payload and header; empty: not told. */
  readonly payloadMetadata: string;
  readonly headerMetadata: string;
  /** Claims whose text becomes a list of words in the metadata. */
  readonly spaceDelimitedClaims: readonly string[];
  /** Default one minute. */
  readonly clockSkewMs: number;
  /** Tokens whose signature is known to be good; default 100. */
  readonly cacheSize: number;
  readonly claimToHeaders: readonly { readonly header: string; readonly claim: string }[];
  readonly clearRouteCache: boolean;
}

/** What tokens a request must have. */
export type JwtRequirement =
  | { readonly kind: 'provider'; readonly provider: string; readonly audiences?: readonly string[] }
  | { readonly kind: 'any' | 'all'; readonly requirements: readonly JwtRequirement[] }
  | { readonly kind: 'allow_missing' }
  | { readonly kind: 'allow_missing_or_failed' };

/** `envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication`. */
export interface JwtAuthn {
  readonly providers: readonly JwtProvider[];
  /** The first that matches decides; without requirement everybody passes. */
  readonly rules: readonly { readonly match: RouteMatch; readonly requires?: JwtRequirement }[];
  /** By name, for routes. */
  readonly named: ReadonlyMap<string, JwtRequirement>;
  readonly bypassCorsPreflight: boolean;
  readonly stripFailureResponse: boolean;
}
