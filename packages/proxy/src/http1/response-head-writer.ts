import type { ResponseHead } from '../codec/head.ts';
import { names } from '../codec/header-name.ts';
import { latin1Write } from '../codec/latin1.ts';
import { putBytes } from '../wire/copy-bytes.ts';
import type { Wire } from '../wire/wire.ts';
import { properCaseNames } from './proper-case.ts';
import { spellAsSender } from './sender-case.ts';
import { statusLine } from './status-line.ts';

/**
 * What follows a response's head, and how its end is told (RFC 9112 section 6.3): nothing can, nothing does, a body
 * of a length, chunks, all until the connection closes, a tunnel. `head` is a head alone, of an answer that a GET would
 * have in chunks.
 */
export type ResponseFraming = 'none' | 'head' | 'empty' | 'length' | 'chunked' | 'until_close' | 'tunnel';

const crlf = Buffer.from('\r\n');
const connectionClose = Buffer.from('connection: close\r\n');
const connectionKeepAlive = Buffer.from('connection: keep-alive\r\n');
const transferChunked = Buffer.from('transfer-encoding: chunked\r\n');
const contentLengthZero = Buffer.from('content-length: 0\r\n');
const continueHead = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');
/** The longest of what is added to the headers, and the end of the head. */
const roomBytes = 160;

/** Writes an interim answer (1xx), which nothing follows. */
export function writeInterimHead(wire: Wire, head: ResponseHead): void {
  const first = statusLine(head.status, 1);
  const block = head.headers;
  const at = wire.claim(first.length + block.used + roomBytes);
  const out = wire.output;
  wire.commit(putBytes(crlf, out, block.encode(out, putBytes(first, out, at))));
}

/** Tells a client that it may send its body. */
export function writeContinue(wire: Wire): void {
  wire.write(continueHead, 0, continueHead.length);
}

/** How the body of an answer is to be framed, for a client that understands chunks or does not. */
export function responseFraming(
  head: ResponseHead,
  endStream: boolean,
  answersHead: boolean,
  takesChunks: boolean,
): ResponseFraming {
  const { status } = head;
  if (head.upgrade !== undefined) return 'tunnel';
  if (status === 204 || status === 304) return 'none';
  if (answersHead) return takesChunks && !head.headers.has(names.contentLength) ? 'head' : 'none';
  if (endStream) return 'empty';
  if (head.headers.has(names.contentLength)) return 'length';
  return takesChunks ? 'chunked' : 'until_close';
}

/**
 * Writes the head of a final answer, with what it says of the connection; `properCase`: names as `Content-Type`.
 * Returns the bytes of its fields.
 */
export function writeResponseHead(
  wire: Wire,
  head: ResponseHead,
  framing: ResponseFraming,
  connection: 'unsaid' | 'close' | 'keep-alive',
  properCase: boolean,
  minorVersion: number,
): number {
  const block = head.headers;
  const { status } = head;
  const first = statusLine(status, minorVersion);
  let at = wire.claim(first.length + block.used + roomBytes);
  const out = wire.output;
  at = putBytes(first, out, at);
  const namesAt = at;
  at = block.encode(out, at);
  if (framing === 'tunnel') {
    if (status === 101) at = latin1Write(out, `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`, at);
  } else {
    if (framing === 'chunked' || framing === 'head') at = putBytes(transferChunked, out, at);
    else if (framing === 'empty' && !block.has(names.contentLength))
      at = putBytes(contentLengthZero, out, at);
    if (connection === 'close') at = putBytes(connectionClose, out, at);
    else if (connection === 'keep-alive') at = putBytes(connectionKeepAlive, out, at);
  }
  spellAsSender(block, out, namesAt, at);
  if (properCase) properCaseNames(out, namesAt, at);
  wire.commit(putBytes(crlf, out, at));
  return at - namesAt;
}
