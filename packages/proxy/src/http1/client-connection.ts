import { connectionEnd, type ConnectionEnd } from '../codec/connection-end.ts';
import type { ByteMeter } from '../codec/byte-meter.ts';
import type { HeadPool, HttpVersion, RequestHead, ResponseHead } from '../codec/head.ts';
import { HeaderBlock } from '../codec/header-block.ts';
import { maxInterimHeads } from '../codec/interim-heads.ts';
import { names } from '../codec/header-name.ts';
import type { ClientStream, ClientStreamHandler } from '../codec/stream.ts';
import type { ConnectTimes } from '../wire/connect-times.ts';
import { type Expirable, type CoarseTimers, type Countdown } from '../timer/coarse-timers.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import { writeChunk, writeLastChunk } from './chunk-writer.ts';
import { ChunkedDecoder, type BodySink } from './chunked-decoder.ts';
import type { Http1ClientOptions } from './client-options.ts';
import { headerLinesOf, incomplete, malformed, slot, type HeaderLines } from './head-parser.ts';
import { emptyConnectionOptions, framingOf, takeConnectionOptions } from './message-framing.ts';
import { Http1Meter, markOf } from './http1-meter.ts';
import { sendsChunks, writeRequestHead } from './request-head-writer.ts';
import { parseStatusLine, type StatusLine } from './request-line.ts';

/** The pool that a client connection belongs to. */
export interface ClientConnectionOwner {
  /** The connection can carry the next request; true where somebody waits for it, who is to be served with {@link serveNext}. */
  onConnectionIdle(connection: Http1ClientConnection): boolean;
  /** Whoever had the connection knows that the exchange is over: whoever waits may have it. */
  serveNext(connection: Http1ClientConnection): void;
  /** The connection can carry no further request; it is closed, or will be. */
  onConnectionClosed(connection: Http1ClientConnection, end: ConnectionEnd): void;
}

type ReadState = 'idle' | 'head' | 'length' | 'chunked' | 'until_close' | 'tunnel' | 'closed';

const quietEnd = connectionEnd(false, false);
const peerEnd = connectionEnd(true, false);
/** An answer came before the request was sent to its end. */
const earlyEnd = connectionEnd(false, true);
const idleEnd = connectionEnd(false, false, 'idle_timeout');
const maxRequestsEnd = connectionEnd(false, false, 'max_requests');

/** The client side of an HTTP/1 connection: one request at a time. It is its own stream. */
export class Http1ClientConnection implements Expirable, ClientStream, WireHandler, BodySink {
  countdown: Countdown | undefined = undefined;
  readonly #wire: Wire;
  readonly #options: Http1ClientOptions;
  readonly #owner: ClientConnectionOwner;
  readonly #heads: HeadPool;
  readonly #timers: CoarseTimers;
  readonly #lines: HeaderLines;
  readonly #statusLine: StatusLine = { status: 0, minorVersion: 1 };
  readonly #connection = emptyConnectionOptions();
  /** For logs; given by its owner. */
  connectionId = 0;
  #reading: ReadState = 'idle';
  #requestDone = true;
  #requestChunked = false;
  #requestIsHead = false;
  #requestUpgrade: string | undefined;
  #expectsContinue = false;
  /** Bytes for a tunnel that is not open yet. */
  #earlyTunnel: Buffer[] | undefined;
  #handler: ClientStreamHandler | undefined;
  #head: ResponseHead | undefined;
  #lineParsed = false;
  #headBytes = 0;
  #stash: Buffer | undefined;
  #bodyLeft = 0;
  #chunks: ChunkedDecoder | undefined;
  #interimHeads = 0;
  #closeAfter = false;
  #paused = false;
  #requests = 0;
  #localAddress: string | undefined;
  /** Of the request under way, or the last; where somebody asks. */
  #meter: Http1Meter | undefined;
  #released = false;

  constructor(
    wire: Wire,
    options: Http1ClientOptions,
    owner: ClientConnectionOwner,
    heads: HeadPool,
    timers: CoarseTimers,
  ) {
    this.#wire = wire;
    this.#options = options;
    this.#owner = owner;
    this.#heads = heads;
    this.#timers = timers;
    this.#lines = headerLinesOf(options);
    wire.handler = this;
  }

  get wire(): Wire {
    return this.#wire;
  }

