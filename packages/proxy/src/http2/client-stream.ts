import type { RequestHead, ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { ClientStream, ClientStreamHandler, ResetReason } from '../codec/stream.ts';
import type { Http2ClientConnection } from './client-connection.ts';
import { errorCode } from './frame.ts';
import { Http2Stream } from './stream.ts';

/** One request to an endpoint and its answer. */
export class Http2ClientStream extends Http2Stream implements ClientStream {
  readonly #connection: Http2ClientConnection;
  readonly reused: boolean;
  #handler: ClientStreamHandler | undefined;
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

  get localAddress(): string {
    return this.#connection.localAddress;
  }

  get writable(): boolean {
    return this.isWritable;
  }

  sendHead(head: RequestHead, endStream: boolean): void {
    if (this.closed) return;
    if (head.upgrade !== undefined && head.upgrade !== 'connect') {
      this.lose('protocol_error', 'an upgrade of the protocol cannot be asked for over HTTP/2');
      return;
    }
    this.isHead = head.method === 'HEAD';
    this.#connection.sendRequest(this, head, endStream);
    if (endStream) this.endLocally();
  }

  sendData(buffer: Uint8Array, start: number, end: number): void {
    this.writeData(buffer, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    this.writeEnd(trailers);
  }

  reset(): void {
    this.#handler = undefined;
    this.abandon(errorCode.cancel);
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
  }

  protected override onData(buffer: Buffer, start: number, end: number): void {
    this.#handler?.onResponseData(buffer, start, end);
  }

  protected override onEnd(trailers: HeaderBlock | undefined): void {
    const handler = this.#handler;
    this.#handler = undefined;
    // An answer before the end of the request: the rest of it is not wanted.
    this.abandon(errorCode.cancel);
    handler?.onResponseEnd(trailers);
  }

  protected override onWritable(): void {
    this.#handler?.onRequestDrain();
  }

  protected override onBroken(reason: ResetReason, detail: string): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.onUpstreamReset(reason, detail);
  }
}
