import type { ByteMeter } from '../codec/byte-meter.ts';
import { connectionEnd, type ConnectionEnd } from '../codec/connection-end.ts';
import type { HeadPool, HttpVersion, RequestHead, ResponseHead } from '../codec/head.ts';
import { HeaderBlock } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import { latin1Slice } from '../codec/latin1.ts';
import type { ServerStream, ServerStreamHandler } from '../codec/stream.ts';
import { type Expirable, type CoarseTimers, type Countdown } from '../timer/coarse-timers.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import { writeChunk, writeLastChunk } from './chunk-writer.ts';
import { ChunkedDecoder, type BodySink } from './chunked-decoder.ts';
import { breaksProtocol, framingFaults, headFault, type RefusedFault } from './codec-fault.ts';
import { headerLinesOf, incomplete, malformed, type HeaderLines } from './head-parser.ts';
import { atBeginning, Http1Meter } from './http1-meter.ts';
import {
  emptyConnectionOptions,
  framingOf,
  noBody,
  takeConnectionOptions,
  type Framing,
} from './message-framing.ts';
import { isRegisteredMethod } from './methods.ts';
import { emptyRequestLine, parseRequestLine } from './request-line.ts';
import { completeRequestHead, dropExpectation, type LastHost } from './request-head.ts';
import {
  responseFraming,
  writeContinue,
  writeInterimHead,
  writeResponseHead,
  type ResponseFraming,
} from './response-head-writer.ts';
import type { ServerConnectionOwner } from './server-connection-owner.ts';
import { closeWaitMs, type Http1ServerOptions } from './server-options.ts';

type ReadState = 'head' | 'length' | 'chunked' | 'complete' | 'tunnel' | 'closing';
type WriteState = 'idle' | ResponseFraming;

const maxPipelinedBytes = 64 * 1024;

/**
 * The server side of an HTTP/1 connection: one request at a time, the next one (pipelined or not)
 * after the response to it is complete. It is its own stream.
 */
export class Http1ServerConnection implements Expirable, ServerStream, WireHandler, BodySink {
  countdown: Countdown | undefined = undefined;
  readonly #wire: Wire;
  readonly #options: Http1ServerOptions;
  readonly #owner: ServerConnectionOwner;
  readonly #heads: HeadPool;
  readonly #timers: CoarseTimers;
  readonly #lines: HeaderLines;
  readonly #requestLine = emptyRequestLine();
  readonly #connection = emptyConnectionOptions();
  #reading: ReadState = 'head';
  #writing: WriteState = 'idle';
  #head: RequestHead | undefined;
  #target = '';
  readonly #lastHost: LastHost = { text: '' };
  #lineParsed = false;
  #headBytes = 0;
  #stash: Buffer | undefined;
  #handler: ServerStreamHandler | undefined;
  #bodyLeft = 0;
  #chunks: ChunkedDecoder | undefined;
  #closeAfter = false;
  #keepAlive10 = false;
  #processing = false;
  #paused = false;
  #isHead = false;
  #asksTunnel = false;
  #requests = 0;
  #end: ConnectionEnd | undefined;
  /** Of the request under way, or the last; where somebody asks. */
  #meter: Http1Meter | undefined;

  constructor(
    wire: Wire,
    options: Http1ServerOptions,
    owner: ServerConnectionOwner,
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
    if (options.idleTimeoutMs > 0) timers.start(this, options.idleTimeoutMs);
  }

  // What the wire says

