import type { RequestHead, ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { ClientStream, ClientStreamHandler, ResetReason } from '../codec/stream.ts';
import type { Http2ClientConnection } from './client-connection.ts';
import { errorCode } from './frame.ts';
import { Http2Stream } from './stream.ts';
import type { ConnectTimes } from '../wire/connect-times.ts';
import type { TlsInfo } from '../wire/tls-info.ts';

/** One request to an endpoint and its answer. */
export class Http2ClientStream extends Http2Stream implements ClientStream {
  readonly #connection: Http2ClientConnection;
  readonly reused: boolean;
  readonly protocol = 'HTTP/2';
  #handler: ClientStreamHandler | undefined;
  /** The client waits for 100. */
  expectsContinue = false;
  /** The protocol that was asked for. */
  upgrade: string | undefined;
  /** The head that waits for the endpoint's settings, and what is to follow it. */
  #outlivesAnswer = false;
  #waitingHead: RequestHead | undefined;
  #waitingData: Buffer[] | undefined;
  #waitingEnd: { readonly trailers: HeaderBlock | undefined } | undefined;
  /** Answers to HEAD have a length and no body. */
  isHead = false;
  /** True once a final head came. */
  answered = false;
  interimHeads = 0;

  constructor(connection: Http2ClientConnection, handler: ClientStreamHandler, reused: boolean) {
    super(connection, 0);
    this.#connection = connection;
    this.#handler = handler;
    this.reused = reused;
  }

  get times(): ConnectTimes | undefined {
    return this.#connection.times;
  }

  get tls(): TlsInfo | undefined {
    return this.#connection.tls;
  }

  get connectionId(): number {
    return this.#connection.connectionId;
  }

  get localAddress(): string {
    return this.#connection.localAddress;
  }

  get writable(): boolean {
    return this.#waitingData === undefined && this.isWritable;
  }

  sendHead(head: RequestHead, endStream: boolean): void {
    if (this.closed) return;
    if (head.upgrade !== undefined && !this.#mayUpgrade(head)) return;
    this.isHead = head.method === 'HEAD';
    this.expectsContinue = head.expectContinue;
    const bytes = this.#connection.sendRequest(this, head, endStream);
    this.meter?.sentBlock(bytes);
    if (endStream) this.endLocally();
  }

  /** False where the head has to wait, or cannot be sent at all. */
  #mayUpgrade(head: RequestHead): boolean {
    this.upgrade = head.upgrade;
    if (head.upgrade === 'connect') return true;
    const allowed = this.#connection.extendsConnect;
    if (allowed === undefined) {
      // The endpoint has not said yet whether it takes other protocols.
      this.#waitingHead = head;
      this.#connection.awaitSettings(this);
      return false;
    }
    if (!allowed) this.lose('local_reset', 'the endpoint takes no other protocol over HTTP/2');
    return allowed;
  }

  /** The endpoint has sent its settings. */
  onSettled(): void {
    const head = this.#waitingHead;
    this.#waitingHead = undefined;
    if (head === undefined || this.closed) return;
    this.sendHead(head, false);
    const data = this.#waitingData;
    this.#waitingData = undefined;
    for (const chunk of data ?? []) this.writeData(chunk, 0, chunk.length);
    if (this.#waitingEnd !== undefined) this.writeEnd(this.#waitingEnd.trailers);
    else if (data !== undefined && this.writable) this.onWritable();
  }

  sendData(buffer: Uint8Array, start: number, end: number): void {
    if (this.#waitingHead !== undefined) {
      (this.#waitingData ??= []).push(Buffer.from(buffer.subarray(start, end)));
      return;
    }
    this.writeData(buffer, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    if (this.#waitingHead === undefined) this.writeEnd(trailers);
    else this.#waitingEnd = { trailers };
  }

  carryConnection(): void {
    this.#outlivesAnswer = true;
  }

  reset(): void {
    this.#handler = undefined;
    this.abandon(errorCode.cancel);
    this.#connection.offerRoom();
  }

  pauseResponse(): void {
    this.pause();
  }

  resumeResponse(): void {
    this.resume();
  }

  /** Takes the head of an answer; it is the handler's from now on. */
  receiveHead(head: ResponseHead, endStream: boolean): void {
    const handler = this.#handler;
    if (!endStream || handler === undefined) {
      handler?.onResponseHead(head, false);
      return;
    }
    this.#handler = undefined;
    this.remoteEnded = true;
    this.abandon(errorCode.cancel);
    handler.onResponseHead(head, true);
    this.#connection.offerRoom();
  }

  protected override onData(buffer: Buffer, start: number, end: number): void {
    this.#handler?.onResponseData(buffer, start, end);
  }

  protected override onEnd(trailers: HeaderBlock | undefined): void {
    const handler = this.#handler;
    if (this.#outlivesAnswer && !this.localEnded) {
      handler?.onResponseEnd(trailers);
      return;
    }
    this.#handler = undefined;
    // An answer before the end of the request: the rest of it is not wanted.
    this.abandon(errorCode.cancel);
    handler?.onResponseEnd(trailers);
    this.#connection.offerRoom();
  }

  protected override onWritable(): void {
    this.#handler?.onRequestDrain();
  }

  /** An endpoint that finds our HTTP wrong is answered for as one whose own is (Envoy). */
  protected override reasonOf(code: number): ResetReason {
    return code === errorCode.protocolError ? 'protocol_error' : super.reasonOf(code);
  }

  protected override onBroken(reason: ResetReason, detail: string): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.onUpstreamReset(reason, detail);
  }
}
