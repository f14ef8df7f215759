import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** A secret for the address of the console, so that other users of the machine cannot read it. */
export function newToken(): string {
  return randomBytes(24).toString('base64url');
}

/** Why a request is refused; undefined where it may go on. */
export type Refusal = { readonly status: 401 | 403 | 405; readonly message: string } | undefined;

/**
 * Refuses what did not come from the console's own page: another method, and another name of this
 * machine than those it is known by, which a foreign page could have pointed at it (DNS rebinding).
 */
export function refuseForeign(request: IncomingMessage, port: number): Refusal {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, message: 'the console only reads: GET' };
  }
  const host = request.headers.host ?? '';
  const names = [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];
  if (!names.includes(host)) {
    return { status: 403, message: `the console is not known as ${JSON.stringify(host)}` };
  }
  return undefined;
}

/** Refuses a request without the token, in `Authorization: Bearer` or in the query. */
export function refuseStranger(request: IncomingMessage, url: URL, token: string): Refusal {
  const [, bearer] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '') ?? [];
  const given = bearer ?? url.searchParams.get('token') ?? '';
  if (sameText(given, token)) return undefined;
  return { status: 401, message: 'open the address that `lateen console` printed: it carries the token' };
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
