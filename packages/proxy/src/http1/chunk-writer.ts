import type { HeaderBlock } from '../codec/header-block.ts';
import { latin1Write } from '../codec/latin1.ts';
import { copyBytes, putBytes } from '../wire/copy-bytes.ts';
import type { Wire } from '../wire/wire.ts';

const crlf = Buffer.from('\r\n');
const lastChunk = Buffer.from('0\r\n');
const lastChunkAlone = Buffer.from('0\r\n\r\n');

/** Writes bytes of a body as one chunk (RFC 9112 section 7.1); there must be some, as an empty chunk is the last. */
export function writeChunk(wire: Wire, buffer: Uint8Array, start: number, end: number): void {
  const length = end - start;
  let at = wire.claim(length + 20);
  const out = wire.output;
  at = latin1Write(out, `${length.toString(16)}\r\n`, at);
  at = putBytes(crlf, out, copyBytes(buffer, start, end, out, at));
  wire.commit(at);
}

/** Ends a body of chunks, with its trailers where there are any. */
export function writeLastChunk(wire: Wire, trailers: HeaderBlock | undefined): void {
  if (trailers === undefined) {
    wire.write(lastChunkAlone, 0, lastChunkAlone.length);
    return;
  }
  let at = wire.claim(trailers.used + 8);
  const out = wire.output;
  at = putBytes(lastChunk, out, at);
  at = putBytes(crlf, out, trailers.encode(out, at));
  wire.commit(at);
}
