import type { MethodType } from '@lateen/protocol';
import { GrpcError, type Metadata } from '@lateen/protocol/grpc';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import { GrpcStreamCall } from './grpc-stream-call.ts';
import type { CallContext } from './http-call.ts';

/** Where calls of a service go, and what they carry. */
export interface GrpcCallerOptions {
  readonly cluster: ClusterRef;
  /** Sent with every call; asked at each, as a token may have changed. */
  readonly metadata: () => Metadata;
  /** `:authority`; default the name of the cluster. */
  readonly authority?: string;
  /** A larger message ends the call with RESOURCE_EXHAUSTED; default 64 MiB. */
  readonly maxMessageBytes?: number;
}

/** What a call is told of; the functions are called within a turn. */
export interface GrpcStreamHandlers<Response> {
  /** The head of the call goes out, on a connection that stands. */
  onOpen?(): void;
  onMessage(message: Response): void;
  /** The call is over, once; no error means OK. */
  onEnd(error: GrpcError | undefined): void;
}

/** The client's side of a call that is open. */
export interface GrpcStream<Request> {
  /** What cannot be sent yet is kept, and sent when the stream stands. Nothing is sent after the end. */
  send(message: Request): void;
  /** Nothing more will be sent. */
  end(): void;
  /** Ends the call at once; `onEnd` is told CANCELLED. */
  cancel(): void;
}

/** Calls methods of gRPC at one place; nothing is retried. */
export interface GrpcCaller {
  /** Opens a stream. `onEnd` may be called before this returns. */
  openStream<Request, Response>(
    method: MethodType<Request, Response>,
    handlers: GrpcStreamHandlers<Response>,
  ): GrpcStream<Request>;
  /** Calls a unary method; rejects with a {@link GrpcError}. */
  unary<Request, Response>(
    method: MethodType<Request, Response>,
    request: Request,
    options?: { readonly timeoutMs?: number },
  ): Promise<Response>;
}

/** Calls through a cluster: by its balancer, connections, TLS, limits and statistics. */
export class ClusterGrpcCaller implements GrpcCaller {
  readonly #context: CallContext;
  readonly #options: GrpcCallerOptions;
  readonly #open = new Set<GrpcStream<never>>();
  #closed = false;

  constructor(context: CallContext, options: GrpcCallerOptions) {
    this.#context = context;
    this.#options = options;
  }

  openStream<Request, Response>(
    method: MethodType<Request, Response>,
    handlers: GrpcStreamHandlers<Response>,
    timeoutMs = 0,
  ): GrpcStream<Request> {
    const call: GrpcStreamCall<Request, Response> = new GrpcStreamCall(this.#context, this.#options, method, {
      timeoutMs,
      onOpen: () => handlers.onOpen?.(),
      onMessage: (message) => handlers.onMessage(message),
      onEnd: (error) => {
        this.#open.delete(call);
        handlers.onEnd(error);
      },
    });
    this.#open.add(call);
    if (this.#closed) call.cancel();
    else call.start();
    return call;
  }

  unary<Request, Response>(
    method: MethodType<Request, Response>,
    request: Request,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      let answer: { readonly message: Response } | undefined;
      const call = this.openStream(
        method,
        {
          onMessage: (message) => {
            answer = { message };
          },
          onEnd: (error) => {
            if (error !== undefined) reject(error);
            else if (answer === undefined) reject(new GrpcError('INTERNAL', 'the answer has no message'));
            else resolve(answer.message);
          },
        },
        options.timeoutMs,
      );
      call.send(request);
      call.end();
    });
  }

  /** Ends every call, those of the future included. */
  close(): void {
    this.#closed = true;
    for (const call of this.#open) call.cancel();
  }
}
