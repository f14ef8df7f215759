import type { ConnectionEnd } from '../codec/connection-end.ts';
import type { HeadPool, HttpVersion, RequestHead } from '../codec/head.ts';
import { HeaderBlock } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import { latin1Slice } from '../codec/latin1.ts';
import type { ServerStreamHandler } from '../codec/stream.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { Wire } from '../wire/wire.ts';
import { ChunkedDecoder, type BodySink } from './chunked-decoder.ts';
import { breaksProtocol, framingFaults, headFault, type RefusedFault } from './codec-fault.ts';
import { incomplete, malformed } from './head-parser.ts';
import { Http1Connection } from './http1-connection.ts';
import { framingOf, noBody, takeConnectionOptions, type Framing } from './message-framing.ts';
import { isRegisteredMethod } from './methods.ts';
import { emptyRequestLine, parseRequestLine } from './request-line.ts';
import { completeRequestHead, dropExpectation, type LastHost } from './request-head.ts';
import { writeContinue } from './response-head-writer.ts';
import type { Http1ServerOptions } from './server-options.ts';

type ReadState = 'head' | 'length' | 'chunked' | 'complete' | 'tunnel' | 'closing';

const maxPipelinedBytes = 64 * 1024;

/** Reads the requests of an HTTP/1 connection, one at a time; what cannot be read is refused. */
export abstract class RequestReader extends Http1Connection implements BodySink {
  protected readonly options: Http1ServerOptions;
  protected readonly requestLine = emptyRequestLine();
  protected reading: ReadState = 'head';
  protected head: RequestHead | undefined;
  protected handler: ServerStreamHandler | undefined;
  protected processing = false;
  protected isHead = false;
  protected asksTunnel = false;
  protected keepAlive10 = false;
  #target = '';
  readonly #lastHost: LastHost = { text: '' };

  constructor(wire: Wire, options: Http1ServerOptions, heads: HeadPool, timers: CoarseTimers) {
    super(wire, options, heads, timers);
    this.options = options;
  }

  /** A head is complete: who serves it is to be found. */
  protected abstract begin(head: RequestHead, endStream: boolean): void;
  /** A request that is understood, or not, and not served: the last of its connection. */
  protected abstract answerFault(head: RequestHead, fault: RefusedFault): void;
  /** Notes how the connection ends; the first to say so knows. */
  protected abstract noteEnd(byPeer: boolean, cause?: ConnectionEnd['cause']): ConnectionEnd;
  protected abstract close(): void;

  onBytes(buffer: Buffer, start: number, end: number): void {
    const stash = this.stash;
    if (stash === undefined) {
      this.process(buffer, start, end);
      return;
    }
    if (this.reading === 'closing') return;
    const all = Buffer.concat([stash, buffer.subarray(start, end)]);
    // A line that is not complete is not read again for each byte that a slow client sends.
    const inLine = this.reading === 'head' && this.lineParsed && all.length <= this.options.maxHeadBytes;
    if (inLine && all.indexOf(10, stash.length) < 0) {
      this.stash = all;
      return;
    }
    this.stash = undefined;
    this.process(all, 0, all.length);
  }

  protected process(buffer: Buffer, start: number, end: number): void {
    let at = start;
    this.processing = true;
    while (at < end) {
      switch (this.reading) {
        case 'head':
          at = this.#readHead(buffer, at, end);
          break;
        case 'length': {
          const taken = Math.min(this.bodyLeft, end - at);
          const from = at;
          at += taken;
          this.bodyLeft -= taken;
          this.handler?.onRequestData(buffer, from, at);
          if (this.bodyLeft === 0 && this.reading === 'length') this.#requestComplete(undefined);
          break;
        }
        case 'chunked': {
          const decoder = this.chunks as ChunkedDecoder;
          const next = decoder.decode(buffer, at, end, this);
          if (this.reading !== 'chunked') break;
          if (next === malformed) {
            this.refuse('malformed_body');
            at = end;
            break;
          }
          at = next;
          if (decoder.done) this.#requestComplete(decoder.trailers);
          break;
        }
        case 'tunnel':
          this.handler?.onRequestData(buffer, at, end);
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
    this.processing = false;
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    this.handler?.onRequestData(buffer, start, end);
  }

  /** Keeps bytes that came before their time. */
  #keep(buffer: Buffer, start: number, end: number): void {
    this.stash = Buffer.from(buffer.subarray(start, end));
    if (this.reading === 'complete' && this.stash.length > maxPipelinedBytes) this.pause();
  }

  #readHead(buffer: Buffer, start: number, end: number): number {
    let head = this.head;
    if (head === undefined) {
      this.head = head = this.heads.request();
      this.headBytes = 0;
      this.lineParsed = false;
      this.lines.reset();
      const { requestHeadersTimeoutMs } = this.options;
      if (requestHeadersTimeoutMs > 0) this.timers.start(this, requestHeadersTimeoutMs);
    }
    let at = start;
    if (!this.lineParsed) {
      const line = this.requestLine;
      const next = parseRequestLine(buffer, at, end, line);
      if (next < 0) return this.#headStopped(next, buffer, at, end);
      if (!line.common && !this.options.allowCustomMethods && !isRegisteredMethod(line.method))
        return this.#refuseHead('malformed_head', end);
      this.lineParsed = true;
      this.#target = latin1Slice(buffer, line.targetStart, line.targetEnd);
      this.headBytes = next - at;
      at = next;
    }
    const next = this.lines.parse(buffer, at, end, head.headers);
    if (next < 0) return this.#headStopped(next, buffer, at, end);
    if (this.headBytes + next - at > this.options.maxHeadBytes)
      return this.#refuseHead('headers_too_large', end);
    head.headers.take(buffer, at, next - 2);
    head.headers.keepsCase = this.options.preserveHeaderCase;
    this.#beginRequest(head);
    return next;
  }

