import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName, names } from '../codec/header-name.ts';
import { slot, type HeaderLines } from './head-parser.ts';

/** How the end of a body is known (RFC 9112 section 6). */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  /** Responses only: the connection ends with the body. */
  | { readonly kind: 'until_close' };

export const noBody: Framing = { kind: 'none' };
const chunkedBody: Framing = { kind: 'chunked' };

/** What is wrong with the framing of a message. */
export type FramingFault = 'bad_length' | 'bad_coding' | 'both' | 'unknown_coding';

const maxLengthDigits = 15;

/** A length of at most 15 digits; -1 where it is none. */
function lengthOf(block: HeaderBlock, line: number): number {
  const { bytes } = block;
  const start = block.valueStart(line);
  const end = block.valueEnd(line);
  if (end === start || end - start > maxLengthDigits) return -1;
  let length = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

/**
 * Decides how the body of a message is framed; `undefined` where no header says so. One
 * `Content-Length`, or exactly `Transfer-Encoding: chunked`, or neither; anything that two
 * implementations could read differently is a fault.
 */
export function framingOf(
  block: HeaderBlock,
  lines: HeaderLines,
  minorVersion: number,
  allowChunkedLength: boolean,
): Framing | FramingFault | undefined {
  const codings = lines.seen[slot.transferEncoding] as number;
  const lengths = lines.seen[slot.contentLength] as number;
  if (codings === 0 && lengths === 0) return undefined;
  if (lengths > 1) return 'bad_length';
  if (codings > 0) {
    if (minorVersion === 0) return 'bad_coding';
    const chunked =
      codings === 1 && block.value(lines.first[slot.transferEncoding] as number).toLowerCase() === 'chunked';
    if (lengths > 0) {
      if (!allowChunkedLength || !chunked) return 'both';
      block.remove(names.contentLength);
    }
    if (!chunked) return 'unknown_coding';
    block.drop(lines.first[slot.transferEncoding] as number);
    return chunkedBody;
  }
  const length = lengthOf(block, lines.first[slot.contentLength] as number);
  if (length < 0) return 'bad_length';
  return length === 0 ? noBody : { kind: 'length', length };
}

/** What the `Connection` header (RFC 9110 section 7.6.1) asked for. */
export interface ConnectionOptions {
  close: boolean;
  keepAlive: boolean;
  upgrade: boolean;
  /** It names what no client may have taken off, or more than anybody needs to (Envoy). */
  rejected: boolean;
}

export function emptyConnectionOptions(): ConnectionOptions {
  return { close: false, keepAlive: false, upgrade: false, rejected: false };
}

/** What a `Connection` header of a request may not name (Envoy). */
const forwardedNames = new Set(['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto']);
const maxNominatedNames = 10;

/** Names that a `Connection` header may not remove: they mean something to routing or framing. */
const protectedNames = new Set([
  'content-length',
  'transfer-encoding',
  'cookie',
  'authorization',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-request-id',
  'content-type',
]);

/** Reads and removes the hop-by-hop headers. */
export function takeConnectionOptions(
  block: HeaderBlock,
  lines: HeaderLines,
  options: ConnectionOptions,
): void {
  options.close = false;
  options.keepAlive = false;
  options.upgrade = false;
  options.rejected = false;
  if ((lines.seen[slot.keepAlive] as number) > 0) block.remove(names.keepAlive);
  if ((lines.seen[slot.proxyConnection] as number) > 0) block.remove(names.proxyConnection);
  if ((lines.seen[slot.connection] as number) === 0) return;
  const line = lines.first[slot.connection] as number;
  if ((lines.seen[slot.connection] as number) === 1) {
    if (block.valueIs(line, 'keep-alive')) {
      options.keepAlive = true;
      block.drop(line);
      return;
    }
    if (block.valueIs(line, 'close')) {
      options.close = true;
      block.drop(line);
      return;
    }
  }
  const text = block.get(names.connection) ?? '';
  block.remove(names.connection);
  const parts = text.split(',');
  options.rejected = parts.length > maxNominatedNames;
  for (const part of parts) {
    const token = part.trim().toLowerCase();
    if (forwardedNames.has(token) || token.startsWith(':')) options.rejected = true;
    if (token === 'close') options.close = true;
    else if (token === 'keep-alive') options.keepAlive = true;
    else if (token === 'upgrade') options.upgrade = true;
    else if (token !== '' && token !== 'te' && !protectedNames.has(token)) {
      block.remove(headerName(token));
      if (token === 'host') lines.seen[slot.host] = 0;
    }
  }
}
