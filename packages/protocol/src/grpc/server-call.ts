import type { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { messageOf, type Clock, type Logger, type Timer } from '@lateen/core';
import type { MethodType } from '../codec/service-type.ts';
import { metadataOf, parseTimeout, type Metadata } from './metadata.ts';
import { http2Codes } from './http2-codes.ts';
import { MessageStream, type MessageSink } from './message-stream.ts';
import { encodeGrpcMessage, GrpcError, grpcCodeNumber, grpcErrorOf } from './status.ts';

/** Who is at the other end of a connection. */
export interface Peer {
  /** `address:port` */
  readonly address: string;
  readonly encrypted: boolean;
  /** The client's certificate, where it sent one. */
  readonly certificate: X509Certificate | undefined;
  /** True where the certificate was verified against the listener's `clientCa`. */
  readonly verified: boolean;
}

/** What every handler knows about its call. */
export interface CallContext {
  readonly peer: Peer;
  readonly metadata: Metadata;
  /** Aborted when the call is over, however it ended. */
  readonly signal: AbortSignal;
}

/** An open stream, as the server sees it. */
export interface ServerStream<Response> extends MessageSink<Response>, CallContext {
  /** Sends headers before the first message does. */
  sendHeaders(metadata: Metadata): void;
  /** Ends the call with OK. */
  end(trailers?: Metadata): void;
  /** Ends the call with an error; anything but a {@link GrpcError} is told as INTERNAL and logged. */
  fail(error: unknown): void;
  /** Stops and resumes reading. */
  pause(): void;
  resume(): void;
}

/** What a server's stream calls back. */
export interface ServerStreamHandlers<Request> {
  onMessage(message: Request): void;
  /** The client will send no more; default: the call ends with OK. */
  onHalfClose?(): void;
  /** The call is over, called exactly once: ended by either side, cancelled, or the connection was lost. */
  onClose?(): void;
}

export interface ServerCallOptions {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly peer: Peer;
  readonly method: MethodType<unknown, unknown>;
  readonly open: (stream: ServerStream<unknown>) => ServerStreamHandlers<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxMessageBytes: number;
  readonly onClose: () => void;
}

/** One call on the server: hands messages to its handler until one side ends it. */
export class ServerCall<Request, Response> implements ServerStream<Response> {
  readonly #options: ServerCallOptions;
  readonly #messages: MessageStream<Request, Response>;
  readonly #abort = new AbortController();
  readonly peer: Peer;
  readonly metadata: Metadata;
  #handlers: ServerStreamHandlers<unknown> | undefined;
  #deadline: Timer | undefined;
  #trailers: Record<string, string | number> = {};
  #ended = false;

  constructor(options: ServerCallOptions) {
    this.#options = options;
    this.#messages = new MessageStream<Request, Response>(
      options.stream,
      options.method.response as MethodType<Request, Response>['response'],
    );
    this.peer = options.peer;
    this.metadata = metadataOf(options.headers);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Calls the handler and begins to read. */
  start(): void {
    const { stream, headers, method, maxMessageBytes } = this.#options;
    stream.on('error', (error) => {
      this.#options.logger.debug('stream failed', { path: method.path, error: error.message });
    });
    stream.on('close', () => this.#onClose());
    stream.on('wantTrailers', () => stream.sendTrailers(this.#trailers));
    const encoding = headers['grpc-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      this.fail(new GrpcError('UNIMPLEMENTED', `grpc-encoding ${String(encoding)} is not supported`));
      return;
    }
    if (!this.#setDeadline(headers['grpc-timeout'])) return;
    try {
      this.#handlers = this.#options.open(this);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.#messages.read(
      method.request as MethodType<Request, Response>['request'],
      maxMessageBytes,
      (message) => {
        if (!this.#ended) this.#handlers?.onMessage(message);
      },
      (error) => this.fail(error),
    );
    stream.on('end', () => this.#onHalfClose());
  }

  send(message: Response): boolean {
    if (this.#ended) return true;
    this.#respond();
    return this.#messages.send(message);
  }

  sendEncoded(parts: readonly Uint8Array[]): boolean {
    if (this.#ended) return true;
    this.#respond();
    return this.#messages.sendEncoded(parts);
  }

  drained(): Promise<void> {
    return this.#messages.drained();
  }

  get queuedBytes(): number {
    return this.#messages.queuedBytes;
  }

  sendHeaders(metadata: Metadata): void {
    this.#respond(metadata);
  }

  pause(): void {
    this.#messages.pause();
  }

  resume(): void {
    this.#messages.resume();
  }

  end(trailers: Metadata = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    const { stream } = this.#options;
    if (stream.destroyed) return;
    this.#trailers = { ...trailers, 'grpc-status': 0 };
    this.#respond();
    stream.end();
    this.#awaitClose();
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    const { stream, logger, method } = this.#options;
    const told = grpcErrorOf(error);
    if (!(error instanceof GrpcError)) {
      logger.error('handler failed', { path: method.path, error: messageOf(error) });
    }
    if (stream.destroyed) return;
    if (stream.headersSent) {
      this.#trailers = statusHeaders(told);
      stream.end();
    } else refuse(stream, told);
    this.#awaitClose();
  }

  /**
   * Reads and drops what the client still sends until it has seen the status and ends its side. A reset at once
   * could overtake the status, so it comes only to a client that does not end.
   */
  #awaitClose(): void {
    const { stream, clock } = this.#options;
    this.#deadline?.cancel();
    if (stream.destroyed) return;
    stream.resume();
    this.#deadline = clock.after(closeLimitMs, () => stream.close(http2Codes.noError));
  }

  #respond(metadata: Metadata = {}): void {
    const { stream } = this.#options;
    if (stream.headersSent || stream.destroyed) return;
    stream.respond(
      { ...metadata, ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
  }

  #setDeadline(timeout: string | string[] | undefined): boolean {
    if (typeof timeout !== 'string') return true;
    const ms = parseTimeout(timeout);
    if (ms === undefined) {
      this.fail(new GrpcError('INTERNAL', `malformed grpc-timeout ${timeout}`));
      return false;
    }
    this.#deadline = this.#options.clock.after(ms, () => {
      this.fail(new GrpcError('DEADLINE_EXCEEDED', 'the deadline has passed'));
    });
    return true;
  }

  #onHalfClose(): void {
    if (this.#ended) return;
    if (!this.#messages.atBoundary) {
      this.fail(new GrpcError('INTERNAL', 'the stream ended within a message'));
      return;
    }
    const handlers = this.#handlers;
    try {
      if (handlers?.onHalfClose === undefined) this.end();
      else handlers.onHalfClose();
    } catch (error) {
      this.fail(error);
    }
  }

  #onClose(): void {
    this.#ended = true;
    this.#deadline?.cancel();
    this.#abort.abort();
    this.#options.onClose();
    this.#handlers?.onClose?.();
  }
}

/** How long a client may take to end its side of a call that we have ended. */
const closeLimitMs = 10_000;

/** Answers with a status and nothing else (Trailers-Only). */
export function refuse(stream: ServerHttp2Stream, error: GrpcError): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', ...statusHeaders(error) },
    { endStream: true },
  );
  stream.resume();
}

function statusHeaders(error: GrpcError): Record<string, string | number> {
  return {
    'grpc-status': grpcCodeNumber(error.code),
    ...(error.message === '' ? {} : { 'grpc-message': encodeGrpcMessage(error.message) }),
  };
}