  #headStopped(code: number, buffer: Buffer, start: number, end: number): number {
    if (code !== incomplete) return this.#refuseHead(headFault(code), end);
    if (this.headBytes + end - start > this.options.maxHeadBytes)
      return this.#refuseHead('headers_too_large', end);
    this.#keep(buffer, start, end);
    return end;
  }

  #refuseHead(fault: RefusedFault, end: number): number {
    this.refuse(fault);
    return end;
  }

  #beginRequest(head: RequestHead): void {
    const options = this.options;
    const lines = this.lines;
    const block = head.headers;
    const { method, minorVersion } = this.requestLine;
    head.method = method;
    head.version = minorVersion === 1 ? 'HTTP/1.1' : 'HTTP/1.0';
    this.isHead = method === 'HEAD';
    if (minorVersion === 0 && !options.acceptHttp10) {
      // As by Envoy it is answered in HTTP/1.1.
      this.requestLine.minorVersion = 1;
      this.noteEnd(false, 'protocol_error');
      return this.#refuseWhole(head, 'unsupported_version');
    }

    const connection = this.connection;
    takeConnectionOptions(block, lines, connection);
    if (connection.rejected) return this.refuse('bad_connection');
    this.keepAlive10 = minorVersion === 0 && connection.keepAlive;
    this.closeAfter ||= connection.close || (minorVersion === 0 && !connection.keepAlive);

    const framing = framingOf(block, lines, minorVersion, options.allowChunkedLength);
    if (typeof framing === 'string') return this.refuse(framingFaults[framing]);
    const fault = completeRequestHead(head, lines, this.#target, connection, options, this.#lastHost);
    if (fault === 'missing_host') return this.#refuseWhole(head, fault);
    if (fault !== undefined) return this.refuse(fault);
    // Where a body and a tunnel are asked for at once, two implementations disagree about where the tunnel begins.
    const hasBody = framing !== undefined && framing.kind !== 'none';
    if (head.upgrade !== undefined && hasBody) return this.refuse('bad_framing');
    if (head.expectContinue && options.answerContinue) {
      dropExpectation(head);
      if (hasBody) writeContinue(this.wire);
    }
    this.requests++;
    if (options.maxRequests > 0 && this.requests >= options.maxRequests) this.closeAfter = true;
    this.timers.stop(this);
    this.head = undefined;
    this.#dispatch(head, framing ?? noBody);
  }

  /** A request that is understood and not served: answered as others are, and the last of its connection. */
  #refuseWhole(head: RequestHead, fault: RefusedFault): void {
    head.authority = head.headers.get(names.host) ?? '';
    head.path = this.#target;
    this.answerFault(head, fault);
  }

  #dispatch(head: RequestHead, framing: Framing): void {
    this.asksTunnel = head.upgrade !== undefined;
    const endStream = framing.kind === 'none' && !this.asksTunnel;
    if (framing.kind === 'length') {
      this.reading = 'length';
      this.bodyLeft = framing.length;
    } else if (framing.kind === 'chunked') {
      this.reading = 'chunked';
      this.chunks = new ChunkedDecoder(new HeaderBlock());
    } else {
      this.reading = 'complete';
    }
    this.begin(head, endStream);
  }

  #requestComplete(trailers: HeaderBlock | undefined): void {
    if (trailers !== undefined) this.meter?.noteFields(trailers);
    this.reading = 'complete';
    this.chunks = undefined;
    this.handler?.onRequestEnd(trailers);
  }

  protected refuse(fault: RefusedFault): void {
    this.noteEnd(false, breaksProtocol(fault) ? 'protocol_error' : 'none');
    const handler = this.handler;
    if (handler !== undefined) {
      // Whoever serves the request answers, and the connection ends with the answer.
      this.closeAfter = true;
      handler.onUnreadable();
      this.handler = undefined;
    } else if (this.head !== undefined) {
      const head = this.heads.request();
      head.version = this.version;
      this.heads.releaseRequest(this.head);
      this.isHead = false;
      this.answerFault(head, fault);
      return;
    }
    // Else the request was answered before its body had come.
    this.close();
  }

  /** As far as it is known, of the request whose head is being read. */
  protected get version(): HttpVersion {
    return this.lineParsed && this.requestLine.minorVersion === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
  }
}
