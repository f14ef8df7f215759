import type { Clock } from '@lateen/core';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import { RequestHead, type HeadPool, type HttpVersion, type ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';
import type { Attempt, AttemptOutcome, AttemptOwner } from '../attempt/attempt.ts';
import { withoutPort } from '../decide/domain-match.ts';
import { failureReports } from '../attempt/failure.ts';
import { Retries } from '../filter/router/retries.ts';
import type { CompiledRetryPolicy } from '../route/retry-policy.ts';
import { type Expirable, type CoarseTimers, type Countdown } from '../timer/coarse-timers.ts';
import type { Turn } from '../wire/turn.ts';
import { attemptAtEndpoint, countFailed } from './endpoint-attempt.ts';

/** What calls need of the data plane that makes them. */
export interface CallContext {
  readonly turn: Turn;
  readonly timers: CoarseTimers;
  readonly heads: HeadPool;
  readonly random: () => number;
  readonly clock: Clock;
}

/** What calls need, with the clusters that they go to. */
export interface ClusterCalls extends CallContext {
  /** The cluster of a name, which may come and go. */
  clusterRef(name: string): ClusterRef;
}

/** A request that the proxy makes itself. */
export interface CallRequest {
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly authority: string;
  readonly scheme?: 'http' | 'https';
  /** Names in lower case; values one character a byte (see `headerValueOf`), without line ends. */
  readonly headers: readonly (readonly [string, string])[];
  /** Sent whole; undefined: the head is all. */
  readonly body?: Uint8Array;
  /** For clusters that speak what the client speaks; default HTTP/1.1. */
  readonly version?: HttpVersion;
  /** From now to the end of the answer; 0: none. */
  readonly timeoutMs: number;
  /** An answer with more of a body is a failure; default 1 MiB. */
  readonly maxBodyBytes?: number;
  /** When it is asked again; undefined: never. */
  readonly retry?: CompiledRetryPolicy;
}

/** A whole answer. `headers` and `trailers` are valid only while it is handed over. */
export interface CallAnswer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: HeaderBlock;
  readonly body: Buffer;
  readonly trailers: HeaderBlock | undefined;
}

/** Why there is no answer. */
export interface CallFailure {
  readonly kind: 'failure';
  readonly reason: /** The cluster is not known, or has no endpoint to ask. */
    | 'no_cluster'
    | 'no_host'
    /** A circuit breaker is open. */
    | 'overflow'
    | 'connection'
    | 'reset'
    | 'timeout'
    | 'too_large';
  readonly detail: string;
}

export type CallResult = CallAnswer | CallFailure;

/** A call under way. */
export interface Call {
  /** Nobody wants the answer any more: `done` is not called. */
  cancel(): void;
}

const defaultMaxBodyBytes = 1024 * 1024;

/**
 * Asks an endpoint of a cluster, by the cluster's balancer, connections, TLS, limits and statistics.
 *
 * `done` is called once, within a turn, and possibly before this returns.
 */
export function callHttp(
  context: CallContext,
  ref: ClusterRef,
  request: CallRequest,
  done: (result: CallResult) => void,
): Call {
  const call = new HttpCall(context, request, done);
  context.turn.enter();
  try {
    call.start(ref);
  } finally {
    context.turn.leave();
  }
  return call;
}

class HttpCall implements Expirable, AttemptOwner, Call {
  countdown: Countdown | undefined = undefined;
  readonly downstream = undefined;
  readonly alpn = undefined;
  readonly #context: CallContext;
  readonly #request: CallRequest;
  #done: ((result: CallResult) => void) | undefined;
  #attempt: Attempt | undefined;
  #head: ResponseHead | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #ref: ClusterRef | undefined;
  readonly #retries: Retries | undefined;

