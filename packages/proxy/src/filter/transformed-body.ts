import type { HeaderBlock } from '../codec/header-block.ts';
import type { BodyOutput, BodyTransform } from './http-filter.ts';

/** A body that one or more filters change, one after the other; its sender is held back while one of them asks for it. */
export class TransformedBody {
  readonly #output: BodyOutput;
  #first: Step | undefined;
  #last: Step | undefined;
  /** How many of them hold the sender back. */
  #holding = 0;

  constructor(output: BodyOutput) {
    this.#output = output;
  }

  /** Leads what comes out through one more; answers with where that one puts what it makes. */
  add(transform: BodyTransform): BodyOutput {
    const step = new Step(transform, this.#output, (by) => this.#hold(by));
    if (this.#last === undefined) this.#first = step;
    else this.#last.next = step;
    this.#last = step;
    return step;
  }

  data(buffer: Buffer, start: number, end: number): void {
    this.#first?.transform.data(buffer, start, end, this.#first);
  }

  end(trailers: HeaderBlock | undefined): void {
    this.#first?.transform.end(trailers, this.#first);
  }

  #hold(by: 1 | -1): void {
    const before = this.#holding;
    this.#holding += by;
    if (before === 0) this.#output.pause();
    else if (this.#holding === 0) this.#output.resume();
  }
}

/** A transform at its place, as where it puts what it makes. */
class Step implements BodyOutput {
  readonly transform: BodyTransform;
  readonly #output: BodyOutput;
  readonly #hold: (by: 1 | -1) => void;
  next: Step | undefined;
  #holds = false;

  constructor(transform: BodyTransform, output: BodyOutput, hold: (by: 1 | -1) => void) {
    this.transform = transform;
    this.#output = output;
    this.#hold = hold;
  }

  data(buffer: Buffer, start: number, end: number): void {
    const { next } = this;
    if (next === undefined) this.#output.data(buffer, start, end);
    else next.transform.data(buffer, start, end, next);
  }

  end(trailers: HeaderBlock | undefined): void {
    const { next } = this;
    if (next === undefined) this.#output.end(trailers);
    else next.transform.end(trailers, next);
  }

  pause(): void {
    if (this.#holds) return;
    this.#holds = true;
    this.#hold(1);
  }

  resume(): void {
    if (!this.#holds) return;
    this.#holds = false;
    this.#hold(-1);
  }
}
