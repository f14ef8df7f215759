import type { ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { ResetReason, ServerStream, ServerStreamHandler } from '../codec/stream.ts';
import { errorCode } from './frame.ts';
import type { Http2ServerConnection } from './server-connection.ts';
import { Http2Stream } from './stream.ts';
import type { StreamMeter } from './stream-meter.ts';

/** One request of a client and the way back. */
export class Http2ServerStream extends Http2Stream implements ServerStream {
  readonly #connection: Http2ServerConnection;
  handler: ServerStreamHandler | undefined;
  /** True once a final head was sent. */
  answered = false;

  constructor(connection: Http2ServerConnection, id: number) {
    super(connection, id);
    this.#connection = connection;
  }

  override measure(): StreamMeter {
    const meter = super.measure();
    meter.receivedBlock(this.#connection.blockBytes);
    return meter;
  }

  get writable(): boolean {
    return this.isWritable;
  }

  sendHead(head: ResponseHead, endStream: boolean): void {
    if (this.closed) return;
    const bytes = this.#connection.sendResponse(this.id, head, endStream);
    this.meter?.sentBlock(bytes);
    if (head.status < 200 && head.status !== 101) return;
    this.answered = true;
    if (endStream) this.#end();
  }

  sendData(buffer: Uint8Array, start: number, end: number): void {
    this.writeData(buffer, start, end);
  }

  sendEnd(trailers: HeaderBlock | undefined): void {
    this.writeEnd(trailers);
  }

  reset(): void {
    this.handler = undefined;
    this.abandon(errorCode.internalError);
  }

  pauseRequest(): void {
    this.pause();
  }

  resumeRequest(): void {
    this.resume();
  }

  #end(): void {
    this.handler = undefined;
    this.endLocally();
  }

  /** A client that resets what it has sent whole does not want the answer, whatever its code: Node's sends NO_ERROR. */
  override receiveReset(code: number): void {
    super.receiveReset(code === errorCode.noError ? errorCode.cancel : code);
  }

  protected override onData(buffer: Buffer, start: number, end: number): void {
    this.handler?.onRequestData(buffer, start, end);
  }

  protected override onEnd(trailers: HeaderBlock | undefined): void {
    this.handler?.onRequestEnd(trailers);
  }

  protected override onWritable(): void {
    this.handler?.onResponseDrain();
  }

  protected override onBroken(reason: ResetReason): void {
    const { handler } = this;
    this.handler = undefined;
    handler?.onDownstreamReset(reason);
  }

  /** The answer is complete: what still comes of the request nobody wants (RFC 9113 section 8.1). */
  protected override onLocalEnd(): void {
    this.handler = undefined;
    this.abandon(errorCode.noError);
  }
}