  get serverName(): string {
    return withoutPort(this.#request.authority);
  }

  constructor(context: CallContext, request: CallRequest, done: (result: CallResult) => void) {
    this.#context = context;
    this.#request = request;
    this.#done = done;
    this.#retries = request.retry === undefined ? undefined : new Retries(request.retry);
  }

  get requestVersion(): HttpVersion {
    return this.#request.version ?? 'HTTP/1.1';
  }

  start(ref: ClusterRef): void {
    this.#ref = ref;
    if (this.#request.timeoutMs > 0) this.#context.timers.start(this, this.#request.timeoutMs);
    this.#try(ref);
  }

  #try(ref: ClusterRef): void {
    const attempt = attemptAtEndpoint(this, ref, this.#context);
    if ('reason' in attempt) return this.#fail(attempt.reason, attempt.detail);
    this.#attempt = attempt;
    const { perTryTimeoutMs = 0, perTryIdleTimeoutMs = 0 } = this.#request.retry?.model ?? {};
    attempt.startTimers({ perTryMs: perTryTimeoutMs, perTryIdleMs: perTryIdleTimeoutMs });
    attempt.start(false);
  }

  /** Asks again after a while, where the policy has tries left; false where this is the end. */
  #tryAgain({ cluster, host }: Attempt): boolean {
    const retries = this.#retries;
    if (retries === undefined || retries.left === 0 || !retries.admits(cluster, 'default')) return false;
    const { clock, random, turn } = this.#context;
    retries.begin(cluster, 'default', host);
    this.#attempt = undefined;
    retries.timer = clock.after(retries.waitMs(cluster, random(), undefined), () => {
      turn.enter();
      try {
        if (this.#done !== undefined && this.#ref !== undefined) this.#try(this.#ref);
      } finally {
        turn.leave();
      }
    });
    return true;
  }

  cancel(): void {
    if (this.#done === undefined) return;
    this.#done = undefined;
    this.#giveUp();
  }

  onAttemptReady(attempt: Attempt): void {
    const { method, path, authority, scheme = 'http', headers, body } = this.#request;
    const head = new RequestHead();
    head.method = method;
    head.path = path;
    head.authority = authority;
    head.scheme = scheme;
    head.version = this.requestVersion;
    for (const [name, value] of headers) {
      if (name === 'te') head.acceptsTrailers = true;
      head.headers.add(headerName(name), value);
    }
    attempt.sendHead(head, body === undefined);
    if (body === undefined) return;
    if (body.length > 0) attempt.sendData(body, 0, body.length);
    attempt.sendEnd(undefined);
  }

  onAttemptHead(attempt: Attempt, head: ResponseHead, endStream: boolean): void {
    if (head.status >= 200) attempt.cluster.stats.countStatus(head.status);
    if (this.#done === undefined || head.status < 200) {
      this.#context.heads.releaseResponse(head);
      return;
    }
    if (this.#request.retry?.retriesStatus(head) === true && this.#tryAgain(attempt)) {
      if (!endStream) attempt.abort();
      this.#context.heads.releaseResponse(head);
      return;
    }
    this.#head = head;
    if (endStream) this.#finish(undefined);
  }

  onAttemptData(buffer: Buffer, start: number, end: number): void {
    if (this.#done === undefined) return;
    this.#bytes += end - start;
    if (this.#bytes > (this.#request.maxBodyBytes ?? defaultMaxBodyBytes)) {
      this.#attempt?.abort();
      this.#fail('too_large', 'the answer is too large');
      return;
    }
    this.#chunks.push(Buffer.from(buffer.subarray(start, end)));
  }

  onAttemptEnd(_attempt: Attempt, trailers: HeaderBlock | undefined): void {
    this.#finish(trailers);
  }

  onAttemptDrain(): void {}

  onAttemptFailed(attempt: Attempt, outcome: AttemptOutcome, detail: string): void {
    countFailed(attempt, outcome);
    const { failure } = failureReports[outcome];
    const wanted =
      failure !== undefined && this.#request.retry?.retriesFailure(failure, attempt.sent) === true;
    if (wanted && this.#head === undefined && this.#tryAgain(attempt)) return;
    switch (outcome) {
      case 'overflow':
      case 'pending_overflow':
        return this.#fail('overflow', detail);
      case 'connection_failure':
      case 'connect_timeout':
        return this.#fail('connection', detail);
      case 'per_try_timeout':
      case 'per_try_idle_timeout':
      case 'max_stream_duration':
        return this.#fail('timeout', detail);
      default:
        return this.#fail('reset', detail);
    }
  }

  hedges(): boolean {
    return false;
  }

  /** The time for the call is over. */
  onExpire(): void {
    this.#attempt?.runOut();
    this.#fail('timeout', 'no answer in time');
  }

  #finish(trailers: HeaderBlock | undefined): void {
    const head = this.#head;
    const done = this.#done;
    this.#done = undefined;
    this.#context.timers.stop(this);
    if (head !== undefined) {
      const body = Buffer.concat(this.#chunks, this.#bytes);
      done?.({ kind: 'answer', status: head.status, headers: head.headers, body, trailers });
    }
    this.#forget();
  }

  #fail(reason: CallFailure['reason'], detail: string): void {
    const done = this.#done;
    this.#done = undefined;
    this.#context.timers.stop(this);
    this.#forget();
    done?.({ kind: 'failure', reason, detail });
  }

  #giveUp(): void {
    this.#context.timers.stop(this);
    this.#attempt?.abort();
    this.#forget();
  }

  #forget(): void {
    this.#retries?.end();
    if (this.#head !== undefined) this.#context.heads.releaseResponse(this.#head);
    this.#head = undefined;
    this.#chunks = [];
  }
}
