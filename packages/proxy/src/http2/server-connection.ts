import type { ConnectionEnd } from '../codec/connection-end.ts';
import type { HttpVersion, RequestHead, ResponseHead } from '../codec/head.ts';
import { HeaderBlock } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import { dropForbiddenTrailers } from '../codec/trailer-fields.ts';
import type { ServerStreamHandler, ServerStream } from '../codec/stream.ts';
import type { CodecFault, RefusedFault } from '../http1/codec-fault.ts';
import type { Wire } from '../wire/wire.ts';
import { Http2Connection } from './connection.ts';
import type { Http2ConnectionOptions, Http2Context } from './connection-options.ts';
import { FloodBudget } from './flood-budget.ts';
import { clientPreface, errorCode, setting, type ErrorCode } from './frame.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import type { Http2Stats } from '../telemetry/http2-stats.ts';
import { Http2ServerStream } from './server-stream.ts';
import type { Http2Stream } from './stream.ts';

export interface Http2ServerOptions extends Http2ConnectionOptions {
  /** From the first frame of a head to its last; 0: none. */
  readonly requestHeadersTimeoutMs: number;
  /** How long a client may take to show that it has seen our GOAWAY. */
  readonly drainTimeoutMs: number;
  /** Answer `expect: 100-continue` here; false leaves it to the endpoint. */
  readonly answerContinue: boolean;
}

/** Who serves the requests of a connection; the same as for HTTP/1. */
export interface Http2ServerOwner {
  onRequest(stream: ServerStream, head: RequestHead, endStream: boolean): ServerStreamHandler | undefined;
  onRefused(stream: ServerStream, head: RequestHead, fault: RefusedFault): void;
  /** A request could not be read, and its client is told nothing. */
  onUnread(fault: CodecFault, version: HttpVersion): void;
  readonly draining: boolean;
  onDrainClose(): void;
  onConnectionClosed(end: ConnectionEnd): void;
}

/** How long is waited for a client to close a connection that we have closed. */
const lingerMs = 1_000;

/** The server side of an HTTP/2 connection. */
export class Http2ServerConnection extends Http2Connection {
  readonly #owner: Http2ServerOwner;
  readonly #serverOptions: Http2ServerOptions;
  #prefaceHas = 0;
  #requests = 0;
  #head: RequestHead | undefined;
  #trailers: HeaderBlock | undefined;
  /** Requests that clients take back before they are answered (CVE-2023-44487): so many at once, for each that is answered one more. */
  readonly #resetBudget = new FloodBudget(200, 20);
  #announced = false;
  /** It was idle for its longest time, and is to be closed for that. */
  #idled = false;
  /** The timer is that of a head that is not complete. */
  #headTimed = false;

  constructor(
    wire: Wire,
    options: Http2ServerOptions,
    owner: Http2ServerOwner,
    context: Http2Context,
    stats: Http2Stats,
  ) {
    super(wire, options, context, stats);
    this.#owner = owner;
    this.#serverOptions = options;
    this.sendSettings([
      [setting.maxConcurrentStreams, options.maxConcurrentStreams],
      [setting.initialWindowSize, options.streamWindowBytes],
      [setting.maxHeaderListSize, options.maxHeadBytes],
      ...(options.extendedConnect ? [[setting.enableConnectProtocol, 1] as const] : []),
    ]);
    this.#startIdle();
  }

