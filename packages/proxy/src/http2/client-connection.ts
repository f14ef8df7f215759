import type { ConnectionEnd } from '../codec/connection-end.ts';
import type { RequestHead, ResponseHead } from '../codec/head.ts';
import { HeaderBlock } from '../codec/header-block.ts';
import type { ClientStream, ClientStreamHandler, ResetReason } from '../codec/stream.ts';
import type { ConnectTimes } from '../wire/connect-times.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import type { Wire } from '../wire/wire.ts';
import { Http2ClientStream } from './client-stream.ts';
import { Http2Connection } from './connection.ts';
import type { Http2ConnectionOptions, Http2Context } from './connection-options.ts';
import { maxInterimHeads } from '../codec/interim-heads.ts';
import { dropForbiddenTrailers } from '../codec/trailer-fields.ts';
import { clientPreface, errorCode, maxWindowBytes, setting } from './frame.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import type { Http2Stats } from '../telemetry/http2-stats.ts';
import type { Http2Stream } from './stream.ts';

/** The pool that a connection belongs to. */
export interface Http2ClientOwner {
  /** There may be room for more streams than before. */
  onRoom(connection: Http2ClientConnection): void;
  /** No further stream can be opened; the connection closes after those that it has. */
  onLeaving(connection: Http2ClientConnection): void;
  onConnectionClosed(connection: Http2ClientConnection, end: ConnectionEnd): void;
}

/** The client side of an HTTP/2 connection. */
export class Http2ClientConnection extends Http2Connection {
  readonly #owner: Http2ClientOwner;
  /** `address:port` of our end. */
  readonly localAddress: string;
  /** For logs; given by its owner. */
  connectionId = 0;
  #nextId = 1;
  /** Streams that were given out, those without a number included. */
  #active = 0;
  /** Streams that wait for the endpoint's settings. */
  readonly #unsettled: Http2ClientStream[] = [];
  #opened = 0;
  /** Streams that are opened before the endpoint has said how many it takes. */
  readonly #streamsBeforeSettings: number;
  #head: ResponseHead | undefined;
  #trailers: HeaderBlock | undefined;

  constructor(
    wire: Wire,
    options: Http2ConnectionOptions,
    owner: Http2ClientOwner,
    context: Http2Context,
    stats: Http2Stats,
    streamsBeforeSettings: number,
  ) {
    super(wire, options, context, stats);
    this.#owner = owner;
    this.#streamsBeforeSettings = streamsBeforeSettings;
    this.localAddress = `${wire.localAddress}:${wire.localPort}`;
    wire.write(clientPreface, 0, clientPreface.length);
    this.sendSettings([
      [setting.enablePush, 0],
      [setting.initialWindowSize, options.streamWindowBytes],
      [setting.maxHeaderListSize, options.maxHeadBytes],
    ]);
  }

  get times(): ConnectTimes | undefined {
    return this.wire.times;
  }

  get tls(): TlsInfo | undefined {
    return this.wire.tls;
  }

  protected override get isActive(): boolean {
    return this.#active > 0;
  }

  /** How many streams the endpoint takes at once; undefined before it has said so. */
  get streamLimit(): number | undefined {
    return this.peer.settled ? this.peer.maxStreams : undefined;
  }

  /** True where one more stream can be opened now. */
  get hasRoom(): boolean {
    if (this.life !== 'open') return false;
    const allowed = this.streamLimit ?? this.#streamsBeforeSettings;
    return this.#active < Math.min(allowed, this.options.maxConcurrentStreams);
  }

