import type { JsonValue } from '../../model/metadata.ts';
import type { JwtProvider } from '../../model/jwt-authn.ts';
import { jwtFailure, type JwtFailure } from './jwt-failure.ts';
import type { JsonObject } from './token.ts';

/** A time of a token (RFC 7519 section 2, NumericDate), in milliseconds; undefined where there is none. */
function timeOf(payload: JsonObject, claim: string): number | undefined {
  const value = payload[claim];
  return typeof value === 'number' ? value * 1_000 : undefined;
}

/** What is wrong with the times of a token. */
export function checkTimes(
  payload: JsonObject,
  { clockSkewMs, requireExpiration, maxLifetimeMs }: JwtProvider,
  nowMs: number,
): JwtFailure | undefined {
  const notBefore = timeOf(payload, 'nbf');
  const expires = timeOf(payload, 'exp');
  for (const claim of ['nbf', 'exp', 'iat']) {
    if (payload[claim] !== undefined && typeof payload[claim] !== 'number') return jwtFailure.payloadJson;
  }
  if (notBefore !== undefined && notBefore > nowMs + clockSkewMs) return jwtFailure.early;
  if (expires !== undefined && expires < nowMs - clockSkewMs) return jwtFailure.expired;
  if (expires === undefined) {
    return requireExpiration || maxLifetimeMs !== undefined ? jwtFailure.noExpiration : undefined;
  }
  if (maxLifetimeMs === undefined) return undefined;
  const issued = timeOf(payload, 'iat') ?? nowMs;
  return expires - issued > maxLifetimeMs ? jwtFailure.lifetime : undefined;
}

/** `https://shop/` and `shop` are the same audience (Envoy, `JwtProvider.audiences`). */
export function plainAudience(audience: string): string {
  const bare = audience.replace(/^https?:\/\//, '');
  return bare.endsWith('/') ? bare.slice(0, -1) : bare;
}

/** True where the token is meant for one of these, or where there is no choice. */
export function isForAudience(payload: JsonObject, audiences: ReadonlySet<string>): boolean {
  if (audiences.size === 0) return true;
  const { aud } = payload;
  const own = Array.isArray(aud) ? (aud as readonly JsonValue[]) : [aud];
  return own.some((one) => typeof one === 'string' && audiences.has(plainAudience(one)));
}

/** A claim by its path, as in `nested.key`; a name with dots in it is found as well. */
export function claimAt(payload: JsonObject, path: string): JsonValue | undefined {
  if (Object.hasOwn(payload, path)) return payload[path];
  let value: JsonValue | undefined = payload;
  for (const key of path.split('.')) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, key)) return undefined;
    value = (value as JsonObject)[key];
  }
  return value;
}

/** A claim as the value of a header (Envoy, `claim_to_headers`): text, or the JSON of lists and objects in base64. */
export function claimText(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object') return Buffer.from(JSON.stringify(value)).toString('base64');
  return String(value);
}

/** The payload with the text of these claims cut into words. */
export function splitClaims(payload: JsonObject, claims: readonly string[]): JsonObject {
  if (claims.length === 0) return payload;
  const changed: Record<string, JsonValue> = { ...payload };
  for (const claim of claims) {
    const value = payload[claim];
    if (typeof value === 'string') changed[claim] = value.split(' ').filter((word) => word !== '');
  }
  return changed;
}