  override onBytes(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (this.#prefaceHas < clientPreface.length && at < end) {
      if (buffer[at++] !== clientPreface[this.#prefaceHas++]) {
        this.fail(errorCode.protocolError, 'no HTTP/2 preface');
        return;
      }
    }
    if (at < end) super.onBytes(buffer, at, end);
  }

  /** Takes no new request, and closes when those under way are answered. */
  closeWhenIdle(): void {
    if (this.life !== 'open') return;
    this.announceEnd();
    // What the client sent before it saw this is still served: its PING's answer tells.
    this.context.timers.start(this, Math.max(1, this.#serverOptions.drainTimeoutMs));
  }

  closeAfterDrain(): void {
    this.closeWhenIdle();
  }

  protected override onPingAck(): void {
    this.#refuseFurther();
  }

  protected override noteEnd(byPeer: boolean, cause: ConnectionEnd['cause'] = 'none'): ConnectionEnd {
    return super.noteEnd(byPeer, cause === 'none' && this.#idled ? 'idle_timeout' : cause);
  }

  #refuseFurther(): void {
    if (this.life !== 'leaving' || this.#announced) return;
    this.#announced = true;
    this.context.timers.stop(this);
    this.sendGoaway(this.lastStreamId, errorCode.noError);
    this.#closeIfLeft();
  }

  #closeIfLeft(): void {
    if (!this.#announced || this.streams.size > 0 || this.life !== 'leaving') return;
    this.noteEnd(false);
    this.life = 'closing';
    this.wire.end();
    this.context.timers.start(this, lingerMs);
  }

  #startIdle(): void {
    if (this.options.idleTimeoutMs > 0) this.context.timers.start(this, this.options.idleTimeoutMs);
  }

  onExpire(): void {
    if (this.life === 'closing') this.wire.destroy();
    else if (this.isBlockOpen) this.fail(errorCode.enhanceYourCalm, 'a head that does not end');
    else if (this.life === 'leaving') this.#refuseFurther();
    else if (this.streams.size === 0) {
      this.#idled = true;
      this.closeWhenIdle();
    }
  }

  protected override onBlockOpen(): void {
    const { requestHeadersTimeoutMs, idleTimeoutMs } = this.#serverOptions;
    const timeoutMs = requestHeadersTimeoutMs > 0 ? requestHeadersTimeoutMs : idleTimeoutMs;
    if (timeoutMs === 0 || this.life !== 'open') return;
    this.#headTimed = true;
    this.context.timers.start(this, timeoutMs);
  }

  /** A head or trailers of several frames are complete: their time counts no longer. */
  #endHeadTime(): void {
    this.#headTimed = false;
    if (this.life !== 'open') return;
    this.context.timers.stop(this);
    if (this.streams.size === 0) this.#startIdle();
  }

  protected override isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId > this.lastStreamId;
  }

  protected override beginBlock(streamId: number, endStream: boolean): boolean {
    const stream = this.streams.get(streamId);
    if (stream !== undefined) {
      if (stream.remoteEnded) {
        this.fail(errorCode.streamClosed, 'fields after the end');
        return false;
      }
      this.#trailers = endStream ? new HeaderBlock() : undefined;
      this.fields.begin('trailers', this.#trailers);
      return true;
    }
    if (streamId % 2 === 0) {
      this.fail(errorCode.protocolError, "a stream number that is not the client's");
      return false;
    }
    if (streamId <= this.lastStreamId || this.#announced) {
      this.fields.begin('discard', undefined);
      return true;
    }
    const head = this.context.heads.request();
    this.#head = head;
    this.fields.begin('request', head.headers);
    return true;
  }

  protected override endBlock(streamId: number, endStream: boolean): void {
    const stream = this.streams.get(streamId);
    const head = this.#head;
    this.#head = undefined;
    if (stream !== undefined) this.#endTrailers(stream, endStream);
    else if (head !== undefined) this.#begin(streamId, head, endStream);
    if (this.#headTimed) this.#endHeadTime();
  }

  #endTrailers(stream: Http2Stream, endStream: boolean): void {
    const trailers = this.#trailers;
    this.#trailers = undefined;
    if (!endStream || this.fields.fault !== undefined) {
      stream.break(errorCode.protocolError, 'protocol_error', 'malformed trailers');
      return;
    }
    stream.meter?.receivedBlock(this.blockBytes);
    if (trailers !== undefined) dropForbiddenTrailers(trailers);
    stream.receiveEnd(trailers);
  }

  #begin(streamId: number, head: RequestHead, endStream: boolean): void {
    this.lastStreamId = streamId;
    const { fields, options } = this;
    fields.completeRequest(head);
    if (this.streams.size >= options.maxConcurrentStreams) {
      this.stats.n.refusedStreams++;
      this.#refuse(streamId, head, errorCode.refusedStream);
      return;
    }
    const { fault, contentLength } = fields;
    if (fault !== undefined || (endStream && contentLength > 0)) {
      this.#refuseFault(streamId, head, endStream, fault ?? 'malformed');
      return;
    }
    const stream = this.#open(streamId, endStream);
    stream.lengthLeft = contentLength;
    this.#requests++;
    if (head.expectContinue && this.#serverOptions.answerContinue) {
      head.headers.remove(names.expect);
      head.expectContinue = false;
      if (!endStream) this.#sendContinue(streamId);
    }
    const handler = this.#owner.onRequest(stream, head, endStream && head.upgrade === undefined);
    if (!stream.closed && handler !== undefined) stream.handler = handler;
    if (options.maxRequests > 0 && this.#requests >= options.maxRequests) this.closeWhenIdle();
  }

  #open(streamId: number, endStream: boolean): Http2ServerStream {
    if (this.streams.size === 0) this.context.timers.stop(this);
    const stream = new Http2ServerStream(this, streamId);
    stream.remoteEnded = endStream;
    this.streams.set(streamId, stream);
    return stream;
  }

  #refuse(streamId: number, head: RequestHead, code: ErrorCode): void {
    this.context.heads.releaseRequest(head);
    this.sendReset(streamId, code);
  }