  /** Gives out a stream; only where there is room. */
  attach(handler: ClientStreamHandler): ClientStream {
    this.context.timers.stop(this);
    this.noteStream();
    this.#active++;
    const stream = new Http2ClientStream(this, handler, this.#opened > 0);
    this.#opened++;
    const { maxRequests } = this.options;
    if (maxRequests > 0 && this.#opened >= maxRequests) this.#leave();
    return stream;
  }

  /** Opens no further stream, and closes after those that are open. */
  closeWhenIdle(): void {
    this.#leave();
    this.#closeIfLeft();
  }

  close(): void {
    this.noteEnd(false);
    this.wire.destroy();
  }

  #leave(): void {
    if (this.life !== 'open') return;
    this.life = 'leaving';
    this.#owner.onLeaving(this);
  }

  #closeIfLeft(): void {
    if (this.life !== 'leaving' || this.#active > 0) return;
    const { maxRequests } = this.options;
    if (maxRequests > 0 && this.#opened >= maxRequests) this.noteEnd(false, 'max_requests');
    this.fail(errorCode.noError, 'done');
  }

  /** Starts to wait for the next stream. */
  #startIdle(): void {
    if (this.options.idleTimeoutMs > 0) this.context.timers.start(this, this.options.idleTimeoutMs);
  }

  onExpire(): void {
    if (this.life === 'closing') this.wire.destroy();
    else if (this.#active === 0) {
      this.noteEnd(false, 'idle_timeout');
      this.closeWhenIdle();
    }
  }

  /** Sends the head of a request and gives the stream its number; called by the stream. Returns the bytes of its frames. */
  sendRequest(stream: Http2ClientStream, head: RequestHead, endStream: boolean): number {
    const { encoder, writer } = this;
    const block = head.headers;
    const { method, path, authority, scheme } = head;
    stream.id = this.#nextId;
    stream.sendWindow = this.peer.streamWindow;
    this.#nextId += 2;
    this.lastStreamId = stream.id;
    this.streams.set(stream.id, stream);
    let to = writer.beginBlock(
      HpackEncoder.roomFor(
        block,
        method.length + path.length + authority.length + (head.upgrade?.length ?? 0) + 48,
      ),
    );
    const { output } = writer;
    to = encoder.begin(output, to);
    const protocol = head.upgrade === 'connect' ? undefined : head.upgrade;
    to = encoder.putPseudo('method', protocol === undefined ? method : 'CONNECT', output, to);
    if (protocol !== undefined) to = encoder.putProtocol(protocol, output, to);
    if (method !== 'CONNECT') {
      to = encoder.putPseudo('scheme', scheme, output, to);
      to = encoder.putPseudo('path', path, output, to);
    }
    to = encoder.putPseudo('authority', authority, output, to);
    to = encoder.putBlock(block, output, to);
    if (head.acceptsTrailers) to = encoder.putTeTrailers(output, to);
    const bytes = writer.endBlock(to, stream.id, endStream);
    if (this.#nextId > maxWindowBytes - 2) this.#leave();
    return bytes;
  }

  protected override isIdle(streamId: number): boolean {
    return streamId % 2 === 0 || streamId >= this.#nextId;
  }

  protected override beginBlock(streamId: number, endStream: boolean): boolean {
    if (this.isIdle(streamId)) {
      this.fail(errorCode.protocolError, 'an answer that nobody asked for');
      return false;
    }
    const stream = this.streams.get(streamId);
    if (!(stream instanceof Http2ClientStream) || stream.remoteEnded) {
      this.fields.begin('discard', undefined);
    } else if (stream.answered) {
      this.#trailers = endStream ? new HeaderBlock() : undefined;
      this.fields.begin('trailers', this.#trailers);
    } else {
      this.#head = this.context.heads.response();
      this.fields.begin('response', this.#head.headers);
    }
    return true;
  }

  protected override endBlock(streamId: number, endStream: boolean): void {
    const head = this.#head;
    const trailers = this.#trailers;
    this.#head = undefined;
    this.#trailers = undefined;
    const stream = this.streams.get(streamId);
    if (!(stream instanceof Http2ClientStream) || stream.remoteEnded) return;
    stream.meter?.receivedBlock(this.blockBytes);
    if (head !== undefined) {
      this.#endHead(stream, head, endStream);
    } else if (!endStream || this.fields.fault !== undefined) {
      stream.break(errorCode.protocolError, 'protocol_error', 'malformed trailers');
    } else {
      if (trailers !== undefined) dropForbiddenTrailers(trailers);
      stream.receiveEnd(trailers);
    }
  }

  #endHead(stream: Http2ClientStream, head: ResponseHead, endStream: boolean): void {
    const { fault, status, contentLength } = this.fields;
    const interim = status < 200;
    const bodiless = stream.isHead || status === 304;
    const wrong =
      status === 0 ||
      status === 101 ||
      (interim && endStream) ||
      (endStream && contentLength > 0 && !bodiless) ||
      // They have no body, and who is told otherwise waits for one (RFC 9110 section 8.6).
      (contentLength > 0 && (interim || status === 204));
    if (fault !== undefined || wrong) {
      this.context.heads.releaseResponse(head);
      stream.break(errorCode.protocolError, 'protocol_error', 'a malformed response head');
      return;
    }
    head.status = status;
    head.version = 'HTTP/2';
    if (interim) {
      if (++stream.interimHeads > maxInterimHeads) {
        this.context.heads.releaseResponse(head);
        stream.break(errorCode.enhanceYourCalm, 'protocol_error', 'too many interim answers');
        return;
      }
      // 100 is ours to give, unless the client's wish for it was passed on; other interim answers are for the client.
      if (status === 100 && !stream.expectsContinue) this.context.heads.releaseResponse(head);
      else stream.receiveHead(head, false);
      return;
    }
    stream.answered = true;
    if (stream.upgrade !== undefined && status < 300 && !endStream) {
      head.upgrade = stream.upgrade;
      if (stream.upgrade !== 'connect') head.status = 101;
    } else stream.lengthLeft = bodiless ? 0 : contentLength;
    stream.receiveHead(head, endStream);
  }

  /** True where the endpoint takes other protocols in a stream; undefined until it has said so. */
  get extendsConnect(): boolean | undefined {
    return this.peer.settled ? this.peer.extendsConnect : undefined;
  }

  /** Calls `stream` when the endpoint's settings have come. */
  awaitSettings(stream: Http2ClientStream): void {
    this.#unsettled.push(stream);
  }

  protected override onSettled(): void {
    for (const stream of this.#unsettled.splice(0)) stream.onSettled();
    this.#owner.onRoom(this);
  }

  protected override loseAll(reason: ResetReason, detail: string): void {
    this.#loseUnsettled(reason, detail);
    super.loseAll(reason, detail);
  }

  /** Streams without a number are in no list but this. */
  #loseUnsettled(reason: ResetReason, detail: string): void {
    for (const stream of this.#unsettled.splice(0)) stream.lose(reason, detail);
  }

  protected override onStreamGone(_stream: Http2Stream): void {
    this.#active--;
    if (this.life === 'leaving') {
      this.#closeIfLeft();
      return;
    }
    if (this.life === 'open' && this.#active === 0) this.#startIdle();
  }

  override offerRoom(): void {
    if (this.life === 'open') this.#owner.onRoom(this);
  }

  protected override onGoaway(lastStreamId: number): void {
    this.#leave();
    // Streams above the number were not looked at: others may answer them.
    const detail = 'the endpoint is going away';
    this.#loseUnsettled('refused', detail);
    for (const stream of this.streams.values()) {
      if (stream.id > lastStreamId) stream.lose('refused', detail);
    }
    this.#closeIfLeft();
  }

  protected override onFailed(): void {
    if (this.#head !== undefined) {
      this.context.heads.releaseResponse(this.#head);
      this.#head = undefined;
    }
    this.#owner.onLeaving(this);
  }

  protected override onGone(end: ConnectionEnd): void {
    this.#owner.onConnectionClosed(this, end);
  }
}
