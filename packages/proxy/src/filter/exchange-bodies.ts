import type { RequestHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { ServerStream } from '../codec/stream.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { EarlyBody, type BodyState } from './early-body.ts';
import { ExchangeRecord } from './exchange-record.ts';
import type { BodyOutput, BodyTransform } from './http-filter.ts';
import type { Router } from './router/router.ts';
import { TransformedBody } from './transformed-body.ts';

export type ExchangeState =
  /** Filters are at work, or wait. */
  | 'filtering'
  /** The router has the request. */
  | 'forwarding'
  /** The response has begun. */
  | 'responding'
  | 'done';

/** Who holds a sender back; it goes on when nobody does. */
const heldBy = {
  /** Who takes the body cannot take more. */
  taker: 1,
  /** Filters are at work, and what is kept for them is as much as may be. */
  filters: 2,
  transforms: 4,
} as const;

/**
 * The bodies of a request and its response on their way: what comes while filters wait is kept, and filters may lead
 * them through transformations.
 */
export abstract class ExchangeBodies extends ExchangeRecord {
  protected readonly stream: ServerStream;
  protected state: ExchangeState = 'filtering';
  protected lastActivityMs: number;
  protected early: EarlyBody | undefined;
  #requestTransform: TransformedBody | undefined;
  #responseTransform: TransformedBody | undefined;
  /** Who holds back the client, and the endpoint. */
  #requestHolds = 0;
  #responseHolds = 0;

  constructor(
    manager: ConnectionManager,
    connection: ConnectionInfo,
    stream: ServerStream,
    head: RequestHead,
  ) {
    super(manager, connection, head);
    this.stream = stream;
    if (manager.countsBytes) this.downstreamBytes = stream.measure(head.headers);
    this.lastActivityMs = this.startMs;
  }

  /** Everything has been said. */
  protected abstract finish(): void;
  /** The client has sent everything. */
  protected abstract onRequestComplete(): void;

  awaitBody(limitBytes: number, run: (state: BodyState) => void): void {
    this.early ??= new EarlyBody();
    this.early.await(limitBytes, run);
    this.#releaseRequest(heldBy.filters);
  }

  get earlyBody(): EarlyBody | undefined {
    return this.early;
  }

  transformRequest(transform: BodyTransform): void {
    const { early } = this;
    // A request without a body has none to change.
    if (early === undefined && this.requestDoneMs !== undefined) return;
    this.#requestTransform ??= new TransformedBody(this.#requestOutput);
    const output = this.#requestTransform.add(transform);
    if (early === undefined) return;
    // What came while filters before this one were waiting takes the same way.
    this.early = new EarlyBody();
    for (const chunk of early.chunks) transform.data(chunk, 0, chunk.length, output);
    if (early.ended) transform.end(early.trailers, output);
  }

  transformResponse(transform: BodyTransform): void {
    this.#responseTransform ??= new TransformedBody(this.#responseOutput);
    this.#responseTransform.add(transform);
  }

  // Holding back who sends

  pauseRequest(): void {
    this.#holdRequest(heldBy.taker);
  }

  resumeRequest(): void {
    this.#releaseRequest(heldBy.taker);
  }

  onResponseDrain(): void {
    this.#releaseResponse(heldBy.taker);
  }

  #holdRequest(who: number): void {
    this.#requestHolds |= who;
    this.stream.pauseRequest();
  }

  #releaseRequest(who: number): void {
    this.#requestHolds &= ~who;
    if (this.#requestHolds === 0) this.stream.resumeRequest();
  }

  #holdResponse(who: number): void {
    this.#responseHolds |= who;
    this.router?.pauseResponse();
  }

  #releaseResponse(who: number): void {
    this.#responseHolds &= ~who;
    if (this.#responseHolds === 0) this.router?.resumeResponse();
  }

  /** Hands over what came while filters were waiting. */
  protected replayEarly(router: Router): void {
    const early = this.early;
    this.early = undefined;
    if (early === undefined) return;
    for (const chunk of early.chunks) router.onRequestData(chunk, 0, chunk.length);
    if (early.ended) router.onRequestEnd(early.trailers);
    this.#releaseRequest(heldBy.filters);
  }

  onRequestData(buffer: Buffer, start: number, end: number): void {
    this.bytesReceived += end - start;
    this.lastActivityMs = this.manager.turn.nowMs;
    const messages = this.grpcMessages;
    if (messages !== undefined) {
      messages.request.data(buffer, start, end);
      this.tellMessages(messages, false);
    }
    const transform = this.#requestTransform;
    if (transform === undefined) {
      this.#takeRequestData(buffer, start, end);
      return;
    }
    // A transform may give out later what it takes now: the request has a body all the same.
    if (this.state === 'filtering') this.early ??= new EarlyBody();
    transform.data(buffer, start, end);
  }

  #takeRequestData(buffer: Buffer, start: number, end: number): void {
    if (this.router !== undefined && this.early === undefined) {
      this.router.onRequestData(buffer, start, end);
      return;
    }
    if (this.state !== 'filtering') return;
    this.early ??= new EarlyBody();
    if (!this.early.add(buffer, start, end) && this.state === 'filtering') this.#holdRequest(heldBy.filters);
  }

  get #requestOutput(): BodyOutput {
    return {
      data: (buffer, start, end) => this.#takeRequestData(buffer, start, end),
      end: (trailers) => this.#takeRequestEnd(trailers),
      pause: () => this.#holdRequest(heldBy.transforms),
      resume: () => this.#releaseRequest(heldBy.transforms),
    };
  }

  get #responseOutput(): BodyOutput {
    return {
      data: (buffer, start, end) => this.#sendResponseData(buffer, start, end),
      end: (trailers) => this.#sendResponseEnd(trailers),
      pause: () => this.#holdResponse(heldBy.transforms),
      resume: () => this.#releaseResponse(heldBy.transforms),
    };
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    this.requestDoneMs = this.manager.turn.nowMs;
    this.onRequestComplete();
    const transform = this.#requestTransform;
    if (transform === undefined) {
      this.#takeRequestEnd(trailers);
      return;
    }
    if (this.state === 'filtering') this.early ??= new EarlyBody();
    transform.end(trailers);
  }

  #takeRequestEnd(trailers: HeaderBlock | undefined): void {
    if (this.router !== undefined && this.early === undefined) {
      this.router.onRequestEnd(trailers);
      return;
    }
    if (this.state !== 'filtering') return;
    this.early ??= new EarlyBody();
    this.early.end(trailers);
  }

  onRouterData(buffer: Buffer, start: number, end: number): void {
    const messages = this.grpcMessages;
    if (messages !== undefined) {
      messages.response.data(buffer, start, end);
      this.tellMessages(messages, false);
    }
    const transform = this.#responseTransform;
    if (transform === undefined) this.#sendResponseData(buffer, start, end);
    else transform.data(buffer, start, end);
  }

  /** Sends the body of an answer that is not an endpoint's. */
  protected sendOwnBody(bytes: Buffer): void {
    const transform = this.#responseTransform;
    if (transform === undefined) this.#sendResponseData(bytes, 0, bytes.length);
    else transform.data(bytes, 0, bytes.length);
    this.onRouterEnd(undefined);
  }

  #sendResponseData(buffer: Buffer, start: number, end: number): void {
    if (this.state === 'done') return;
    this.lastActivityMs = this.manager.turn.nowMs;
    if (this.bytesSent === 0 && this.manager.accessLogs.length > 0) this.bodyMs = this.lastActivityMs;
    this.bytesSent += end - start;
    this.stream.sendData(buffer, start, end);
    if (!this.stream.writable) this.#holdResponse(heldBy.taker);
  }

  onRouterEnd(trailers: HeaderBlock | undefined): void {
    const transform = this.#responseTransform;
    if (transform === undefined) this.#sendResponseEnd(trailers);
    else transform.end(trailers);
  }

  #sendResponseEnd(trailers: HeaderBlock | undefined): void {
    if (this.state === 'done') return;
    this.responseTrailers = trailers;
    this.stream.sendEnd(trailers);
    this.finish();
  }
}
