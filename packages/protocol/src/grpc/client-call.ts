import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { messageOf, type Clock, type Timer } from '@lateen/core';
import { encode } from '../codec/encode.ts';
import type { MethodType } from '../codec/service-type.ts';
import { metadataOf, type Metadata } from './metadata.ts';
import { http2Codes } from './http2-codes.ts';
import { MessageStream } from './message-stream.ts';
import {
  decodeGrpcMessage,
  errorOfStatus,
  GrpcError,
  grpcCodeOf,
  grpcCodeOfHttp,
  grpcCodeOfReset,
} from './status.ts';

/** What a client's stream calls back. */
export interface StreamHandlers<Response> {
  /** The server's headers came; before any message. */
  onHeaders?(metadata: Metadata): void;
  onMessage(message: Response): void;
  /** The call is over, called exactly once; no error means OK. */
  onEnd(error: GrpcError | undefined, trailers: Metadata): void;
}

export interface ClientCallOptions<Request, Response> {
  readonly method: MethodType<Request, Response>;
  readonly handlers: StreamHandlers<Response>;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
  readonly maxMessageBytes: number;
}

/** One call: waits for its HTTP/2 stream, then moves messages both ways until a status ends it. */
export class ClientCall<Request, Response> {
  readonly #options: ClientCallOptions<Request, Response>;
  /** What was sent before there was a stream. */
  #early: (readonly Uint8Array[])[] = [];
  #earlyEnd = false;
  #paused = false;
  #stream: ClientHttp2Stream | undefined;
  #messages: MessageStream<Response, Request> | undefined;
  #attached: (() => void) | undefined;
  #trailers: IncomingHttpHeaders | undefined;
  #deadline: Timer | undefined;
  readonly #onAbort = (): void => this.cancel();
  ended = false;

  constructor(options: ClientCallOptions<Request, Response>) {
    this.#options = options;
    if (options.timeoutMs !== undefined) {
      this.#deadline = options.clock.after(options.timeoutMs, () => {
        this.fail(new GrpcError('DEADLINE_EXCEEDED', `no answer within ${options.timeoutMs ?? 0} ms`));
      });
    }
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
    // Not from within the constructor: the caller does not hold the stream yet.
    if (options.signal?.aborted === true) queueMicrotask(this.#onAbort);
  }

  send(message: Request): boolean {
    return this.sendEncoded([encode(this.#options.method.request, message)]);
  }

  sendEncoded(parts: readonly Uint8Array[]): boolean {
    if (this.ended) return true;
    if (this.#messages !== undefined) return this.#messages.sendEncoded(parts);
    this.#early.push(parts);
    return false;
  }

  async drained(): Promise<void> {
    if (this.#messages === undefined && !this.ended) {
      await new Promise<void>((resolve) => {
        const before = this.#attached;
        this.#attached = () => {
          before?.();
          resolve();
        };
      });
    }
    await this.#messages?.drained();
  }

  get queuedBytes(): number {
    return this.#messages?.queuedBytes ?? 0;
  }

  end(): void {
    if (this.#stream === undefined) this.#earlyEnd = true;
    else this.#stream.end();
  }

  cancel(): void {
    this.fail(new GrpcError('CANCELLED', 'cancelled by the caller'));
  }

  pause(): void {
    this.#paused = true;
    this.#messages?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#messages?.resume();
  }

  /** Ends the call on our side. */
  fail(error: GrpcError): void {
    this.#finish(error, {});
    const stream = this.#stream;
    if (stream !== undefined && !stream.destroyed) stream.close(http2Codes.cancel);
  }

  /** Begins to move messages over the stream. */
  attach(stream: ClientHttp2Stream): void {
    const { method, handlers, maxMessageBytes } = this.#options;
    this.#stream = stream;
    const messages = new MessageStream<Response, Request>(stream, method.request);
    this.#messages = messages;
    stream.on('response', (headers) => this.#onResponse(headers));
    stream.on('trailers', (trailers) => {
      this.#trailers = trailers;
    });
    messages.read(
      method.response,
      maxMessageBytes,
      (message) => {
        if (!this.ended) handlers.onMessage(message);
      },
      (error) => this.#onBadMessage(error),
    );
    let cause: unknown;
    stream.on('error', (error) => {
      cause = error;
    });
    stream.on('end', () => this.#onStatus(stream, messages));
    stream.on('close', () => this.#finish(closeError(stream, cause), {}));
    if (this.#paused) stream.pause();
    for (const parts of this.#early) messages.sendEncoded(parts);
    this.#early = [];
    if (this.#earlyEnd) stream.end();
    this.#attached?.();
  }

  #onResponse(headers: IncomingHttpHeaders & { ':status'?: number | undefined }): void {
    const status = headers[':status'] ?? 0;
    const contentType = headers['content-type'] ?? '';
    if (headers['grpc-status'] !== undefined) {
      // Trailers-Only: the status is in the headers.
      this.#trailers = headers;
      return;
    }
    if (status !== 200 || !contentType.startsWith('application/grpc')) {
      this.fail(
        new GrpcError(grpcCodeOfHttp(status), `the server answered HTTP ${status} ${contentType}`.trim()),
      );
      return;
    }
    this.#options.handlers.onHeaders?.(metadataOf(headers));
  }

  /** A message that is malformed or too large, or a handler that threw: either way the call is over. */
  #onBadMessage(error: unknown): void {
    this.fail(
      error instanceof GrpcError ? error : new GrpcError('INTERNAL', messageOf(error), { cause: error }),
    );
  }

  /** The server has said all: with its status, or without one. */
  #onStatus(stream: ClientHttp2Stream, messages: MessageStream<Response, Request>): void {
    const trailers = this.#trailers;
    const status = trailers?.['grpc-status'];
    // Where the stream was reset, its close event tells more.
    if (trailers === undefined || status === undefined) return;
    const code = grpcCodeOf(Array.isArray(status) ? (status[0] ?? '2') : status);
    const text = trailers['grpc-message'];
    let error = errorOfStatus(code, typeof text === 'string' ? decodeGrpcMessage(text) : '');
    if (error === undefined && !messages.atBoundary) {
      error = new GrpcError('INTERNAL', 'the stream ended within a message');
    }
    this.#finish(error, metadataOf(trailers));
    // Whatever we would still send is of no use to a server that has ended the call.
    if (!stream.writableEnded) stream.end();
  }

  #finish(error: GrpcError | undefined, trailers: Metadata): void {
    if (this.ended) return;
    this.ended = true;
    this.#early = [];
    this.#deadline?.cancel();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#attached?.();
    this.#options.handlers.onEnd(error, trailers);
  }
}

/** Why a stream closed that brought no status. */
function closeError(stream: ClientHttp2Stream, cause: unknown): GrpcError {
  if (stream.session === undefined || stream.session.destroyed || stream.session.closed) {
    const detail = cause === undefined ? '' : `: ${messageOf(cause)}`;
    return new GrpcError('UNAVAILABLE', `the connection was lost${detail}`, { cause });
  }
  const code = stream.rstCode ?? 0;
  if (code === 0) return new GrpcError('UNAVAILABLE', 'the stream ended without a status');
  return new GrpcError(grpcCodeOfReset(code), `the stream was reset with HTTP/2 error ${code}`, { cause });
}
