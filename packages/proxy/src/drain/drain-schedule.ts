import type { Clock } from '@lateen/core';

/** `gradual`: the longer it lasts, the more answers end their connection; `immediate`: every answer does. */
export type DrainStrategy = 'gradual' | 'immediate';

/** Envoy's default of `--drain-time-s`. */
export const defaultDrainTimeMs = 600_000;

/**
 * Says of each answer whether it ends its connection, while something is drained.
 *
 * Gradual draining spreads the clients' reconnecting over the drain time: the chance grows in a straight line from 0
 * to 1, as with Envoy's `--drain-strategy`.
 */
export class DrainSchedule {
  readonly #clock: Clock;
  readonly #random: () => number;
  #startMs = 0;
  #durationMs = 0;
  #state: 'off' | 'gradual' | 'all' = 'off';

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** True from {@link start} on. */
  get started(): boolean {
    return this.#state !== 'off';
  }

  /** Begins; a drain that is under way is only ever made stricter. */
  start(durationMs: number, strategy: DrainStrategy): void {
    if (strategy === 'immediate' || durationMs <= 0) this.#state = 'all';
    else if (this.#state === 'off') {
      this.#state = 'gradual';
      this.#startMs = this.#clock.monotonicMs();
      this.#durationMs = durationMs;
    }
  }

  /** True where the answer that is about to be sent is to be the last of its connection. */
  closes(): boolean {
    if (this.#state === 'off') return false;
    if (this.#state === 'all') return true;
    const elapsedMs = this.#clock.monotonicMs() - this.#startMs;
    return this.#random() < elapsedMs / this.#durationMs;
  }
}
