import type { Countdown, Expirable } from './coarse-timers.ts';

/** A deadline that calls a function; for limits that are rare enough to cost an object each. */
export class Deadline implements Expirable {
  countdown: Countdown | undefined = undefined;
  readonly #run: () => void;

  constructor(run: () => void) {
    this.#run = run;
  }

  onExpire(): void {
    this.#run();
  }
}