  #refuseFault(
    streamId: number,
    head: RequestHead,
    endStream: boolean,
    fault: NonNullable<typeof this.fields.fault>,
  ): void {
    if (fault === 'malformed') {
      this.countBroken();
      this.#refuse(streamId, head, errorCode.protocolError);
      this.#owner.onUnread('malformed_head', 'HTTP/2');
      return;
    }
    if (fault === 'too_large') this.stats.n.headerListSizeTooLarge++;
    else this.stats.n.headerOverflow++;
    const unread = this.context.heads.request();
    unread.version = 'HTTP/2';
    this.context.heads.releaseRequest(head);
    const stream = this.#open(streamId, endStream);
    this.#owner.onRefused(stream, unread, fault === 'too_large' ? 'headers_too_large' : 'too_many_headers');
  }

  #sendContinue(streamId: number): void {
    let at = this.writer.beginBlock(64);
    at = this.encoder.begin(this.writer.output, at);
    this.writer.endBlock(this.encoder.putStatus(100, this.writer.output, at), streamId, false);
  }

  /** Sends the head of an answer; called by its stream. Returns the bytes of its frames. */
  sendResponse(streamId: number, head: ResponseHead, endStream: boolean): number {
    const { encoder, writer } = this;
    const block = head.headers;
    let at = writer.beginBlock(HpackEncoder.roomFor(block, 8));
    const { output } = writer;
    at = encoder.begin(output, at);
    // HTTP/2 has no 101: a protocol was switched to where 200 answers the CONNECT (RFC 8441 section 4).
    at = encoder.putStatus(head.status === 101 ? 200 : head.status, output, at);
    at = encoder.putBlock(block, output, at);
    const bytes = writer.endBlock(at, streamId, endStream);
    if (this.#owner.draining && this.life === 'open') {
      this.#owner.onDrainClose();
      this.closeWhenIdle();
    }
    return bytes;
  }

  protected override onPeerReset(stream: Http2Stream): void {
    if (stream instanceof Http2ServerStream && stream.answered) return;
    if (!this.#resetBudget.spend(this.context.turn.nowMs)) this.flood('resetFlood');
  }

  protected override onStreamGone(stream: Http2Stream): void {
    if (stream instanceof Http2ServerStream && stream.answered) this.#resetBudget.earn(1);
    if (this.streams.size > 0) return;
    if (this.life === 'leaving') this.#closeIfLeft();
    else if (this.life === 'open') this.#startIdle();
  }

  protected override onGoaway(): void {
    // A client that goes: what it has asked is still answered.
  }

  protected override onFailed(): void {
    if (this.#head !== undefined) {
      this.context.heads.releaseRequest(this.#head);
      this.#head = undefined;
    }
  }

  protected override onGone(end: ConnectionEnd): void {
    this.#owner.onConnectionClosed(end);
  }
}
