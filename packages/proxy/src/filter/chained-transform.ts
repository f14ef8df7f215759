import type { HeaderBlock } from '../codec/header-block.ts';
import type { BodyOutput, BodyTransform } from './http-filter.ts';

/** A body that two filters change, one after the other. */
export class ChainedTransform implements BodyTransform {
  readonly #first: BodyTransform;
  readonly #second: BodyTransform;

  constructor(first: BodyTransform, second: BodyTransform) {
    this.#first = first;
    this.#second = second;
  }

  data(buffer: Buffer, start: number, end: number, output: BodyOutput): void {
    this.#first.data(buffer, start, end, this.#between(output));
  }

  end(trailers: HeaderBlock | undefined, output: BodyOutput): void {
    this.#first.end(trailers, this.#between(output));
  }

  /** Where the first puts what it has made. */
  #between(output: BodyOutput): BodyOutput {
    return {
      data: (buffer, start, end) => this.#second.data(buffer, start, end, output),
      end: (trailers) => this.#second.end(trailers, output),
      pause: () => output.pause(),
      resume: () => output.resume(),
    };
  }
}
