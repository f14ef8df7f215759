import { withoutPort } from '../../decide/domain-match.ts';
import { attemptAtEndpoint } from '../../call/endpoint-attempt.ts';
import type { CallContext } from '../../call/http-call.ts';
import { RequestHead, type HttpVersion, type ResponseHead } from '../../codec/head.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import { names } from '../../codec/header-name.ts';
import type { CompiledMirror } from '../../route/route-action.ts';
import type { Countdown, Expirable } from '../../timer/coarse-timers.ts';
import { Attempt, type AttemptOutcome, type AttemptOwner } from '../../attempt/attempt.ts';
import { BodyBuffer } from './body-buffer.ts';
import { failureReports } from '../../attempt/failure.ts';

/** What copies of a request need. */
export interface ShadowSetup {
  readonly context: Pick<CallContext, 'random' | 'timers' | 'heads'>;
  readonly bufferLimitBytes: number;
  /** From the end of the request to the end of the answer; 0: none. */
  readonly timeoutMs: number;
}

/**
 * A copy of a request on its way to another cluster; nobody waits for its answer. To that cluster it is a request like
 * others: it counts against its limits, in its statistics, and for outlier detection.
 */
export class Shadow implements Expirable, AttemptOwner {
  countdown: Countdown | undefined = undefined;
  readonly downstream = undefined;
  readonly alpn = undefined;
  readonly #head: RequestHead;
  readonly #setup: ShadowSetup;
  readonly #body: BodyBuffer;
  #attempt: Attempt | undefined;
  #ended = false;
  #over = false;

  constructor(head: RequestHead, setup: ShadowSetup) {
    this.#head = head;
    this.#setup = setup;
    this.#body = new BodyBuffer(setup.bufferLimitBytes);
  }

  get serverName(): string {
    return withoutPort(this.#head.authority);
  }

  start(attempt: Attempt, endStream: boolean): void {
    this.#attempt = attempt;
    if (endStream) this.#endRequest();
    attempt.start(false);
  }

  #endRequest(): void {
    const { context, timeoutMs } = this.#setup;
    this.#ended = true;
    if (timeoutMs > 0) context.timers.start(this, timeoutMs);
  }

  get #stream(): Attempt | undefined {
    return this.#attempt?.ready === true ? this.#attempt : undefined;
  }

  sendData(buffer: Buffer, start: number, end: number): void {
    if (this.#over) return;
    const stream = this.#stream;
    if (stream === undefined) {
      if (!this.#body.keep(buffer, start, end)) this.abort();
      return;
    }
    // An endpoint that is too slow for its copies does not get them; the original is not held up for it.
    if (stream.writable) stream.sendData(buffer, start, end);
    else this.abort();
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#over) return;
    this.#endRequest();
    this.#body.trailers = trailers;
    this.#stream?.sendEnd(trailers);
  }

  /** The original was not sent to its end: neither is the copy. */
  abort(): void {
    if (this.#over) return;
    this.#finish();
    this.#attempt?.abort();
  }

  /** True while the copy has not got all of the request. */
  get incomplete(): boolean {
    return !this.#ended && !this.#over;
  }

  get requestVersion(): HttpVersion {
    return this.#head.version;
  }

  onAttemptReady(attempt: Attempt): void {
    const bodyless = this.#ended && this.#body.bytes === 0 && this.#body.trailers === undefined;
    attempt.sendHead(this.#head, bodyless);
    if (bodyless) return;
    this.#body.forEach((chunk) => attempt.sendData(chunk, 0, chunk.length));
    if (this.#ended) attempt.sendEnd(this.#body.trailers);
    this.#body.forget();
  }

  onAttemptHead({ cluster }: Attempt, head: ResponseHead, endStream: boolean): void {
    if (head.status >= 200) cluster.stats.countStatus(head.status);
    this.#setup.context.heads.releaseResponse(head);
    if (endStream) this.#finish();
  }

  onAttemptData(): void {}

  onAttemptEnd(): void {
    this.#finish();
  }

  onAttemptDrain(): void {}

  onAttemptFailed(attempt: Attempt, outcome: AttemptOutcome): void {
    if (this.#over) return;
    if (!attempt.headReceived) attempt.cluster.stats.countStatus(failureReports[outcome].status);
    this.#finish();
  }

  hedges(): boolean {
    return false;
  }

  onExpire(): void {
    if (this.#over) return;
    this.#attempt?.runOut();
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#setup.context.timers.stop(this);
    this.#body.forget();
  }
}

/** `reviews:80` -> `reviews-shadow:80`, as Envoy marks the host of copies. */
function shadowAuthority(authority: string): string {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.indexOf(']', colon) >= 0) return `${authority}-shadow`;
  return `${authority.slice(0, colon)}-shadow${authority.slice(colon)}`;
}

/** Starts a copy of a request to a mirror's cluster; undefined where this request is not mirrored. */
function startShadow(
  mirror: CompiledMirror,
  head: RequestHead,
  endStream: boolean,
  setup: ShadowSetup,
): Shadow | undefined {
  const { fraction } = mirror;
  if (fraction !== undefined && setup.context.random() * fraction.denominator >= fraction.numerator)
    return undefined;
  const ref = mirror.choose(head);
  if (ref?.cluster === undefined || head.upgrade !== undefined) return undefined;
  const copy = new RequestHead();
  copy.method = head.method;
  copy.scheme = head.scheme;
  copy.path = head.path;
  copy.version = head.version;
  copy.acceptsTrailers = head.acceptsTrailers;
  copy.authority = mirror.keepHost ? head.authority : shadowAuthority(head.authority);
  copy.introductionAt = head.introductionAt;
  copy.headers.copyFrom(head.headers);
  // A copy is a request of the proxy itself.
  copy.headers.set(names.envoyInternal, 'true');
  const before = head.headers.get(names.forwardedFor);
  copy.headers.set(names.forwardedFor, before === undefined ? mirror.from : `${before},${mirror.from}`);
  const shadow = new Shadow(copy, setup);
  const attempt = attemptAtEndpoint(shadow, ref, setup.context);
  if (!(attempt instanceof Attempt)) return undefined;
  shadow.start(attempt, endStream);
  return shadow;
}

/** Starts the copies of a request that its route asks for; undefined where there is none. */
export function startShadows(
  mirrors: readonly CompiledMirror[],
  head: RequestHead,
  endStream: boolean,
  setup: ShadowSetup,
): Shadow[] | undefined {
  const shadows = mirrors.flatMap((mirror) => startShadow(mirror, head, endStream, setup) ?? []);
  return shadows.length === 0 ? undefined : shadows;
}
