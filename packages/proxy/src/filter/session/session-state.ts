import type { RequestHead } from '../../codec/head.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import { headerName, names } from '../../codec/header-name.ts';
import { cookieValue } from '../../decide/cookie-value.ts';
import type { SessionState } from '../../model/stateful-session.ts';

/** Reads and writes where a session goes. */
export interface CompiledSession {
  /** False for requests that belong to no session. */
  applies(head: RequestHead): boolean;
  /** The address that the client names; undefined where it names none, or one that is too old. */
  read(head: RequestHead, nowSeconds: number): string | undefined;
  /** Tells the client the address. */
  write(headers: HeaderBlock, address: string, nowSeconds: number): void;
}

/** RFC 6265 section 5.1.4, for a path that may have a query. */
function isBelow(path: string, root: string): boolean {
  if (root === '' || root === '/') return true;
  if (!path.startsWith(root)) return false;
  const next = path[root.length];
  return root.endsWith('/') || next === undefined || next === '/' || next === '?' || next === '#';
}

/** A varint at a place of the bytes; undefined where there is none. */
function varint(bytes: Uint8Array, from: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let at = from, factor = 1; at < bytes.length && at < from + 8; at++, factor *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value, next: at + 1 };
  }
  return undefined;
}

/** Envoy's cookie, a message of an address (1) and of the second in which it ends (2; 0: never). */
export function decodeSessionCookie(
  bytes: Uint8Array,
): { readonly address: string; readonly expires: number } | undefined {
  let address: string | undefined;
  let expires = 0;
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at];
    const number = varint(bytes, at + 1);
    if (number === undefined) return undefined;
    at = number.next;
    if (tag === 0x10) {
      expires = number.value;
    } else if (tag === 0x0a && at + number.value <= bytes.length) {
      address = Buffer.from(bytes.subarray(at, at + number.value)).toString('latin1');
      at += number.value;
    } else {
      return undefined;
    }
  }
  return address === undefined ? undefined : { address, expires };
}

export function encodeSessionCookie(address: string, expires: number): Buffer {
  const text = Buffer.from(address, 'latin1');
  const bytes = [0x0a, text.length, ...text];
  if (expires > 0) {
    bytes.push(0x10);
    let rest = expires;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
    bytes.push(rest);
  }
  return Buffer.from(bytes);
}

function cookieSession({
  name,
  ttlSeconds,
  path,
}: Extract<SessionState, { kind: 'cookie' }>): CompiledSession {
  const attributes = `${ttlSeconds === 0 ? '' : `; Max-Age=${ttlSeconds}`}${path === '' ? '' : `; Path=${path}`}; HttpOnly`;
  return {
    applies: (head) => isBelow(head.path, path),
    read({ headers }, nowSeconds) {
      for (let line = headers.find(names.cookie); line >= 0; line = headers.find(names.cookie, line + 1)) {
        const value = cookieValue(headers.value(line), name);
        if (value === undefined || value === '') continue;
        const bytes = Buffer.from(value, 'base64');
        const cookie = decodeSessionCookie(bytes);
        // Older ones are the address alone.
        if (cookie === undefined) return bytes.toString('latin1');
        return cookie.expires !== 0 && nowSeconds >= cookie.expires ? undefined : cookie.address;
      }
      return undefined;
    },
    write(headers, address, nowSeconds) {
      const expires = ttlSeconds === 0 ? 0 : nowSeconds + ttlSeconds;
      const value = encodeSessionCookie(address, expires).toString('base64');
      headers.add(names.setCookie, `${name}="${value}"${attributes}`);
    },
  };
}

function headerSession(name: string): CompiledSession {
  const header = headerName(name);
  return {
    applies: () => true,
    read({ headers }) {
      const value = headers.get(header);
      return value === undefined || value === ''
        ? undefined
        : Buffer.from(value, 'base64').toString('latin1');
    },
    write(headers, address) {
      headers.set(header, Buffer.from(address, 'latin1').toString('base64'));
    },
  };
}

/** Prepares the state of sessions. */
export function compileSession(state: SessionState): CompiledSession {
  return state.kind === 'cookie' ? cookieSession(state) : headerSession(state.name);
}
