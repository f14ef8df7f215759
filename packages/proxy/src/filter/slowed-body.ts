import type { HeaderBlock } from '../codec/header-block.ts';
import type { BodyOutput, BodyTransform, FilterExchange } from './http-filter.ts';

/** How often a limited body is let go on. */
const tickMs = 50;

/** Lets a body through at no more than so many bytes a second; holds its sender back meanwhile. */
export class ResponseRate implements BodyTransform {
  readonly #exchange: FilterExchange;
  readonly #bytesPerTick: number;
  readonly #waiting: Buffer[] = [];
  #end: { readonly trailers: HeaderBlock | undefined } | undefined;
  #ticking = false;
  #left: number;

  constructor(exchange: FilterExchange, bytesPerSecond: number) {
    this.#exchange = exchange;
    this.#bytesPerTick = Math.max(1, Math.floor((bytesPerSecond * tickMs) / 1_000));
    this.#left = this.#bytesPerTick;
  }

  data(buffer: Buffer, start: number, end: number, output: BodyOutput): void {
    this.#waiting.push(Buffer.from(buffer.subarray(start, end)));
    this.#flush(output);
    if (this.#waiting.length > 0) output.pause();
  }

  end(trailers: HeaderBlock | undefined, output: BodyOutput): void {
    this.#end = { trailers };
    this.#flush(output);
  }

  #flush(output: BodyOutput): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#left > 0; next = this.#waiting[0]) {
      const bytes = Math.min(next.length, this.#left);
      this.#left -= bytes;
      if (bytes === next.length) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(bytes);
      output.data(next, 0, bytes);
    }
    if (this.#waiting.length === 0 && this.#end !== undefined) output.end(this.#end.trailers);
    else this.#tick(output);
  }

  #tick(output: BodyOutput): void {
    if (this.#ticking) return;
    this.#ticking = true;
    this.#exchange.later(tickMs, () => {
      this.#ticking = false;
      this.#left = this.#bytesPerTick;
      const held = this.#waiting.length > 0;
      if (!held && this.#end === undefined) return;
      this.#flush(output);
      if (held && this.#waiting.length === 0 && this.#end === undefined) output.resume();
    });
  }
}
