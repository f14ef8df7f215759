import type { RequestHead } from '../codec/head.ts';

/** Characters that a host with an optional port may hold (RFC 3986 section 3.2.2, plus `_` which names in the wild have). */
export function isAuthority(text: string): boolean {
  if (text.length === 0) return true;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const good =
      (c >= 97 && c <= 122) ||
      (c >= 48 && c <= 58) ||
      (c >= 65 && c <= 90) ||
      c === 45 ||
      c === 46 ||
      c === 95 ||
      c === 91 ||
      c === 93 ||
      c === 126 ||
      c === 37 ||
      c === 33 ||
      (c >= 36 && c <= 44) ||
      c === 59 ||
      c === 61;
    if (!good) return false;
  }
  return true;
}

/**
 * Puts the request target and the Host header into the head's `authority`, `path` and `scheme`
 * (RFC 9112 section 3.2): origin form, absolute form, authority form for CONNECT, `*` for OPTIONS.
 * False where they are not allowed together. The host has been found to be one ({@link isAuthority}).
 */
export function applyTarget(
  head: RequestHead,
  target: string,
  host: string | undefined,
  allowAbsoluteUrl: boolean,
): boolean {
  if (head.method === 'CONNECT') {
    if (!isAuthority(target) || !target.includes(':')) return false;
    head.authority = target;
    head.path = '';
    head.upgrade = 'connect';
    return true;
  }
  if (target.charCodeAt(0) === 47) {
    if (host === undefined) return false;
    head.authority = host;
    head.path = target;
    return true;
  }
  if (target === '*') {
    if (head.method !== 'OPTIONS' || host === undefined) return false;
    head.authority = host;
    head.path = '*';
    return true;
  }
  const scheme = /^(https?):\/\//i.exec(target);
  if (scheme === null || !allowAbsoluteUrl) return false;
  const rest = target.slice(scheme[0].length);
  const slash = rest.search(/[/?]/);
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  if (authority === '' || !isAuthority(authority)) return false;
  head.authority = authority;
  head.path = slash < 0 ? '/' : rest[slash] === '?' ? `/${rest.slice(slash)}` : rest.slice(slash);
  return true;
}