  /** Gives the connection to the next request. */
  attach(handler: ClientStreamHandler): ClientStream {
    this.#timers.stop(this);
    this.#handler = handler;
    this.#requests++;
    this.#meter?.end();
    this.#meter = undefined;
    return this;
  }

  measure(): ByteMeter {
    this.#wire.countAlone();
    return (this.#meter = new Http1Meter(this.#wire, markOf(this.#wire)));
  }

  get protocol(): HttpVersion {
    return 'HTTP/1.1';
  }

  get reused(): boolean {
    return this.#requests > 1;
  }

  get times(): ConnectTimes | undefined {
    return this.#wire.times;
  }

  get tls(): TlsInfo | undefined {
    return this.#wire.tls;
  }

  get localAddress(): string {
    this.#localAddress ??= `${this.#wire.localAddress}:${this.#wire.localPort}`;
    return this.#localAddress;
  }

  /** Starts to wait for the next request. */
  startIdle(): void {
    if (this.#options.idleTimeoutMs > 0) this.#timers.start(this, this.#options.idleTimeoutMs);
  }

  /** Closes now when idle, else after the response under way. */
  closeWhenIdle(): void {
    this.#closeAfter = true;
    if (this.#handler === undefined) this.#shut(quietEnd);
  }

  // The request

  get writable(): boolean {
    return this.#earlyTunnel === undefined && this.#wire.writable;
  }

  sendHead(head: RequestHead, endStream: boolean): void {
    this.#requestIsHead = head.method === 'HEAD';
    this.#requestUpgrade = head.upgrade;
    this.#earlyTunnel = undefined;
    this.#requestChunked = sendsChunks(head, endStream);
    const fieldBytes = writeRequestHead(this.#wire, head, endStream, this.#requestChunked, this.#options);
    if (this.#meter !== undefined) this.#meter.headerSent += fieldBytes;
    this.#expectsContinue = head.expectContinue;
    this.#requestDone = endStream;
    this.#interimHeads = 0;
    this.#reading = 'head';
  }

  sendData(buffer: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    if (this.#requestUpgrade !== undefined && this.#reading === 'head') {
      // An endpoint that does not grant the tunnel would take these bytes for a request.
      (this.#earlyTunnel ??= []).push(Buffer.from(buffer.subarray(start, end)));
      return;
    }
    if (this.#requestChunked) writeChunk(this.#wire, buffer, start, end);
    else this.#wire.write(buffer, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#reading === 'tunnel') {
      this.#wire.end();
      this.#requestDone = true;
      return;
    }
    if (this.#requestChunked) writeLastChunk(this.#wire, this.#options.enableTrailers ? trailers : undefined);
    this.#requestDone = true;
    if (this.#reading === 'idle' && this.#release()) this.#serveNext();
  }

  reset(): void {
    const active = this.#handler !== undefined;
    this.#handler = undefined;
    this.#shut(connectionEnd(false, active));
  }

  pauseResponse(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#wire.pause();
  }

  resumeResponse(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wire.resume();
  }

  // The response

  onBytes(buffer: Buffer, start: number, end: number): void {
    const stash = this.#stash;
    if (stash === undefined) {
      this.#process(buffer, start, end);
      return;
    }
    const all = Buffer.concat([stash, buffer.subarray(start, end)]);
    this.#stash = undefined;
    this.#process(all, 0, all.length);
  }

  #process(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      switch (this.#reading) {
        case 'idle':
          // Bytes that nobody asked for: what follows cannot be trusted to belong to the next request.
          this.#fail('protocol_error', 'unsolicited response');
          return;
        case 'head':
          at = this.#readHead(buffer, at, end);
          break;
        case 'length': {
          const from = at;
          at += Math.min(this.#bodyLeft, end - at);
          this.#bodyLeft -= at - from;
          const last = this.#bodyLeft === 0;
          this.#handler?.onResponseData(buffer, from, at);
          if (last && this.#reading === 'length') this.#responseComplete(undefined);
          break;
        }
        case 'chunked': {
          const decoder = this.#chunks as ChunkedDecoder;
          const next = decoder.decode(buffer, at, end, this);
          if (this.#reading !== 'chunked') return;
          if (next === malformed) {
            this.#fail('protocol_error', 'malformed chunked response');
            return;
          }
          at = next;
          if (decoder.done) this.#responseComplete(decoder.trailers);
          break;
        }
        case 'until_close':
        case 'tunnel':
          this.#handler?.onResponseData(buffer, at, end);
          at = end;
          break;
        case 'closed':
          return;
      }
    }
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    this.#handler?.onResponseData(buffer, start, end);
  }

  #readHead(buffer: Buffer, start: number, end: number): number {
    let head = this.#head;
    if (head === undefined) {
      head = this.#heads.response();
      this.#head = head;
      this.#headBytes = 0;
      this.#lineParsed = false;
      this.#lines.reset();
    }
    let at = start;
    if (!this.#lineParsed) {
      const next = parseStatusLine(buffer, at, end, this.#statusLine);
      if (next < 0) return this.#headStopped(next, buffer, at, end);
      this.#lineParsed = true;
      this.#headBytes = next - at;
      at = next;
    }
    const next = this.#lines.parse(buffer, at, end, head.headers);
    if (next < 0) return this.#headStopped(next, buffer, at, end);
    head.headers.take(buffer, at, next - 2);
    this.#beginResponse(head);
    return next;
  }

  #headStopped(code: number, buffer: Buffer, start: number, end: number): number {
    if (code !== incomplete || this.#headBytes + end - start > this.#options.maxHeadBytes) {
      this.#fail('protocol_error', 'malformed or too large response head');
      return end;
    }
    this.#stash = Buffer.from(buffer.subarray(start, end));
    return end;
  }

  #beginResponse(head: ResponseHead): void {
    const lines = this.#lines;
    const block = head.headers;
    this.#meter?.noteFields(block);
    const { status, minorVersion } = this.#statusLine;
    head.status = status;
    head.version = minorVersion === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
    const connection = this.#connection;
    takeConnectionOptions(block, lines, connection);
    if ((lines.seen[slot.upgrade] as number) > 0) block.remove(names.upgrade);
    this.#head = undefined;

    if ((status < 200 || status === 204) && !this.#isBodiless(block)) {
      this.#heads.releaseResponse(head);
      this.#fail('protocol_error', 'a length where no body can be');
      return;
    }
    if (status < 200 && status !== 101) {
      if (++this.#interimHeads > maxInterimHeads) {
        this.#heads.releaseResponse(head);
        this.#fail('protocol_error', 'too many interim answers');
        return;
      }
      // 100 is ours to give, unless the client's wish for it was passed on; other interim answers are for the client.
      if (status === 100 && !this.#expectsContinue) this.#heads.releaseResponse(head);
      else this.#handler?.onResponseHead(head, false);
      return;
    }
    if (connection.close || (minorVersion === 0 && !connection.keepAlive)) this.#closeAfter = true;
    const upgrade = this.#requestUpgrade;
    if (
      upgrade !== undefined &&
      (status === 101 || (upgrade === 'connect' && status >= 200 && status < 300))
    ) {
      if ((lines.seen[slot.transferEncoding] as number) > 0) {
        this.#heads.releaseResponse(head);
        this.#fail('protocol_error', 'a coding where a tunnel begins');
        return;
      }
      block.remove(names.contentLength);
      head.upgrade = upgrade;
      this.#reading = 'tunnel';
      this.#closeAfter = true;
      this.#handler?.onResponseHead(head, false);
      this.#openTunnel();
      return;
    }
    if (status === 101) {
      this.#heads.releaseResponse(head);
      this.#fail('protocol_error', 'an upgrade that nobody asked for');
      return;
    }
    const framing = framingOf(block, lines, minorVersion, false);
    if (typeof framing === 'string') {
      this.#heads.releaseResponse(head);
      this.#fail('protocol_error', 'ambiguous framing');
      return;
    }
    if (this.#requestIsHead || status === 204 || status === 304 || framing?.kind === 'none') {
      this.#endWith(head);
      return;
    }
    if (framing === undefined) {
      this.#reading = 'until_close';
      this.#closeAfter = true;
    } else if (framing.kind === 'length') {
      this.#reading = 'length';
      this.#bodyLeft = framing.length;
    } else {
      this.#reading = 'chunked';
      this.#chunks = new ChunkedDecoder(new HeaderBlock());
    }
    this.#handler?.onResponseHead(head, false);
  }

  /** 1xx and 204 have no body, and who is told otherwise waits for one (RFC 9110 section 8.6); a length of 0 is overlooked. */
  #isBodiless(block: HeaderBlock): boolean {
    const { seen, first } = this.#lines;
    if ((seen[slot.transferEncoding] as number) > 0) return false;
    if ((seen[slot.contentLength] as number) === 0) return true;
    if ((seen[slot.contentLength] as number) > 1) return false;
    if (!block.valueIs(first[slot.contentLength] as number, '0')) return false;
    return block.remove(names.contentLength);
  }

  /** Sends what the client could not wait to say. */
  #openTunnel(): void {
    const early = this.#earlyTunnel;
    this.#earlyTunnel = undefined;
    for (const bytes of early ?? []) this.#wire.write(bytes, 0, bytes.length);
    if (this.#requestDone) this.#wire.end();
    else if (early !== undefined) this.#handler?.onRequestDrain();
  }

  #endWith(head: ResponseHead): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#reading = 'idle';
    const wanted = this.#requestDone && this.#release();
    handler?.onResponseHead(head, true);
    if (wanted) this.#serveNext();
    else if (!this.#requestDone) this.#shut(earlyEnd);
  }

  #responseComplete(trailers: HeaderBlock | undefined): void {
    const handler = this.#handler;
    if (trailers !== undefined) this.#meter?.noteFields(trailers);
    this.#handler = undefined;
    this.#chunks = undefined;
    this.#reading = 'idle';
    const wanted = this.#requestDone && this.#release();
    handler?.onResponseEnd(trailers);
    if (wanted) this.#serveNext();
    // An answer before the end of the request: the rest of it cannot be taken back.
    else if (!this.#requestDone) this.#shut(earlyEnd);
  }

  /**
   * The exchange is over: the connection goes back to its pool, or closes. That is before its handler is told, so that a
   * request which that one makes at once finds it; true where somebody waits, who has to let the handler go first.
   */
  #release(): boolean {
    if (this.#options.maxRequests > 0 && this.#requests >= this.#options.maxRequests) {
      this.#shut(maxRequestsEnd);
      return false;
    }
    if (this.#closeAfter) {
      this.#shut(quietEnd);
      return false;
    }
    this.resumeResponse();
    return this.#owner.onConnectionIdle(this);
  }

  /** Unless the handler made the pool close it. */
  #serveNext(): void {
    if (!this.#released) this.#owner.serveNext(this);
  }

  // The end

  onEnd(): void {
    // The end of a tunnel's answer ends the exchange: what the client still says has nowhere to go.
    if (this.#reading === 'until_close' || this.#reading === 'tunnel') {
      this.#reading = 'idle';
      const handler = this.#handler;
      this.#handler = undefined;
      this.#shut(peerEnd);
      handler?.onResponseEnd(undefined);
      return;
    }
    this.#failByPeer('the endpoint closed the connection');
  }

  onDrain(): void {
    this.#handler?.onRequestDrain();
  }

  onClose(error: Error | undefined): void {
    this.#failByPeer(error?.message ?? 'the endpoint closed the connection');
  }

  onExpire(): void {
    if (this.#handler === undefined) this.#shut(idleEnd);
  }

  /** The peer is gone: as in Envoy an answer that was cut short is not one of HTTP, however the connection ended. */
  #failByPeer(detail: string): void {
    const isCut = this.#head !== undefined || this.#reading === 'length' || this.#reading === 'chunked';
    this.#fail(isCut ? 'protocol_error' : 'connection_closed', detail, true);
  }

  #fail(reason: 'protocol_error' | 'connection_closed', detail: string, byPeer = false): void {
    const handler = this.#handler;
    this.#handler = undefined;
    const cause = reason === 'protocol_error' ? reason : 'none';
    this.#shut(connectionEnd(byPeer, handler !== undefined, cause));
    handler?.onUpstreamReset(reason, detail);
  }

  /** Closes the connection and leaves the pool. */
  #shut(end: ConnectionEnd): void {
    if (this.#released) return;
    this.#released = true;
    this.#reading = 'closed';
    this.#timers.stop(this);
    if (this.#head !== undefined) {
      this.#heads.releaseResponse(this.#head);
      this.#head = undefined;
    }
    this.#stash = undefined;
    if (!this.#wire.closed) this.#wire.destroy();
    this.#owner.onConnectionClosed(this, end);
  }
}
