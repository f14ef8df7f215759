import type { HeadPool, ResponseHead } from '../codec/head.ts';
import { HeaderBlock } from '../codec/header-block.ts';
import { maxInterimHeads } from '../codec/interim-heads.ts';
import { names } from '../codec/header-name.ts';
import type { ClientStreamHandler } from '../codec/stream.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { Wire } from '../wire/wire.ts';
import { ChunkedDecoder, type BodySink } from './chunked-decoder.ts';
import type { Http1ClientOptions } from './client-options.ts';
import { incomplete, malformed, slot } from './head-parser.ts';
import { Http1Connection } from './http1-connection.ts';
import { framingOf, takeConnectionOptions } from './message-framing.ts';
import { parseStatusLine, type StatusLine } from './request-line.ts';

type ReadState = 'idle' | 'head' | 'length' | 'chunked' | 'until_close' | 'tunnel' | 'closed';

/** Reads the answers on an HTTP/1 connection: where the body of each ends depends on what was asked. */
export abstract class ResponseReader extends Http1Connection implements BodySink {
  protected readonly options: Http1ClientOptions;
  protected reading: ReadState = 'idle';
  protected head: ResponseHead | undefined;
  protected handler: ClientStreamHandler | undefined;
  protected requestIsHead = false;
  protected requestUpgrade: string | undefined;
  protected expectsContinue = false;
  protected interimHeads = 0;
  readonly #statusLine: StatusLine = { status: 0, minorVersion: 1 };

  constructor(wire: Wire, options: Http1ClientOptions, heads: HeadPool, timers: CoarseTimers) {
    super(wire, options, heads, timers);
    this.options = options;
  }

  /** The endpoint has granted the tunnel. */
  protected abstract openTunnel(): void;
  /** An answer is complete with its head. */
  protected abstract endWith(head: ResponseHead): void;
  protected abstract responseComplete(trailers: HeaderBlock | undefined): void;
  /** Ends the connection: what came is no answer. */
  protected abstract fail(reason: 'protocol_error' | 'connection_closed', detail: string): void;

  onBytes(buffer: Buffer, start: number, end: number): void {
    const stash = this.stash;
    if (stash === undefined) {
      this.#process(buffer, start, end);
      return;
    }
    const all = Buffer.concat([stash, buffer.subarray(start, end)]);
    this.stash = undefined;
    this.#process(all, 0, all.length);
  }