  onBytes(buffer: Buffer, start: number, end: number): void {
    const stash = this.#stash;
    if (stash === undefined) {
      this.#process(buffer, start, end);
      return;
    }
    if (this.#reading === 'closing') return;
    const all = Buffer.concat([stash, buffer.subarray(start, end)]);
    // A line that is not complete is not read again for each byte that a slow client sends.
    const inLine = this.#reading === 'head' && this.#lineParsed && all.length <= this.#options.maxHeadBytes;
    if (inLine && all.indexOf(10, stash.length) < 0) {
      this.#stash = all;
      return;
    }
    this.#stash = undefined;
    this.#process(all, 0, all.length);
  }

  onEnd(): void {
    if (this.#reading === 'tunnel') {
      this.#handler?.onRequestEnd(undefined);
      return;
    }
    this.#noteEnd(true);
    // A client that has finished sending is gone: nothing may be left running for it.
    this.#abandon();
    // One that does not read what waits for it is not waited for without end.
    if (this.#wire.pendingBytes > 0) this.#close();
    else this.#wire.end();
  }

  onDrain(): void {
    this.#handler?.onResponseDrain();
  }

  onClose(): void {
    const end = this.#noteEnd(true);
    this.#timers.stop(this);
    this.#abandon();
    this.#reading = 'closing';
    this.#stash = undefined;
    this.#owner.onConnectionClosed(end);
  }

  onExpire(): void {
    if (this.#reading === 'head' && this.#head !== undefined) this.#refuse('head_timeout');
    else if (this.#reading === 'closing') {
      if (this.#options.delayedCloseTimeoutMs > 0) this.#owner.onDelayedCloseTimeout();
      this.#wire.destroy();
    } else this.#close('idle_timeout');
  }

  /** Closes the connection when it is idle, or after the response under way. */
  closeWhenIdle(): void {
    this.#closeAfter = true;
    if (this.#reading === 'head' && this.#head === undefined && this.#handler === undefined) this.#close();
  }

  // Reading

  #process(buffer: Buffer, start: number, end: number): void {
    let at = start;
    this.#processing = true;
    while (at < end) {
      switch (this.#reading) {
        case 'head':
          at = this.#readHead(buffer, at, end);
          break;
        case 'length': {
          const taken = Math.min(this.#bodyLeft, end - at);
          const from = at;
          at += taken;
          this.#bodyLeft -= taken;
          this.#handler?.onRequestData(buffer, from, at);
          if (this.#bodyLeft === 0 && this.#reading === 'length') this.#requestComplete(undefined);
          break;
        }
        case 'chunked': {
          const decoder = this.#chunks as ChunkedDecoder;
          const next = decoder.decode(buffer, at, end, this);
          if (this.#reading !== 'chunked') break;
          if (next === malformed) {
            this.#refuse('malformed_body');
            at = end;
            break;
          }
          at = next;
          if (decoder.done) this.#requestComplete(decoder.trailers);
          break;
        }
        case 'tunnel':
          this.#handler?.onRequestData(buffer, at, end);
          at = end;
          break;
        case 'complete':
          this.#keep(buffer, at, end);
          at = end;
          break;
        case 'closing':
          at = end;
          break;
      }
    }
    this.#processing = false;
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    this.#handler?.onRequestData(buffer, start, end);
  }

  /** Keeps bytes that came before their time. */
  #keep(buffer: Buffer, start: number, end: number): void {
    this.#stash = Buffer.from(buffer.subarray(start, end));
    if (this.#reading === 'complete' && this.#stash.length > maxPipelinedBytes) this.pauseRequest();
  }

  #readHead(buffer: Buffer, start: number, end: number): number {
    let head = this.#head;
    if (head === undefined) {
      this.#head = head = this.#heads.request();
      this.#headBytes = 0;
      this.#lineParsed = false;
      this.#lines.reset();
      const { requestHeadersTimeoutMs } = this.#options;
      if (requestHeadersTimeoutMs > 0) this.#timers.start(this, requestHeadersTimeoutMs);
    }
    let at = start;
    if (!this.#lineParsed) {
      const line = this.#requestLine;
      const next = parseRequestLine(buffer, at, end, line);
      if (next < 0) return this.#headStopped(next, buffer, at, end);
      if (!line.common && !this.#options.allowCustomMethods && !isRegisteredMethod(line.method))
        return this.#refuseHead('malformed_head', end);
      this.#lineParsed = true;
      this.#target = latin1Slice(buffer, line.targetStart, line.targetEnd);
      this.#headBytes = next - at;
      at = next;
    }
    const next = this.#lines.parse(buffer, at, end, head.headers);
    if (next < 0) return this.#headStopped(next, buffer, at, end);
    if (this.#headBytes + next - at > this.#options.maxHeadBytes)
      return this.#refuseHead('headers_too_large', end);
    head.headers.take(buffer, at, next - 2);
    this.#beginRequest(head);
    return next;
  }

  #headStopped(code: number, buffer: Buffer, start: number, end: number): number {
    if (code !== incomplete) return this.#refuseHead(headFault(code), end);
    if (this.#headBytes + end - start > this.#options.maxHeadBytes)
      return this.#refuseHead('headers_too_large', end);
    this.#keep(buffer, start, end);
    return end;
  }

  #refuseHead(fault: RefusedFault, end: number): number {
    this.#refuse(fault);
    return end;
  }

  #beginRequest(head: RequestHead): void {
    const options = this.#options;
    const lines = this.#lines;
    const block = head.headers;
    const { method, minorVersion } = this.#requestLine;
    head.method = method;
    head.version = minorVersion === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
    this.#isHead = method === 'HEAD';
    if (minorVersion === 0 && !options.acceptHttp10) {
      // As by Envoy it is answered in HTTP/1.1.
      this.#requestLine.minorVersion = 1;
      this.#noteEnd(false, 'protocol_error');
      return this.#refuseWhole(head, 'unsupported_version');
    }

    const connection = this.#connection;
    takeConnectionOptions(block, lines, connection);
    if (connection.rejected) return this.#refuse('bad_connection');
    this.#keepAlive10 = minorVersion === 0 && connection.keepAlive;
    this.#closeAfter ||= connection.close || (minorVersion === 0 && !connection.keepAlive);

    const framing = framingOf(block, lines, minorVersion, options.allowChunkedLength);
    if (typeof framing === 'string') return this.#refuse(framingFaults[framing]);
    const fault = completeRequestHead(head, lines, this.#target, connection, options, this.#lastHost);
    if (fault === 'missing_host') return this.#refuseWhole(head, fault);
    if (fault !== undefined) return this.#refuse(fault);
    // Where a body and a tunnel are asked for at once, two implementations disagree about where the tunnel begins.
    const hasBody = framing !== undefined && framing.kind !== 'none';
    if (head.upgrade !== undefined && hasBody) return this.#refuse('bad_framing');
    if (head.expectContinue && options.answerContinue) {
      dropExpectation(head);
      if (hasBody) writeContinue(this.#wire);
    }
    this.#requests++;
    if (options.maxRequests > 0 && this.#requests >= options.maxRequests) this.#closeAfter = true;
    this.#timers.stop(this);
    this.#head = undefined;
    this.#dispatch(head, framing ?? noBody);
  }

  /** A request that is understood and not served: answered as others are, and the last of its connection. */
  #refuseWhole(head: RequestHead, fault: RefusedFault): void {
    head.authority = head.headers.get(names.host) ?? '';
    head.path = this.#target;
    this.#answerFault(head, fault);
  }

  #answerFault(head: RequestHead, fault: RefusedFault): void {
    this.#closeAfter = true;
    this.#timers.stop(this);
    this.#head = undefined;
    this.#reading = 'complete';
    this.#owner.onRefused(this, head, fault);
  }

  #dispatch(head: RequestHead, framing: Framing): void {
    this.#asksTunnel = head.upgrade !== undefined;
    const endStream = framing.kind === 'none' && !this.#asksTunnel;
    if (framing.kind === 'length') {
      this.#reading = 'length';
      this.#bodyLeft = framing.length;
    } else if (framing.kind === 'chunked') {
      this.#reading = 'chunked';
      this.#chunks = new ChunkedDecoder(new HeaderBlock());
    } else {
      this.#reading = 'complete';
    }
    this.#writing = 'idle';
    const handler = this.#owner.onRequest(this, head, endStream);
    // The response may be complete already, and the connection ready for the next request.
    if (handler !== undefined) this.#handler = handler;
  }

  #requestComplete(trailers: HeaderBlock | undefined): void {
    if (trailers !== undefined) this.#meter?.noteFields(trailers);
    this.#reading = 'complete';
    this.#chunks = undefined;
    this.#handler?.onRequestEnd(trailers);
  }

  // Writing

  get writable(): boolean {
    return this.#wire.writable;
  }

  sendHead(head: ResponseHead, endStream: boolean): void {
    const { status } = head;
    const { minorVersion } = this.#requestLine;
    if (status < 200 && status !== 101) {
      // Clients of HTTP/1.0 do not know interim answers (RFC 9110 section 15.2).
      if (minorVersion === 1) writeInterimHead(this.#wire, head);
      return;
    }
    // Nobody waits for the rest of a request that is answered: as by Envoy the client is told so.
    if (this.#reading !== 'complete' || (this.#asksTunnel && head.upgrade === undefined))
      this.#closeAfter = true;
    if (this.#owner.draining) {
      this.#closeAfter = true;
      this.#owner.onDrainClose();
    }
    const framing = responseFraming(head, endStream, this.#isHead, minorVersion === 1);
    this.#writing = framing;
    if (framing === 'tunnel' || framing === 'until_close') this.#closeAfter = true;
    const connection = this.#closeAfter ? 'close' : this.#keepAlive10 ? 'keep-alive' : 'unsaid';
    const properCase = this.#options.properCase === true;
    const fieldBytes = writeResponseHead(this.#wire, head, framing, connection, properCase, minorVersion);
    if (this.#meter !== undefined) this.#meter.headerSent += fieldBytes;
    if (framing === 'tunnel') this.#openTunnel();
    else if (endStream) this.#responseComplete();
  }

  sendData(buffer: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    switch (this.#writing) {
      case 'chunked':
        writeChunk(this.#wire, buffer, start, end);
        break;
      case 'length':
      case 'until_close':
      case 'tunnel':
        this.#wire.write(buffer, start, end);
        break;
      default:
    }
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#writing === 'tunnel') {
      this.#handler = undefined;
      this.#close();
      return;
    }
    if (this.#writing === 'chunked') {
      writeLastChunk(this.#wire, this.#options.enableTrailers ? trailers : undefined);
    }
    this.#responseComplete();
  }

  reset(): void {
    this.#noteEnd(false);
    this.#handler = undefined;
    this.#reading = 'closing';
    this.#wire.destroy();
  }

  pauseRequest(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#wire.pause();
  }

  resumeRequest(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wire.resume();
  }

  #openTunnel(): void {
    this.#reading = 'tunnel';
    const early = this.#stash;
    this.#stash = undefined;
    this.resumeRequest();
    if (early !== undefined && !this.#processing) this.#process(early, 0, early.length);
    else if (early !== undefined) this.#handler?.onRequestData(early, 0, early.length);
  }

  /** The bytes of a connection must be counted alone from its beginning. */
  measure(block: HeaderBlock): ByteMeter {
    this.#meter = new Http1Meter(this.#wire, this.#meter?.end() ?? atBeginning);
    this.#meter.noteFields(block);
    return this.#meter;
  }

  #responseComplete(): void {
    this.#meter?.end();
    this.#handler = undefined;
    this.#writing = 'idle';
    // A request whose body is still coming cannot be skipped safely: the connection ends with the response.
    if (this.#closeAfter || this.#reading !== 'complete') {
      this.#close();
      return;
    }
    this.#reading = 'head';
    if (this.#options.idleTimeoutMs > 0) this.#timers.start(this, this.#options.idleTimeoutMs);
    this.resumeRequest();
    const next = this.#stash;
    if (next === undefined || this.#processing) return;
    this.#stash = undefined;
    this.#process(next, 0, next.length);
  }

  #refuse(fault: RefusedFault): void {
    this.#noteEnd(false, breaksProtocol(fault) ? 'protocol_error' : 'none');
    const handler = this.#handler;
    if (handler !== undefined) {
      // Whoever serves the request answers, and the connection ends with the answer.
      this.#closeAfter = true;
      handler.onUnreadable();
      this.#handler = undefined;
    } else if (this.#head !== undefined) {
      const head = this.#heads.request();
      head.version = this.#version;
      this.#heads.releaseRequest(this.#head);
      this.#isHead = false;
      this.#answerFault(head, fault);
      return;
    }
    // Else the request was answered before its body had come.
    this.#close();
  }

  /** As far as it is known, of the request whose head is being read. */
  get #version(): HttpVersion {
    return this.#lineParsed && this.#requestLine.minorVersion === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
  }

  /** Notes how the connection ends; the first to say so knows. */
  #noteEnd(byPeer: boolean, cause: ConnectionEnd['cause'] = 'none'): ConnectionEnd {
    return (this.#end ??= connectionEnd(byPeer, this.#handler !== undefined, cause));
  }

  /** Tells whoever serves the request that it is over. */
  #abandon(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    if (this.#head !== undefined) {
      this.#heads.releaseRequest(this.#head);
      this.#head = undefined;
      this.#owner.onUnread('gone', this.#version);
    }
    handler?.onDownstreamReset('connection_closed');
  }

  /** Sends what is left, then FIN; reads on for a moment, so that the peer gets it all before a reset. */
  #close(cause: ConnectionEnd['cause'] = 'none'): void {
    this.#noteEnd(false, cause);
    if (this.#reading === 'closing') return;
    this.#reading = 'closing';
    this.#stash = undefined;
    this.resumeRequest();
    this.#wire.end();
    this.#timers.start(this, closeWaitMs(this.#options, this.#wire.pendingBytes));
  }
}
