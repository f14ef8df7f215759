import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { messageOf, systemClock, type Clock } from '@lateen/core';
import type { MethodType } from '../codec/service-type.ts';
import { ClientCall, type StreamHandlers } from './client-call.ts';
import { connectSession, unavailable, type ChannelTarget, type ChannelTls } from './connection.ts';
import { defaultMaxMessageBytes } from './framing.ts';
import { keepAlive } from './keepalive.ts';
import { formatTimeout, type Metadata } from './metadata.ts';
import type { MessageSink } from './message-stream.ts';
import { GrpcError } from './status.ts';

export interface ChannelOptions {
  readonly target: ChannelTarget;
  /** Absent: plain text. A function is asked at each connect, so that rotated files are seen. */
  readonly tls?: ChannelTls | (() => ChannelTls | Promise<ChannelTls>);
  /** Metadata for each call, as in a bearer token; asked at each call. */
  readonly metadata?: () => Metadata | Promise<Metadata>;
  /** Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** How often a ping asks whether the peer is there while calls are open; default 30,000; 0: never. */
  readonly keepaliveMs?: number;
  /** How long a ping may take before the connection counts as dead; default 10,000. */
  readonly keepaliveTimeoutMs?: number;
  /** Largest message accepted; default 64 MiB. */
  readonly maxMessageBytes?: number;
  /** `:authority`; the target's host and port where absent. */
  readonly authority?: string;
  readonly userAgent?: string;
  readonly clock?: Clock;
}

export interface CallOptions {
  /** Added to the channel's metadata. */
  readonly metadata?: Metadata;
  /** The call fails with DEADLINE_EXCEEDED after so long; absent: never. */
  readonly timeoutMs?: number;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

/** An open stream, as the client sees it. */
export interface ClientStream<Request> extends MessageSink<Request> {
  /** Nothing more will be sent. */
  end(): void;
  /** Ends the call at once; `onEnd` is told CANCELLED. */
  cancel(): void;
  /** Stops and resumes reading. */
  pause(): void;
  resume(): void;
}

/**
 * Calls to one server over one HTTP/2 connection, which is made when a call needs it and made anew after it broke.
 * Nothing is retried: that is for the caller to decide.
 */
export interface Channel {
  /** Calls a unary method; rejects with a {@link GrpcError}. */
  unary<Request, Response>(
    method: MethodType<Request, Response>,
    request: Request,
    options?: CallOptions,
  ): Promise<Response>;
  /** Opens a stream at once; what is sent before the connection stands is kept and sent then. */
  openStream<Request, Response>(
    method: MethodType<Request, Response>,
    handlers: StreamHandlers<Response>,
    options?: CallOptions,
  ): ClientStream<Request>;
  /** True while a connection stands. */
  readonly connected: boolean;
  /** Ends the connection and every call on it. */
  close(): void;
}

/** Makes a channel; connects with the first call. */
export function createChannel(options: ChannelOptions): Channel {
  return new Http2Channel(options);
}

class Http2Channel implements Channel {
  readonly #options: ChannelOptions;
  readonly #clock: Clock;
  #session: Promise<ClientHttp2Session> | undefined;
  #live: ClientHttp2Session | undefined;
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get connected(): boolean {
    return this.#live !== undefined && !this.#live.destroyed && !this.#live.closed;
  }

  unary<Request, Response>(
    method: MethodType<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      let response: { readonly value: Response } | undefined;
      const call = this.openStream(
        method,
        {
          onMessage: (value) => {
            response = { value };
          },
          onEnd: (error) => {
            if (error !== undefined) reject(error);
            else if (response === undefined) reject(new GrpcError('INTERNAL', 'the response has no message'));
            else resolve(response.value);
          },
        },
        options,
      );
      call.send(request);
      call.end();
    });
  }

  openStream<Request, Response>(
    method: MethodType<Request, Response>,
    handlers: StreamHandlers<Response>,
    options: CallOptions = {},
  ): ClientStream<Request> {
    const call = new ClientCall<Request, Response>({
      method,
      handlers,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
      clock: this.#clock,
      maxMessageBytes: this.#options.maxMessageBytes ?? defaultMaxMessageBytes,
    });
    this.#start(call, method.path, options).catch((error: unknown) => {
      call.fail(error instanceof GrpcError ? error : unavailable(error));
    });
    return call;
  }

  close(): void {
    this.#closed = true;
    this.#live?.destroy();
    void this.#session?.then(
      (session) => session.destroy(),
      () => {},
    );
    this.#session = undefined;
  }

  async #start<Request, Response>(
    call: ClientCall<Request, Response>,
    path: string,
    options: CallOptions,
  ): Promise<void> {
    const [session, metadata] = await Promise.all([this.#connected(), this.#metadata()]);
    if (call.ended) return;
    const headers: Record<string, string> = {
      ...metadata,
      ...options.metadata,
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': this.#options.userAgent ?? 'lateen',
    };
    if (this.#options.authority !== undefined) {
      headers[':authority'] = this.#options.authority;
    }
    if (options.timeoutMs !== undefined) headers['grpc-timeout'] = formatTimeout(options.timeoutMs);
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(headers);
    } catch (error) {
      throw unavailable(error);
    }
    call.attach(stream);
  }

  async #metadata(): Promise<Metadata | undefined> {
    try {
      return await this.#options.metadata?.();
    } catch (error) {
      if (error instanceof GrpcError) throw error;
      throw new GrpcError('UNAUTHENTICATED', `no credentials: ${messageOf(error)}`, { cause: error });
    }
  }

  #connected(): Promise<ClientHttp2Session> {
    if (this.#closed) return Promise.reject(new GrpcError('CANCELLED', 'the channel is closed'));
    if (this.#session !== undefined && (this.#live === undefined || this.connected)) return this.#session;
    this.#live = undefined;
    const session = this.#connect();
    this.#session = session;
    session.then(
      (made) => {
        if (this.#session === session) this.#live = made;
        made.once('close', () => this.#forget(session));
        // A server that drains gets no further calls.
        made.once('goaway', () => this.#forget(session));
      },
      () => this.#forget(session),
    );
    return session;
  }

  #forget(session: Promise<ClientHttp2Session>): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#live = undefined;
  }

  async #connect(): Promise<ClientHttp2Session> {
    const { target, tls, keepaliveMs = 30_000, keepaliveTimeoutMs = 10_000 } = this.#options;
    const session = await connectSession(target, typeof tls === 'function' ? await tls() : tls, {
      limitMs: this.#options.connectTimeoutMs ?? 5_000,
      clock: this.#clock,
    });
    keepAlive(session, this.#clock, keepaliveMs, keepaliveTimeoutMs);
    return session;
  }
}