  #process(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      switch (this.reading) {
        case 'idle':
          // Bytes that nobody asked for: what follows cannot be trusted to belong to the next request.
          this.fail('protocol_error', 'unsolicited response');
          return;
        case 'head':
          at = this.#readHead(buffer, at, end);
          break;
        case 'length': {
          const from = at;
          at += Math.min(this.bodyLeft, end - at);
          this.bodyLeft -= at - from;
          const last = this.bodyLeft === 0;
          this.handler?.onResponseData(buffer, from, at);
          if (last && this.reading === 'length') this.responseComplete(undefined);
          break;
        }
        case 'chunked': {
          const decoder = this.chunks as ChunkedDecoder;
          const next = decoder.decode(buffer, at, end, this);
          if (this.reading !== 'chunked') return;
          if (next === malformed) {
            this.fail('protocol_error', 'malformed chunked response');
            return;
          }
          at = next;
          if (decoder.done) this.responseComplete(decoder.trailers);
          break;
        }
        case 'until_close':
        case 'tunnel':
          this.handler?.onResponseData(buffer, at, end);
          at = end;
          break;
        case 'closed':
          return;
      }
    }
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    this.handler?.onResponseData(buffer, start, end);
  }

  #readHead(buffer: Buffer, start: number, end: number): number {
    let head = this.head;
    if (head === undefined) {
      head = this.heads.response();
      this.head = head;
      this.headBytes = 0;
      this.lineParsed = false;
      this.lines.reset();
    }
    let at = start;
    if (!this.lineParsed) {
      const next = parseStatusLine(buffer, at, end, this.#statusLine);
      if (next < 0) return this.#headStopped(next, buffer, at, end);
      this.lineParsed = true;
      this.headBytes = next - at;
      at = next;
    }
    const next = this.lines.parse(buffer, at, end, head.headers);
    if (next < 0) return this.#headStopped(next, buffer, at, end);
    head.headers.take(buffer, at, next - 2);
    head.headers.keepsCase = this.options.preserveHeaderCase;
    this.#beginResponse(head);
    return next;
  }

  #headStopped(code: number, buffer: Buffer, start: number, end: number): number {
    if (code !== incomplete || this.headBytes + end - start > this.options.maxHeadBytes) {
      this.fail('protocol_error', 'malformed or too large response head');
      return end;
    }
    this.stash = Buffer.from(buffer.subarray(start, end));
    return end;
  }

  #beginResponse(head: ResponseHead): void {
    const lines = this.lines;
    const block = head.headers;
    this.meter?.noteFields(block);
    const { status, minorVersion } = this.#statusLine;
    head.status = status;
    head.version = minorVersion === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
    const connection = this.connection;
    takeConnectionOptions(block, lines, connection);
    let switchedTo: string | undefined;
    if ((lines.seen[slot.upgrade] as number) > 0) {
      switchedTo = block.get(names.upgrade);
      block.remove(names.upgrade);
    }
    this.head = undefined;

    if ((status < 200 || status === 204) && !this.#isBodiless(block)) {
      this.heads.releaseResponse(head);
      this.fail('protocol_error', 'a length where no body can be');
      return;
    }
    if (status < 200 && status !== 101) {
      if (++this.interimHeads > maxInterimHeads) {
        this.heads.releaseResponse(head);
        this.fail('protocol_error', 'too many interim answers');
        return;
      }
      // 100 is ours to give, unless the client's wish for it was passed on; other interim answers are for the client.
      if (status === 100 && !this.expectsContinue) this.heads.releaseResponse(head);
      else this.handler?.onResponseHead(head, false);
      return;
    }
    if (connection.close || (minorVersion === 0 && !connection.keepAlive)) this.closeAfter = true;
    const upgrade = this.requestUpgrade;
    if (
      upgrade !== undefined &&
      (status === 101 || (upgrade === 'connect' && status >= 200 && status < 300))
    ) {
      if ((lines.seen[slot.transferEncoding] as number) > 0) {
        this.heads.releaseResponse(head);
        this.fail('protocol_error', 'a coding where a tunnel begins');
        return;
      }
      block.remove(names.contentLength);
      head.upgrade = (status === 101 ? switchedTo : undefined) ?? upgrade;
      this.reading = 'tunnel';
      this.closeAfter = true;
      this.handler?.onResponseHead(head, false);
      this.openTunnel();
      return;
    }
    if (status === 101) {
      this.heads.releaseResponse(head);
      this.fail('protocol_error', 'an upgrade that nobody asked for');
      return;
    }
    const framing = framingOf(block, lines, minorVersion, false);
    if (typeof framing === 'string') {
      this.heads.releaseResponse(head);
      this.fail('protocol_error', 'ambiguous framing');
      return;
    }
    if (this.requestIsHead || status === 204 || status === 304 || framing?.kind === 'none') {
      this.endWith(head);
      return;
    }
    if (framing === undefined) {
      this.reading = 'until_close';
      this.closeAfter = true;
    } else if (framing.kind === 'length') {
      this.reading = 'length';
      this.bodyLeft = framing.length;
    } else {
      this.reading = 'chunked';
      this.chunks = new ChunkedDecoder(new HeaderBlock());
    }
    this.handler?.onResponseHead(head, false);
  }

  /** 1xx and 204 have no body, and who is told otherwise waits for one (RFC 9110 section 8.6); a length of 0 is overlooked. */
  #isBodiless(block: HeaderBlock): boolean {
    const { seen, first } = this.lines;
    if ((seen[slot.transferEncoding] as number) > 0) return false;
    if ((seen[slot.contentLength] as number) === 0) return true;
    if ((seen[slot.contentLength] as number) > 1) return false;
    if (!block.valueIs(first[slot.contentLength] as number, '0')) return false;
    return block.remove(names.contentLength);
  }
}
