import { RequestHead, type ResponseHead } from '../../codec/head.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import type { ClientStream } from '../../codec/stream.ts';
import type { Host } from '../host.ts';
import type { HttpPool, StreamWaiter } from '../pool/http-pool.ts';
import type { Probe, ProbeContext, ProbeResult } from './probe.ts';

/** What is asked, and how the answer is judged. */
export interface ProbeConversation {
  readonly protocol: 'http1' | 'http2';
  /** The body of the request, where it has one. */
  readonly body: Uint8Array | undefined;
  fillHead(head: RequestHead, host: Host): void;
  /** The verdict on a head, or undefined where that needs the rest of the answer. */
  judgeHead(head: ResponseHead): ProbeResult | undefined;
  judgeEnd(body: Buffer, trailers: HeaderBlock | undefined): ProbeResult;
}

/** Of an answer's body so much is looked at. */
const maxBodyBytes = 64 * 1024;

/** Asks by a request, in any version of HTTP. */
export class StreamProbe implements Probe {
  readonly #conversation: ProbeConversation;
  readonly #host: Host;
  readonly #context: ProbeContext;
  #pool: HttpPool | undefined;
  #exchange: Exchange | undefined;

  constructor(conversation: ProbeConversation, host: Host, context: ProbeContext) {
    this.#conversation = conversation;
    this.#host = host;
    this.#context = context;
  }

  run(done: (result: ProbeResult) => void): void {
    const pool = (this.#pool ??= this.#context.createPool(this.#host, this.#conversation.protocol));
    const exchange = new Exchange(this.#conversation, this.#host, this.#context, (result) => {
      this.#exchange = undefined;
      // A connection on which something went wrong is not used again.
      if (result === 'network' || !this.#context.reuseConnection) this.close();
      done(result);
    });
    this.#exchange = exchange;
    pool.acquire(exchange, 'default', false);
  }

  cancel(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    if (exchange !== undefined && !exchange.abandon()) this.#pool?.cancel(exchange);
    this.close();
  }

  close(): void {
    const pool = this.#pool;
    this.#pool = undefined;
    pool?.close();
  }
}

class Exchange implements StreamWaiter {
  readonly requestVersion = 'HTTP/1.1';
  readonly #conversation: ProbeConversation;
  readonly #host: Host;
  readonly #context: ProbeContext;
  #done: ((result: ProbeResult) => void) | undefined;
  #stream: ClientStream | undefined;
  #body: Buffer = Buffer.alloc(0);
  #verdict: ProbeResult | undefined;

  constructor(
    conversation: ProbeConversation,
    host: Host,
    context: ProbeContext,
    done: (result: ProbeResult) => void,
  ) {
    this.#conversation = conversation;
    this.#host = host;
    this.#context = context;
    this.#done = done;
  }

  /** Nobody waits for it any more; false where it has no stream yet. */
  abandon(): boolean {
    this.#done = undefined;
    this.#stream?.reset();
    return this.#stream !== undefined;
  }

  onStreamReady(stream: ClientStream): void {
    this.#stream = stream;
    const head = new RequestHead();
    this.#conversation.fillHead(head, this.#host);
    const { body } = this.#conversation;
    stream.sendHead(head, body === undefined);
    if (body === undefined) return;
    stream.sendData(body, 0, body.length);
    stream.sendEnd(undefined);
  }

  onPoolFailure(): void {
    this.#finish('network');
  }

  onResponseHead(head: ResponseHead, endStream: boolean): void {
    const interim = head.status < 200;
    if (!interim) this.#verdict = this.#conversation.judgeHead(head);
    this.#context.heads.releaseResponse(head);
    if (endStream) this.onResponseEnd(undefined);
  }

  onResponseData(buffer: Buffer, start: number, end: number): void {
    if (this.#verdict !== undefined || this.#body.length > maxBodyBytes) return;
    this.#body = Buffer.concat([this.#body, buffer.subarray(start, end)]);
  }

  onResponseEnd(trailers: HeaderBlock | undefined): void {
    this.#finish(this.#verdict ?? this.#conversation.judgeEnd(this.#body, trailers));
  }

  onRequestDrain(): void {}

  onUpstreamReset(): void {
    this.#finish('network');
  }

  #finish(result: ProbeResult): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(result);
  }
}
