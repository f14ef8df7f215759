import type { ByteMeter } from '../codec/byte-meter.ts';
import { connectionEnd, type ConnectionEnd } from '../codec/connection-end.ts';
import type { HeadPool, RequestHead, ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { ServerStream } from '../codec/stream.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { Wire } from '../wire/wire.ts';
import { writeChunk, writeLastChunk } from './chunk-writer.ts';
import type { RefusedFault } from './codec-fault.ts';
import { atBeginning, Http1Meter } from './http1-meter.ts';
import { RequestReader } from './request-reader.ts';
import {
  responseFraming,
  writeInterimHead,
  writeResponseHead,
  type ResponseFraming,
} from './response-head-writer.ts';
import type { ServerConnectionOwner } from './server-connection-owner.ts';
import { closeWaitMs, type Http1ServerOptions } from './server-options.ts';

type WriteState = 'idle' | ResponseFraming;

/**
 * The server side of an HTTP/1 connection: one request at a time, the next one (pipelined or not)
 * after the response to it is complete. It is its own stream.
 */
export class Http1ServerConnection extends RequestReader implements ServerStream {
  readonly #owner: ServerConnectionOwner;
  #writing: WriteState = 'idle';
  #end: ConnectionEnd | undefined;
  /** It was idle for its longest time, and is to be closed for that. */
  #idled = false;
  #drains = false;

  constructor(
    wire: Wire,
    options: Http1ServerOptions,
    owner: ServerConnectionOwner,
    heads: HeadPool,
    timers: CoarseTimers,
  ) {
    super(wire, options, heads, timers);
    this.#owner = owner;
    if (options.idleTimeoutMs > 0) timers.start(this, options.idleTimeoutMs);
  }

  // What the wire says

  onEnd(): void {
    if (this.reading === 'tunnel') {
      this.handler?.onRequestEnd(undefined);
      return;
    }
    this.noteEnd(true);
    // A client that has finished sending is gone: nothing may be left running for it.
    this.#abandon();
    // One that does not read what waits for it is not waited for without end.
    if (this.wire.pendingBytes > 0) this.close();
    else this.wire.end();
  }

  onDrain(): void {
    this.handler?.onResponseDrain();
  }

  onClose(): void {
    const end = this.noteEnd(true);
    this.timers.stop(this);
    this.#abandon();
    this.reading = 'closing';
    this.stash = undefined;
    this.#owner.onConnectionClosed(end);
  }

  onExpire(): void {
    if (this.reading === 'head' && this.head !== undefined) this.refuse('head_timeout');
    else if (this.reading === 'closing') {
      if (this.options.delayedCloseTimeoutMs > 0) this.#owner.onDelayedCloseTimeout();
      this.wire.destroy();
    } else if (this.#drains) this.close();
    else {
      this.#idled = true;
      this.closeAfterDrain();
    }
  }

  /** As Envoy: a request that comes while the connection is drained is answered, and told that it was the last. */
  closeAfterDrain(): void {
    const { drainTimeoutMs = 0 } = this.options;
    if (this.#drains) return;
    if (drainTimeoutMs === 0) {
      this.closeWhenIdle();
      return;
    }
    this.#drains = true;
    this.closeAfter = true;
    if (this.#isIdle) this.timers.start(this, drainTimeoutMs);
  }

  /** Closes the connection when it is idle, or after the response under way. */
  closeWhenIdle(): void {
    this.closeAfter = true;
    if (this.#isIdle) this.close();
  }

  get #isIdle(): boolean {
    return this.reading === 'head' && this.head === undefined && this.handler === undefined;
  }

  // What is asked

  protected begin(head: RequestHead, endStream: boolean): void {
    this.#writing = 'idle';
    const handler = this.#owner.onRequest(this, head, endStream);
    // The response may be complete already, and the connection ready for the next request.
    if (handler !== undefined) this.handler = handler;
  }

  protected answerFault(head: RequestHead, fault: RefusedFault): void {
    this.closeAfter = true;
    this.timers.stop(this);
    this.head = undefined;
    this.reading = 'complete';
    this.#owner.onRefused(this, head, fault);
  }

  // Writing

  get writable(): boolean {
    return this.wire.writable;
  }

  sendHead(head: ResponseHead, endStream: boolean): void {
    const { status } = head;
    const { minorVersion } = this.requestLine;
    if (status < 200 && status !== 101) {
      // Clients of HTTP/1.0 do not know interim answers (RFC 9110 section 15.2).
      if (minorVersion === 1) writeInterimHead(this.wire, head);
      return;
    }
    // Nobody waits for the rest of a request that is answered: as by Envoy the client is told so.
    if (this.reading !== 'complete' || (this.asksTunnel && head.upgrade === undefined))
      this.closeAfter = true;
    if (this.#owner.draining) {
      this.closeAfter = true;
      this.#owner.onDrainClose();
    }
    const framing = responseFraming(head, endStream, this.isHead, minorVersion === 1);
    this.#writing = framing;
    if (framing === 'tunnel' || framing === 'until_close') this.closeAfter = true;
    const connection = this.closeAfter ? 'close' : this.keepAlive10 ? 'keep-alive' : 'unsaid';
    const properCase = this.options.properCase === true;
    const fieldBytes = writeResponseHead(this.wire, head, framing, connection, properCase, minorVersion);
    if (this.meter !== undefined) this.meter.headerSent += fieldBytes;
    if (framing === 'tunnel') this.#openTunnel();
    else if (endStream) this.#responseComplete();
  }

  sendData(buffer: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    switch (this.#writing) {
      case 'chunked':
        writeChunk(this.wire, buffer, start, end);
        break;
      case 'length':
      case 'until_close':
      case 'tunnel':
        this.wire.write(buffer, start, end);
        break;
      default:
    }
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#writing === 'tunnel') {
      this.handler = undefined;
      this.close();
      return;
    }
    if (this.#writing === 'chunked') {
      writeLastChunk(this.wire, this.options.enableTrailers ? trailers : undefined);
    }
    this.#responseComplete();
  }

  reset(): void {
    // As in Envoy the request is over before its connection is.
    this.handler = undefined;
    this.noteEnd(false);
    this.reading = 'closing';
    this.wire.destroy();
  }

  pauseRequest(): void {
    this.pause();
  }

  resumeRequest(): void {
    this.resume();
  }

  #openTunnel(): void {
    this.reading = 'tunnel';
    const early = this.stash;
    this.stash = undefined;
    this.resume();
    if (early !== undefined && !this.processing) this.process(early, 0, early.length);
    else if (early !== undefined) this.handler?.onRequestData(early, 0, early.length);
  }

  /** The bytes of a connection must be counted alone from its beginning. */
  measure(block: HeaderBlock): ByteMeter {
    this.meter = new Http1Meter(this.wire, this.meter?.end() ?? atBeginning);
    this.meter.noteFields(block);
    return this.meter;
  }

  #responseComplete(): void {
    this.meter?.end();
    this.handler = undefined;
    this.#writing = 'idle';
    // A request whose body is still coming cannot be skipped safely: the connection ends with the response.
    if (this.closeAfter || this.reading !== 'complete') {
      this.close();
      return;
    }
    this.reading = 'head';
    if (this.options.idleTimeoutMs > 0) this.timers.start(this, this.options.idleTimeoutMs);
    this.resume();
    const next = this.stash;
    if (next === undefined || this.processing) return;
    this.stash = undefined;
    this.process(next, 0, next.length);
  }

  /** Notes how the connection ends; the first to say so knows. */
  protected noteEnd(
    byPeer: boolean,
    cause: ConnectionEnd['cause'] = this.#idled ? 'idle_timeout' : 'none',
  ): ConnectionEnd {
    return (this.#end ??= connectionEnd(byPeer, this.handler !== undefined, cause));
  }

  /** Tells whoever serves the request that it is over. */
  #abandon(): void {
    const handler = this.handler;
    this.handler = undefined;
    if (this.head !== undefined) {
      this.heads.releaseRequest(this.head);
      this.head = undefined;
      this.#owner.onUnread('gone', this.version);
    }
    handler?.onDownstreamReset('connection_closed');
  }

  /** Sends what is left, then FIN; reads on for a moment, so that the peer gets it all before a reset. */
  protected close(cause?: ConnectionEnd['cause']): void {
    this.noteEnd(false, cause);
    if (this.reading === 'closing') return;
    this.reading = 'closing';
    this.stash = undefined;
    this.resume();
    this.wire.end();
    this.timers.start(this, closeWaitMs(this.options, this.wire.pendingBytes));
  }
}
