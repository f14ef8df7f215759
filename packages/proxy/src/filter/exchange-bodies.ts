import type { RequestHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { ServerStream } from '../codec/stream.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { EarlyBody, type BodyState } from './early-body.ts';
import { ExchangeRecord } from './exchange-record.ts';
import { ChainedTransform } from './chained-transform.ts';
import type { BodyOutput, BodyTransform } from './http-filter.ts';
import type { Router } from './router/router.ts';

export type ExchangeState =
  /** Filters are at work, or wait. */
  | 'filtering'
  /** The router has the request. */
  | 'forwarding'
  /** The response has begun. */
  | 'responding'
  | 'done';

/**
 * The bodies of a request and its response on their way: what comes while filters wait is kept, and filters may lead
 * them through transformations.
 */
export abstract class ExchangeBodies extends ExchangeRecord {
  protected readonly stream: ServerStream;
  protected state: ExchangeState = 'filtering';
  protected lastActivityMs: number;
  protected early: EarlyBody | undefined;
  #requestTransform: BodyTransform | undefined;
  #responseTransform: BodyTransform | undefined;

  constructor(
    manager: ConnectionManager,
    connection: ConnectionInfo,
    stream: ServerStream,
    head: RequestHead,
  ) {
    super(manager, connection, head);
    this.stream = stream;
    this.lastActivityMs = this.startMs;
  }

  /** Everything has been said. */
  protected abstract finish(): void;
  /** The client has sent everything. */
  protected abstract onRequestComplete(): void;

  awaitBody(limitBytes: number, run: (state: BodyState) => void): void {
    this.early ??= new EarlyBody();
    this.early.await(limitBytes, run);
    this.stream.resumeRequest();
  }

  get earlyBody(): EarlyBody | undefined {
    return this.early;
  }

  transformRequest(transform: BodyTransform): void {
    const { early } = this;
    // A request without a body has none to change.
    if (early === undefined && this.requestDoneMs !== undefined) return;
    const before = this.#requestTransform;
    this.#requestTransform = before === undefined ? transform : new ChainedTransform(before, transform);
    if (early === undefined) return;
    // What came while filters before this one were waiting takes the same way.
    this.early = new EarlyBody();
    const output = this.#requestOutput;
    for (const chunk of early.chunks) transform.data(chunk, 0, chunk.length, output);
    if (early.ended) transform.end(early.trailers, output);
  }

  transformResponse(transform: BodyTransform): void {
    const before = this.#responseTransform;
    this.#responseTransform = before === undefined ? transform : new ChainedTransform(before, transform);
  }

  /** Hands over what came while filters were waiting. */
  protected replayEarly(router: Router): void {
    const early = this.early;
    this.early = undefined;
    if (early === undefined) return;
    for (const chunk of early.chunks) router.onRequestData(chunk, 0, chunk.length);
    if (early.ended) router.onRequestEnd(early.trailers);
    this.stream.resumeRequest();
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
    transform.data(buffer, start, end, this.#requestOutput);
  }

  #takeRequestData(buffer: Buffer, start: number, end: number): void {
    if (this.router !== undefined && this.early === undefined) {
      this.router.onRequestData(buffer, start, end);
      return;
    }
    if (this.state !== 'filtering') return;
    this.early ??= new EarlyBody();
    if (!this.early.add(buffer, start, end) && this.state === 'filtering') this.stream.pauseRequest();
  }

  get #requestOutput(): BodyOutput {
    return {
      data: (buffer, start, end) => this.#takeRequestData(buffer, start, end),
      end: (trailers) => this.#takeRequestEnd(trailers),
      pause: () => this.stream.pauseRequest(),
      resume: () => this.stream.resumeRequest(),
    };
  }

  get #responseOutput(): BodyOutput {
    return {
      data: (buffer, start, end) => this.#sendResponseData(buffer, start, end),
      end: (trailers) => this.#sendResponseEnd(trailers),
      pause: () => this.router?.pauseResponse(),
      resume: () => this.router?.resumeResponse(),
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
    transform.end(trailers, this.#requestOutput);
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
    else transform.data(buffer, start, end, this.#responseOutput);
  }

  /** Sends the body of an answer that is not an endpoint's. */
  protected sendOwnBody(bytes: Buffer): void {
    const transform = this.#responseTransform;
    if (transform === undefined) this.#sendResponseData(bytes, 0, bytes.length);
    else transform.data(bytes, 0, bytes.length, this.#responseOutput);
    this.onRouterEnd(undefined);
  }

  #sendResponseData(buffer: Buffer, start: number, end: number): void {
    if (this.state === 'done') return;
    this.bytesSent += end - start;
    this.lastActivityMs = this.manager.turn.nowMs;
    this.stream.sendData(buffer, start, end);
    if (!this.stream.writable) this.router?.pauseResponse();
  }

  onRouterEnd(trailers: HeaderBlock | undefined): void {
    const transform = this.#responseTransform;
    if (transform === undefined) this.#sendResponseEnd(trailers);
    else transform.end(trailers, this.#responseOutput);
  }

  #sendResponseEnd(trailers: HeaderBlock | undefined): void {
    if (this.state === 'done') return;
    this.responseTrailers = trailers;
    this.stream.sendEnd(trailers);
    this.finish();
  }
}
