import { messageOf } from '@lateen/core';
import { decode, encode, type MethodType } from '@lateen/protocol';
import {
  decodeGrpcMessage,
  defaultMaxMessageBytes,
  errorOfStatus,
  formatTimeout,
  frame,
  FrameReader,
  GrpcError,
  grpcCodeOf,
  grpcCodeOfHttp,
  type GrpcCode,
} from '@lateen/protocol/grpc';
import { RequestHead, type ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName, names } from '../codec/header-name.ts';
import { headerValueOf } from '../codec/header-value.ts';
import type { Attempt, AttemptOutcome, AttemptOwner } from '../attempt/attempt.ts';
import type { Countdown, Expirable } from '../timer/coarse-timers.ts';
import type { GrpcCallerOptions, GrpcStream, GrpcStreamHandlers } from './grpc-caller.ts';
import { attemptAtEndpoint, countFailed } from './endpoint-attempt.ts';
import type { CallContext } from './http-call.ts';

export interface GrpcStreamCallOptions<Response> extends GrpcStreamHandlers<Response> {
  /** From the start to the status; 0: none. */
  readonly timeoutMs: number;
}

/** One call of gRPC through a cluster: messages both ways until a status ends it. */
export class GrpcStreamCall<Request, Response> implements Expirable, AttemptOwner, GrpcStream<Request> {
  countdown: Countdown | undefined = undefined;
  readonly requestVersion = 'HTTP/2';
  readonly downstream = undefined;
  readonly alpn = undefined;
  readonly serverName = undefined;
  readonly #context: CallContext;
  readonly #target: GrpcCallerOptions;
  readonly #method: MethodType<Request, Response>;
  readonly #options: GrpcStreamCallOptions<Response>;
  readonly #reader: FrameReader;
  #attempt: Attempt | undefined;
  /** What waits for the stream. */
  #early: Uint8Array[] = [];
  #sentAll = false;
  #over = false;

