import { Expirable } from './coarse-timers.ts';

/** A deadline that calls a function; for limits that are rare enough to cost an object each. */
export class Deadline extends Expirable {
  readonly #run: () => void;

  constructor(run: () => void) {
    super();
    this.#run = run;
  }

  onExpire(): void {
    this.#run();
  }
}
