import type { Clock, Timer } from '@lateen/core';
import { Deadline } from '../timer/deadline.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';

/** Limits that few requests have: the time for all of the request, the time of the stream, and what filters wait for. */
export class StreamLimits {
  readonly #timers: CoarseTimers;
  #request: Deadline | undefined;
  #duration: Deadline | undefined;
  #repeated: Deadline | undefined;
  #waits: Set<Timer> | undefined;

  constructor(timers: CoarseTimers) {
    this.#timers = timers;
  }

  limitRequest(ms: number, run: () => void): void {
    this.#request = new Deadline(run);
    this.#timers.start(this.#request, ms);
  }

  /** The request is complete, or answered. */
  endRequest(): void {
    if (this.#request !== undefined) this.#timers.stop(this.#request);
  }

  /** Takes the place of the limit before; 0: there is none any more. */
  limitDuration(ms: number, run: () => void): void {
    if (this.#duration !== undefined) this.#timers.stop(this.#duration);
    this.#duration = undefined;
    if (ms === 0) return;
    this.#duration = new Deadline(run);
    this.#timers.start(this.#duration, ms);
  }

  /** Runs again and again until the stream is over. */
  repeat(ms: number, run: () => void): void {
    const next = new Deadline(() => {
      run();
      this.#timers.start(next, ms);
    });
    this.#repeated = next;
    this.#timers.start(next, ms);
  }

  /** Runs once later, unless the stream is over before. */
  wait(clock: Clock, ms: number, run: () => void): void {
    const waits = (this.#waits ??= new Set());
    const timer = clock.after(ms, () => {
      // A stream that waits again and again keeps nothing of it.
      waits.delete(timer);
      run();
    });
    waits.add(timer);
  }

  /** The stream is over. */
  stop(): void {
    this.endRequest();
    if (this.#duration !== undefined) this.#timers.stop(this.#duration);
    if (this.#repeated !== undefined) this.#timers.stop(this.#repeated);
    if (this.#waits !== undefined) for (const timer of this.#waits) timer.cancel();
  }
}
