import type { Transform } from 'node:stream';
import type { HeaderBlock } from '../../codec/header-block.ts';
import type { BodyOutput, BodyTransform, FilterExchange } from '../http-filter.ts';

/** So much may wait to be worked on before its sender has to. */
const maxWaitingBytes = 64 * 1024;

/** A stream of node:zlib. */
export interface ZlibStream {
  readonly zip: Transform & { flush(kind: number, run: () => void): void };
  /** How it is told to give out all that it has; undefined: it does so by itself. */
  readonly flushKind?: number;
}

/** Told of what goes in and comes out. */
export interface ZlibWatch {
  /** Bytes that are to be worked on. */
  onTaken(bytes: number): void;
  /** Bytes that have been made; false: no more are wanted. */
  onGiven(bytes: number): boolean;
  /** What has come cannot be worked on. */
  onFailed(code: string): void;
  /** What is to be sent after the body. */
  trailers?(given: HeaderBlock | undefined): HeaderBlock | undefined;
}

/**
 * Leads a body through a stream of node:zlib. What has come is given out as soon as nothing more has, so that no part of
 * a body is held. A body that cannot be worked on ends where that was seen, as in Envoy.
 */
export class ZlibTransform implements BodyTransform {
  readonly #stream: ZlibStream;
  readonly #exchange: FilterExchange;
  readonly #watch: ZlibWatch;
  #output: BodyOutput | undefined;
  #end: { readonly trailers: HeaderBlock | undefined } | undefined;
  #failed = false;
  #flushing = false;
  #unflushed = false;
  #paused = false;

  constructor(exchange: FilterExchange, stream: ZlibStream, watch: ZlibWatch) {
    this.#stream = stream;
    this.#exchange = exchange;
    this.#watch = watch;
    const { zip } = stream;
    zip.on('data', (chunk: Buffer) => this.#give(chunk));
    zip.on('end', () => this.#finish());
    // A stream that is given up in the middle of its work says so too; then the exchange is over.
    zip.on('error', ({ code = '' }: NodeJS.ErrnoException) => exchange.inTurn(() => this.#fail(code)));
    exchange.atEnd(() => void zip.destroy());
  }

  data(buffer: Buffer, start: number, end: number, output: BodyOutput): void {
    if (start === end || this.#failed) return;
    this.#output = output;
    this.#watch.onTaken(end - start);
    const { zip, flushKind } = this.#stream;
    zip.write(Buffer.from(buffer.subarray(start, end)), () => this.#onWorked());
    if (flushKind !== undefined) {
      this.#unflushed = true;
      if (!this.#flushing) this.#flush(flushKind);
    }
    if (!this.#paused && zip.writableLength > maxWaitingBytes) {
      this.#paused = true;
      output.pause();
    }
  }

  end(trailers: HeaderBlock | undefined, output: BodyOutput): void {
    this.#output = output;
    this.#end = { trailers };
    if (this.#failed) this.#finish();
    else this.#stream.zip.end();
  }

  #give(chunk: Buffer): void {
    if (this.#failed) return;
    if (this.#watch.onGiven(chunk.length)) {
      this.#exchange.inTurn(() => this.#output?.data(chunk, 0, chunk.length));
      return;
    }
    this.#exchange.inTurn(() => this.#fail(''));
  }

  #flush(kind: number): void {
    const { zip } = this.#stream;
    this.#unflushed = false;
    this.#flushing = true;
    zip.flush(kind, () => {
      this.#flushing = false;
      if (this.#unflushed && !zip.destroyed && !zip.writableEnded) this.#flush(kind);
    });
  }

  #onWorked(): void {
    const { zip } = this.#stream;
    if (this.#paused && !zip.destroyed && zip.writableLength <= maxWaitingBytes)
      this.#exchange.inTurn(() => this.#resume());
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#output?.resume();
  }

  #fail(code: string): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#watch.onFailed(code);
    this.#stream.zip.destroy();
    // What is still to come is let fall.
    this.#resume();
    if (this.#end !== undefined) this.#finish();
  }

  #finish(): void {
    const { trailers } = this.#end ?? {};
    const last = this.#watch.trailers === undefined ? trailers : this.#watch.trailers(trailers);
    this.#exchange.inTurn(() => this.#output?.end(last));
  }
}
