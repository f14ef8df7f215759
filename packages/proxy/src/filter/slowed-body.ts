import type { HeaderBlock } from '../codec/header-block.ts';
import type { BodyOutput, BodyTransform, FilterExchange } from './http-filter.ts';

/** Says how many bytes may go on. */
export interface ByteBucket {
  /** Takes up to so many bytes; how many there were. */
  take(wanted: number): number;
  /** The time for the next bytes has come. */
  onTick(): void;
}

/** Told of what comes and of what is let go on. */
export interface SlowedBodyWatch {
  onIncoming(bytes: number): void;
  /** `held`: bytes stay behind. */
  onAllowed(bytes: number, held: boolean): void;
  /** Everything has been let go on; what is to be sent after it. */
  onEnd(trailers: HeaderBlock | undefined): HeaderBlock | undefined;
}

/** Lets a body through as a bucket allows, looked at again and again; holds its sender back meanwhile. */
export class SlowedBody implements BodyTransform {
  readonly #exchange: FilterExchange;
  readonly #bucket: ByteBucket;
  readonly #tickMs: number;
  readonly #watch: SlowedBodyWatch | undefined;
  readonly #waiting: Buffer[] = [];
  #end: { readonly trailers: HeaderBlock | undefined } | undefined;
  #ticking = false;

  constructor(exchange: FilterExchange, bucket: ByteBucket, tickMs: number, watch?: SlowedBodyWatch) {
    this.#exchange = exchange;
    this.#bucket = bucket;
    this.#tickMs = tickMs;
    this.#watch = watch;
  }

  data(buffer: Buffer, start: number, end: number, output: BodyOutput): void {
    this.#watch?.onIncoming(end - start);
    this.#waiting.push(Buffer.from(buffer.subarray(start, end)));
    this.#flush(output);
    if (this.#waiting.length > 0) output.pause();
  }

  end(trailers: HeaderBlock | undefined, output: BodyOutput): void {
    this.#end = { trailers };
    this.#flush(output);
  }

  #flush(output: BodyOutput): void {
    let allowed = 0;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const bytes = this.#bucket.take(next.length);
      if (bytes === 0) break;
      allowed += bytes;
      if (bytes === next.length) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(bytes);
      output.data(next, 0, bytes);
    }
    const held = this.#waiting.length > 0;
    if (allowed > 0 || held) this.#watch?.onAllowed(allowed, held);
    if (held || this.#end === undefined) {
      this.#tick(output);
      return;
    }
    const { trailers } = this.#end;
    output.end(this.#watch === undefined ? trailers : this.#watch.onEnd(trailers));
  }

  #tick(output: BodyOutput): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#exchange.later(this.#tickMs, () => {
      this.#ticking = false;
      this.#bucket.onTick();
      const held = this.#waiting.length > 0;
      if (!held && this.#end === undefined) return;
      this.#flush(output);
      if (held && this.#waiting.length === 0 && this.#end === undefined) output.resume();
    });
  }
}