  constructor(
    context: CallContext,
    target: GrpcCallerOptions,
    method: MethodType<Request, Response>,
    options: GrpcStreamCallOptions<Response>,
  ) {
    this.#context = context;
    this.#target = target;
    this.#method = method;
    this.#options = options;
    this.#reader = new FrameReader(target.maxMessageBytes ?? defaultMaxMessageBytes, (bytes) => {
      const decoded = decode(method.response, bytes);
      if (!decoded.ok) {
        const [first] = decoded.problems;
        throw new GrpcError(
          'INTERNAL',
          `malformed ${method.response.typeName}: ${first?.path ?? ''}: ${first?.message ?? ''}`,
        );
      }
      if (!this.#over) options.onMessage(decoded.value);
    });
  }

  start(): void {
    this.#inTurn(() => this.#begin());
  }

  send(message: Request): void {
    if (this.#over || this.#sentAll) return;
    const chunks = frame([encode(this.#method.request, message)]);
    const attempt = this.#attempt;
    if (attempt?.ready !== true) this.#early.push(...chunks);
    else this.#inTurn(() => chunks.forEach((chunk) => attempt.sendData(chunk, 0, chunk.length)));
  }

  end(): void {
    if (this.#over || this.#sentAll) return;
    this.#sentAll = true;
    const attempt = this.#attempt;
    if (attempt?.ready === true) this.#inTurn(() => attempt.sendEnd(undefined));
  }

  cancel(): void {
    this.#inTurn(() => this.#giveUp(new GrpcError('CANCELLED', 'cancelled by the caller')));
  }

  onAttemptReady(attempt: Attempt): void {
    const { cluster, authority = cluster.name } = this.#target;
    const head = new RequestHead();
    head.method = 'POST';
    head.path = this.#method.path;
    head.authority = authority;
    head.scheme = attempt.tls === undefined ? 'http' : 'https';
    head.version = 'HTTP/2';
    head.acceptsTrailers = true;
    try {
      for (const [name, value] of this.#headers()) head.headers.add(headerName(name), value);
    } catch (error) {
      this.#giveUp(new GrpcError('UNAUTHENTICATED', `no credentials: ${messageOf(error)}`, { cause: error }));
      return;
    }
    attempt.sendHead(head, false);
    this.#options.onOpen?.();
    for (const chunk of this.#early) attempt.sendData(chunk, 0, chunk.length);
    this.#early = [];
    if (this.#sentAll) attempt.sendEnd(undefined);
  }

  onAttemptHead(attempt: Attempt, head: ResponseHead, endStream: boolean): void {
    const { status, headers } = head;
    if (status >= 200) attempt.cluster.stats.countStatus(status);
    if (!this.#over && status >= 200) {
      const type = headers.get(names.contentType) ?? '';
      // A call that ends at once has its status in the head.
      if (headers.get(names.grpcStatus) !== undefined) this.#takeStatus(headers);
      else if (status !== 200 || !type.startsWith('application/grpc'))
        this.#giveUp(
          new GrpcError(grpcCodeOfHttp(status), `the server answered HTTP ${status} ${type}`.trim()),
        );
      else if (endStream) this.#takeStatus(undefined);
    }
    this.#context.heads.releaseResponse(head);
  }

  onAttemptData(buffer: Buffer, start: number, end: number): void {
    if (this.#over) return;
    try {
      // The bytes are in a buffer that all connections read into.
      this.#reader.push(Buffer.from(buffer.subarray(start, end)));
    } catch (error) {
      this.#giveUp(
        error instanceof GrpcError ? error : new GrpcError('INTERNAL', messageOf(error), { cause: error }),
      );
    }
  }

  onAttemptEnd(_attempt: Attempt, trailers: HeaderBlock | undefined): void {
    this.#takeStatus(trailers);
  }

  onAttemptDrain(): void {}

  onAttemptFailed(attempt: Attempt, outcome: AttemptOutcome, detail: string): void {
    countFailed(attempt, outcome);
    this.#finish(new GrpcError(codeOfOutcome(outcome), `${attempt.host.key}: ${detail}`));
  }

  hedges(): boolean {
    return false;
  }

  /** The time for the call is over. */
  onExpire(): void {
    this.#attempt?.runOut();
    this.#giveUp(new GrpcError('DEADLINE_EXCEEDED', `no answer within ${this.#options.timeoutMs} ms`));
  }

  #begin(): void {
    const { timeoutMs } = this.#options;
    const attempt = attemptAtEndpoint(this, this.#target.cluster, this.#context);
    if ('reason' in attempt) return this.#finish(unavailable(attempt.detail));
    if (timeoutMs > 0) this.#context.timers.start(this, timeoutMs);
    this.#attempt = attempt;
    attempt.start(false);
  }

  #headers(): readonly (readonly [string, string])[] {
    const { timeoutMs } = this.#options;
    return [
      ['content-type', 'application/grpc'],
      ['te', 'trailers'],
      ['user-agent', 'lateen-proxy'],
      ...(timeoutMs > 0 ? [['grpc-timeout', formatTimeout(timeoutMs)] as const] : []),
      ...Object.entries(this.#target.metadata()).map(
        ([name, value]) => [name.toLowerCase(), headerValueOf(value)] as const,
      ),
    ];
  }

  /** The server has said all. */
  #takeStatus(carrier: HeaderBlock | undefined): void {
    const status = carrier?.get(names.grpcStatus);
    if (status === undefined) return this.#giveUp(unavailable('the stream ended without a status'));
    const text = carrier?.get(names.grpcMessage) ?? '';
    let error = errorOfStatus(grpcCodeOf(status), decodeGrpcMessage(text));
    if (error === undefined && !this.#reader.atBoundary)
      error = new GrpcError('INTERNAL', 'the stream ended within a message');
    this.#giveUp(error);
  }

  /** Ends the call on our side; what the server still says is not heard. */
  #giveUp(error: GrpcError | undefined): void {
    if (this.#over) return;
    this.#attempt?.abort();
    this.#finish(error);
  }

  #finish(error: GrpcError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#early = [];
    this.#context.timers.stop(this);
    this.#options.onEnd(error);
  }

  /** Connections send what was written in a turn at its end. */
  #inTurn(act: () => void): void {
    const { turn } = this.#context;
    turn.enter();
    try {
      act();
    } finally {
      turn.leave();
    }
  }
}

function unavailable(detail: string): GrpcError {
  return new GrpcError('UNAVAILABLE', detail);
}

function codeOfOutcome(outcome: AttemptOutcome): Exclude<GrpcCode, 'OK'> {
  switch (outcome) {
    case 'per_try_timeout':
    case 'per_try_idle_timeout':
    case 'max_stream_duration':
      return 'DEADLINE_EXCEEDED';
    case 'remote_reset':
    case 'protocol_error':
      return 'INTERNAL';
    case 'overflow':
    case 'pending_overflow':
      return 'RESOURCE_EXHAUSTED';
    default:
      return 'UNAVAILABLE';
  }
}
