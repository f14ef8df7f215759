import { tokenLower } from '../codec/header-name.ts';
import { latin1Slice } from '../codec/latin1.ts';
import { faultOf, fragment, incomplete, malformed } from './head-parser.ts';

/** What a request line said; offsets into the buffer that was parsed. */
export interface RequestLine {
  method: string;
  /** The method is one of the common ones. */
  common: boolean;
  targetStart: number;
  targetEnd: number;
  /** 0 or 1. */
  minorVersion: number;
}

/** One that nothing was parsed into yet. */
export function emptyRequestLine(): RequestLine {
  return { method: '', common: true, targetStart: 0, targetEnd: 0, minorVersion: 1 };
}

const commonMethods = ['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE'];
const versionPrefix = Buffer.from('HTTP/1.');

/** The common method that stands there. */
function commonMethod(buffer: Buffer, start: number, end: number): string | undefined {
  next: for (const method of commonMethods) {
    if (method.length !== end - start) continue;
    for (let i = 0; i < method.length; i++) if (buffer[start + i] !== method.charCodeAt(i)) continue next;
    return method;
  }
  return undefined;
}

/**
 * Reads `METHOD SP target SP HTTP/1.x CRLF` (RFC 9112 section 3) and returns the offset after it, or
 * {@link incomplete}, or what is wrong. One empty line before it is skipped (section 2.2).
 */
export function parseRequestLine(buffer: Buffer, start: number, end: number, line: RequestLine): number {
  let at = start;
  if (at < end && buffer[at] === 13) {
    if (at + 1 >= end) return incomplete;
    if (buffer[at + 1] !== 10) return malformed;
    at += 2;
  }
  const methodStart = at;
  while (at < end && tokenLower[buffer[at] as number] !== 0) at++;
  if (at >= end) return incomplete;
  if (buffer[at] !== 32 || at === methodStart) return faultOf(buffer[at] as number);
  const methodEnd = at++;
  const targetStart = at;
  for (; at < end; at++) {
    const byte = buffer[at] as number;
    // A fragment is for the client alone; bytes from 0x80 on belong in no target (RFC 3986).
    if (byte <= 32 || byte >= 127 || byte === 35) break;
  }
  if (at >= end) return incomplete;
  if (buffer[at] === 35) return fragment;
  if (buffer[at] !== 32 || at === targetStart) return faultOf(buffer[at] as number);
  const targetEnd = at++;
  const available = Math.min(end - at, versionPrefix.length);
  for (let i = 0; i < available; i++) if (buffer[at + i] !== versionPrefix[i]) return malformed;
  if (end - at < versionPrefix.length + 3) {
    const digit = buffer[at + versionPrefix.length];
    return end - at > versionPrefix.length && digit !== 48 && digit !== 49 ? malformed : incomplete;
  }
  at += versionPrefix.length;
  const minor = (buffer[at] as number) - 48;
  if ((minor !== 0 && minor !== 1) || buffer[at + 1] !== 13 || buffer[at + 2] !== 10) return malformed;
  const common = commonMethod(buffer, methodStart, methodEnd);
  line.common = common !== undefined;
  line.method = common ?? latin1Slice(buffer, methodStart, methodEnd);
  line.targetStart = targetStart;
  line.targetEnd = targetEnd;
  line.minorVersion = minor;
  return at + 3;
}

/** What a status line said. */
export interface StatusLine {
  status: number;
  minorVersion: number;
}

/** Reads `HTTP/1.x SP 3DIGIT [SP reason] CRLF` (RFC 9112 section 4); results as {@link parseRequestLine}. */
export function parseStatusLine(buffer: Buffer, start: number, end: number, line: StatusLine): number {
  let at = start;
  const available = Math.min(end - at, versionPrefix.length);
  for (let i = 0; i < available; i++) if (buffer[at + i] !== versionPrefix[i]) return malformed;
  if (end - at < versionPrefix.length + 7) {
    return buffer.indexOf(10, start) >= 0 && buffer.indexOf(10, start) < end ? malformed : incomplete;
  }
  at += versionPrefix.length;
  const minor = (buffer[at] as number) - 48;
  if ((minor !== 0 && minor !== 1) || buffer[at + 1] !== 32) return malformed;
  const hundreds = (buffer[at + 2] as number) - 48;
  const tens = (buffer[at + 3] as number) - 48;
  const ones = (buffer[at + 4] as number) - 48;
  if (hundreds < 1 || hundreds > 9 || tens < 0 || tens > 9 || ones < 0 || ones > 9) return malformed;
  at += 5;
  if (buffer[at] === 32) {
    at++;
    for (; at < end; at++) {
      const byte = buffer[at] as number;
      if (byte < 32 && byte !== 9) break;
    }
  }
  if (at + 1 >= end) return at < end && buffer[at] !== 13 ? malformed : incomplete;
  if (buffer[at] !== 13 || buffer[at + 1] !== 10) return malformed;
  line.status = hundreds * 100 + tens * 10 + ones;
  line.minorVersion = minor;
  return at + 2;
}
