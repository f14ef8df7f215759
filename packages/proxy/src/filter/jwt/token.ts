import type { JsonValue } from '../../model/metadata.ts';
import { jwtFailure, type JwtFailure } from './jwt-failure.ts';

/** Algorithms by which tokens may be signed (RFC 7518 section 3.1; RFC 8037). No symmetric ones, and never `none`. */
export const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
export type Algorithm = (typeof algorithms)[number];

export type JsonObject = { readonly [key: string]: JsonValue };

/** A JSON Web Token in its parts; nothing is verified yet (RFC 7519, RFC 7515 section 7.1). */
export interface Token {
  readonly algorithm: Algorithm;
  /** Which key signed it; undefined: not told. */
  readonly keyId: string | undefined;
  readonly header: JsonObject;
  readonly payload: JsonObject;
  /** As it stands in the token: base64url without padding. */
  readonly payloadText: string;
  /** What was signed. */
  readonly signed: string;
  readonly signature: Buffer;
}

const base64url = /^[A-Za-z0-9_-]*$/;

function bytesOf(text: string): Buffer | undefined {
  return base64url.test(text) && text.length % 4 !== 1 ? Buffer.from(text, 'base64url') : undefined;
}

function objectOf(bytes: Buffer): JsonObject | undefined {
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as JsonValue;
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Takes a token apart, or says what is wrong with its form. */
export function parseToken(text: string): Token | JwtFailure {
  const first = text.indexOf('.');
  const second = text.indexOf('.', first + 1);
  if (first < 0 || second < 0 || text.indexOf('.', second + 1) >= 0) return jwtFailure.form;
  const headerBytes = bytesOf(text.slice(0, first));
  if (headerBytes === undefined) return jwtFailure.headerBase64;
  const header = objectOf(headerBytes);
  if (header === undefined) return jwtFailure.headerJson;
  const { alg, kid } = header;
  if (typeof alg !== 'string') return jwtFailure.headerAlg;
  const algorithm = algorithms.find((one) => one === alg);
  if (algorithm === undefined) return jwtFailure.algorithm;
  if (kid !== undefined && typeof kid !== 'string') return jwtFailure.headerKid;
  const payloadText = text.slice(first + 1, second);
  const payloadBytes = bytesOf(payloadText);
  if (payloadBytes === undefined) return jwtFailure.payloadBase64;
  const payload = objectOf(payloadBytes);
  if (payload === undefined) return jwtFailure.payloadJson;
  const signature = bytesOf(text.slice(second + 1));
  if (signature === undefined) return jwtFailure.signatureBase64;
  return { algorithm, keyId: kid, header, payload, payloadText, signed: text.slice(0, second), signature };
}
