import { latin1Write, putBytes } from '../codec/latin1.ts';
import type { Wire } from '../wire/wire.ts';
import { statusLine } from './status-line.ts';

/** Why a request was refused before it became one. */
export type CodecFault =
  | 'malformed_head'
  | 'headers_too_large'
  | 'too_many_headers'
  | 'bad_framing'
  | 'bad_host'
  | 'unsupported_version'
  | 'unknown_coding'
  | 'malformed_body'
  | 'head_timeout';

/** What the client is told. */
export const faultStatus: Readonly<Record<CodecFault, number>> = {
  malformed_head: 400,
  headers_too_large: 431,
  too_many_headers: 431,
  bad_framing: 400,
  bad_host: 400,
  unsupported_version: 426,
  unknown_coding: 501,
  malformed_body: 400,
  head_timeout: 408,
};

/** Answers a request that could not be read, and announces the end of the connection. */
export function writeRefusal(wire: Wire, status: number): void {
  const first = statusLine(status);
  const body = Buffer.from(first.subarray(13, first.length - 2)).toString('latin1');
  const text = `content-type: text/plain\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;
  let at = wire.claim(first.length + text.length);
  at = putBytes(first, wire.output, at);
  at = latin1Write(wire.output, text, at);
  wire.commit(at);
}
