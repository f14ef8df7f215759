import { randomBytes } from 'node:crypto';
import type { RequestHead } from '../codec/head.ts';
import { headerName, names } from '../codec/header-name.ts';
import { latin1Write } from '../codec/latin1.ts';
import { putBytes } from '../wire/copy-bytes.ts';
import type { Wire } from '../wire/wire.ts';
import { properCaseNames } from './proper-case.ts';
import { spellAsSender } from './sender-case.ts';

export interface RequestHeadStyle {
  /** Names are sent as `Content-Type`. */
  readonly properCase?: boolean;
  /** Request lines hold the whole URL. */
  readonly sendFullUrl?: boolean;
}

const websocketKey = headerName('sec-websocket-key');
const crlf = Buffer.from('\r\n');
const hostName = 'host: ';
const version11 = Buffer.from(` HTTP/1.1\r\n${hostName}`);
const transferChunked = Buffer.from('transfer-encoding: chunked\r\n');
const contentLengthZero = Buffer.from('content-length: 0\r\n');
const bodiless: ReadonlySet<string> = new Set(['HEAD', 'DELETE', 'TRACE', 'CONNECT']);
const teTrailers = Buffer.from('connection: te\r\nte: trailers\r\n');

/** True where a request's body is to come in chunks. */
export function sendsChunks({ upgrade, headers }: RequestHead, endStream: boolean): boolean {
  return !endStream && upgrade === undefined && !headers.has(names.contentLength);
}

/** Writes a request's head, `chunked` as {@link sendsChunks} has it; returns the bytes of its fields. */
export function writeRequestHead(
  wire: Wire,
  head: RequestHead,
  endStream: boolean,
  chunked: boolean,
  style: RequestHeadStyle,
): number {
  const block = head.headers;
  const { method, path, authority, upgrade } = head;
  let at = wire.claim(block.used + method.length + path.length + 3 * authority.length + 200);
  const out = wire.output;
  at = latin1Write(out, method, at);
  out[at++] = 32;
  if (style.sendFullUrl === true && path.charCodeAt(0) === 47) {
    at = latin1Write(out, `${head.scheme}://${authority}`, at);
  }
  at = latin1Write(out, method === 'CONNECT' ? authority : path, at);
  at = putBytes(version11, out, at);
  const namesAt = at - hostName.length;
  at = latin1Write(out, authority, at);
  at = putBytes(crlf, out, at);
  at = block.encode(out, at);
  if (upgrade !== undefined && upgrade !== 'connect') {
    at = latin1Write(out, `connection: upgrade\r\nupgrade: ${upgrade}\r\n`, at);
    // Clients of HTTP/2 have no key; servers of HTTP/1.1 want one (RFC 8441 section 5, RFC 6455 section 4.1).
    if (upgrade === 'websocket' && head.version === 'HTTP/2' && !block.has(websocketKey)) {
      at = latin1Write(out, `sec-websocket-key: ${randomBytes(16).toString('base64')}\r\n`, at);
    }
  } else if (chunked) {
    at = putBytes(transferChunked, out, at);
  } else if (upgrade === undefined && endStream && impliesBody(method) && !block.has(names.contentLength)) {
    at = putBytes(contentLengthZero, out, at);
  }
  if (head.acceptsTrailers) at = putBytes(teTrailers, out, at);
  spellAsSender(block, out, namesAt, at);
  if (style.properCase === true) properCaseNames(out, namesAt, at);
  wire.commit(putBytes(crlf, out, at));
  return at - namesAt;
}

/** Of methods whose requests may have a body, unless they say that it is empty (RFC 9110 section 8.6; as Envoy). */
function impliesBody(method: string): boolean {
  return method !== 'GET' && !bodiless.has(method);
}
