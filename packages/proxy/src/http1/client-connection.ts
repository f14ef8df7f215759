import { connectionEnd, type ConnectionEnd } from '../codec/connection-end.ts';
import type { ByteMeter } from '../codec/byte-meter.ts';
import type { HeadPool, HttpVersion, RequestHead, ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { ClientStream, ClientStreamHandler } from '../codec/stream.ts';
import type { ConnectTimes } from '../wire/connect-times.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import type { Wire } from '../wire/wire.ts';
import { writeChunk, writeLastChunk } from './chunk-writer.ts';
import type { Http1ClientOptions } from './client-options.ts';
import { Http1Meter, markOf } from './http1-meter.ts';
import { sendsChunks, writeRequestHead } from './request-head-writer.ts';
import { ResponseReader } from './response-reader.ts';

/** The pool that a client connection belongs to. */
export interface ClientConnectionOwner {
  /** The connection can carry the next request; true where somebody waits for it, who is to be served with {@link serveNext}. */
  onConnectionIdle(connection: Http1ClientConnection): boolean;
  /** Whoever had the connection knows that the exchange is over: whoever waits may have it. */
  serveNext(connection: Http1ClientConnection): void;
  /** The connection can carry no further request; it is closed, or will be. */
  onConnectionClosed(connection: Http1ClientConnection, end: ConnectionEnd): void;
}

const quietEnd = connectionEnd(false, false);
const peerEnd = connectionEnd(true, false);
/** An answer came before the request was sent to its end, or what was no answer at all is over. */
const earlyEnd = connectionEnd(false, true);
/** An upgraded connection is a request until its end. */
const abandonedEnd = connectionEnd(true, true);
const idleEnd = connectionEnd(false, false, 'idle_timeout');
const maxRequestsEnd = connectionEnd(false, false, 'max_requests');

/** The client side of an HTTP/1 connection: one request at a time. It is its own stream. */
export class Http1ClientConnection extends ResponseReader implements ClientStream {
  readonly #owner: ClientConnectionOwner;
  /** For logs; given by its owner. */
  connectionId = 0;
  #requestDone = true;
  #requestChunked = false;
  /** Bytes for a tunnel that is not open yet. */
  #earlyTunnel: Buffer[] | undefined;
  #localAddress: string | undefined;
  #released = false;
  #carriesConnection = false;

  constructor(
    wire: Wire,
    options: Http1ClientOptions,
    owner: ClientConnectionOwner,
    heads: HeadPool,
    timers: CoarseTimers,
  ) {
    super(wire, options, heads, timers);
    this.#owner = owner;
  }

  /** Gives the connection to the next request. */
  attach(handler: ClientStreamHandler): ClientStream {
    this.timers.stop(this);
    this.handler = handler;
    this.requests++;
    this.meter?.end();
    this.meter = undefined;
    return this;
  }

  measure(): ByteMeter {
    this.wire.countAlone();
    return (this.meter = new Http1Meter(this.wire, markOf(this.wire)));
  }

  get protocol(): HttpVersion {
    return 'HTTP/1.1';
  }

  get reused(): boolean {
    return this.requests > 1;
  }

  get times(): ConnectTimes | undefined {
    return this.wire.times;
  }

  get tls(): TlsInfo | undefined {
    return this.wire.tls;
  }

  get localAddress(): string {
    const { wire } = this;
    // A wire that has closed has no address any more.
    this.#localAddress ??= wire.localAddress === '' ? '' : `${wire.localAddress}:${wire.localPort}`;
    return this.#localAddress;
  }

  /** Starts to wait for the next request. */
  startIdle(): void {
    if (this.options.idleTimeoutMs > 0) this.timers.start(this, this.options.idleTimeoutMs);
  }

  /** Closes now when idle, else after the response under way. */
  closeWhenIdle(): void {
    this.closeAfter = true;
    if (this.handler === undefined) this.#shut(quietEnd);
  }

  // The request

  get writable(): boolean {
    return this.#earlyTunnel === undefined && this.wire.writable;
  }

  sendHead(head: RequestHead, endStream: boolean): void {
    this.requestIsHead = head.method === 'HEAD';
    this.requestUpgrade = head.upgrade;
    this.#earlyTunnel = undefined;
    this.#requestChunked = sendsChunks(head, endStream);
    const fieldBytes = writeRequestHead(this.wire, head, endStream, this.#requestChunked, this.options);
    if (this.meter !== undefined) this.meter.headerSent += fieldBytes;
    this.expectsContinue = head.expectContinue;
    this.#requestDone = endStream;
    this.interimHeads = 0;
    this.reading = 'head';
  }

  sendData(buffer: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    if (this.requestUpgrade !== undefined && this.reading === 'head') {
      // An endpoint that does not grant the tunnel would take these bytes for a request.
      (this.#earlyTunnel ??= []).push(Buffer.from(buffer.subarray(start, end)));
      return;
    }
    if (this.#requestChunked) writeChunk(this.wire, buffer, start, end);
    else this.wire.write(buffer, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.reading === 'tunnel') {
      this.wire.end();
      this.#requestDone = true;
      return;
    }
    if (this.#requestChunked) writeLastChunk(this.wire, this.options.enableTrailers ? trailers : undefined);
    this.#requestDone = true;
    if (this.#carriesConnection) this.wire.end();
    if (this.reading === 'idle' && this.#release()) this.#serveNext();
  }

  carryConnection(): void {
    this.#carriesConnection = true;
    this.closeAfter = true;
  }

  reset(): void {
    const active = this.handler !== undefined || !this.#requestDone;
    this.handler = undefined;
    this.#shut(connectionEnd(false, active));
  }

  pauseResponse(): void {
    this.pause();
  }

  resumeResponse(): void {
    this.resume();
  }

  // The response

  /** Sends what the client could not wait to say. */
  protected openTunnel(): void {
    const early = this.#earlyTunnel;
    this.#earlyTunnel = undefined;
    for (const bytes of early ?? []) this.wire.write(bytes, 0, bytes.length);
    if (this.#requestDone) this.wire.end();
    else if (early !== undefined) this.handler?.onRequestDrain();
  }

  protected endWith(head: ResponseHead): void {
    const handler = this.handler;
    this.handler = undefined;
    this.reading = 'idle';
    const wanted = this.#requestDone && this.#release();
    handler?.onResponseHead(head, true);
    if (wanted) this.#serveNext();
    else if (!this.#requestDone) this.#shut(earlyEnd);
  }

  protected responseComplete(trailers: HeaderBlock | undefined): void {
    const handler = this.handler;
    if (trailers !== undefined) this.meter?.noteFields(trailers);
    this.handler = undefined;
    this.chunks = undefined;
    this.reading = 'idle';
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
    if (this.options.maxRequests > 0 && this.requests >= this.options.maxRequests) {
      this.#shut(maxRequestsEnd);
      return false;
    }
    if (this.closeAfter) {
      this.#shut(this.#carriesConnection ? earlyEnd : quietEnd);
      return false;
    }
    this.resume();
    return this.#owner.onConnectionIdle(this);
  }

  /** Unless the handler made the pool close it. */
  #serveNext(): void {
    if (!this.#released) this.#owner.serveNext(this);
  }

  // The end

  onEnd(): void {
    // The end of a tunnel's answer ends the exchange: what the client still says has nowhere to go.
    const isOver = this.#carriesConnection && this.#requestDone && this.#isInBody;
    if (isOver || this.reading === 'until_close' || this.reading === 'tunnel') {
      const end = this.reading === 'until_close' ? peerEnd : this.#tunnelEnd();
      this.reading = 'idle';
      const handler = this.handler;
      this.handler = undefined;
      this.#shut(end);
      handler?.onResponseEnd(undefined);
      return;
    }
    this.#failByPeer('the endpoint closed the connection', !this.#isConnect);
  }

  onDrain(): void {
    this.handler?.onRequestDrain();
  }

  onClose(error: Error | undefined): void {
    this.#failByPeer(error?.message ?? 'the endpoint closed the connection');
  }

  onExpire(): void {
    if (this.handler === undefined) this.#shut(idleEnd);
  }

  /** The peer is gone: as in Envoy an answer that was cut short is not one of HTTP, however the connection ended. */
  #failByPeer(detail: string, byPeer = true): void {
    const isCut = this.head !== undefined || this.#isInBody;
    this.fail(isCut ? 'protocol_error' : 'connection_closed', detail, byPeer);
  }

  protected fail(reason: 'protocol_error' | 'connection_closed', detail: string, byPeer = false): void {
    const handler = this.handler;
    this.handler = undefined;
    const cause = reason === 'protocol_error' ? reason : 'none';
    this.#shut(connectionEnd(byPeer, handler !== undefined, cause));
    handler?.onUpstreamReset(reason, detail);
  }

  /** As Envoy, which takes the end of the endpoint's half for data where it has asked for CONNECT, and closes itself. */
  get #isConnect(): boolean {
    return this.requestUpgrade === 'connect';
  }

  #tunnelEnd(): ConnectionEnd {
    return this.#isConnect || this.#carriesConnection ? earlyEnd : abandonedEnd;
  }

  /** In one whose end is known. */
  get #isInBody(): boolean {
    return this.reading === 'length' || this.reading === 'chunked';
  }

  /** Closes the connection and leaves the pool. */
  #shut(end: ConnectionEnd): void {
    if (this.#released) return;
    this.#released = true;
    this.reading = 'closed';
    this.timers.stop(this);
    if (this.head !== undefined) {
      this.heads.releaseResponse(this.head);
      this.head = undefined;
    }
    this.stash = undefined;
    if (!this.wire.closed) {
      // A log line of the exchange that ends with the connection names it.
      if (end !== idleEnd) void this.localAddress;
      this.wire.destroy();
    }
    this.#owner.onConnectionClosed(this, end);
  }
}
