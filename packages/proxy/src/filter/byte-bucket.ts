import type { Clock } from '@lateen/core';
import type { SharedLevel } from './rate-limit/shared-level.ts';
import type { ByteBucket } from './slowed-body.ts';

/** The bytes of one body: so many at each tick. */
export class TickBucket implements ByteBucket {
  readonly #perTick: number;
  #left: number;

  constructor(bytesPerSecond: number, tickMs: number) {
    this.#perTick = Math.max(1, Math.floor((bytesPerSecond * tickMs) / 1_000));
    this.#left = this.#perTick;
  }

  take(wanted: number): number {
    const taken = Math.min(wanted, this.#left);
    this.#left -= taken;
    return taken;
  }

  onTick(): void {
    this.#left = this.#perTick;
  }
}

/** The bytes of all bodies together: it fills all the time, up to what comes in a second. */
export class CommonBucket implements ByteBucket {
  readonly #perSecond: number;
  readonly #clock: Clock;
  /** Where all threads of the process take of it. */
  readonly #level: SharedLevel | undefined;
  tokens: number;
  filledMs: number;

  /** It begins with what comes in `tickMs`. */
  constructor(bytesPerSecond: number, tickMs: number, clock: Clock, level?: SharedLevel) {
    this.#perSecond = bytesPerSecond;
    this.#clock = clock;
    this.#level = level;
    this.tokens = (bytesPerSecond * tickMs) / 1_000;
    this.filledMs = clock.monotonicMs();
  }

  take(wanted: number): number {
    return this.#level === undefined
      ? this.#takeAlone(wanted)
      : this.#level.change(this, () => this.#takeAlone(wanted));
  }

  #takeAlone(wanted: number): number {
    const nowMs = this.#clock.monotonicMs();
    const fresh = ((nowMs - this.filledMs) * this.#perSecond) / 1_000;
    this.filledMs = nowMs;
    this.tokens = Math.min(this.#perSecond, this.tokens + fresh);
    const taken = Math.min(wanted, Math.floor(this.tokens));
    this.tokens -= taken;
    return taken;
  }

  onTick(): void {}
}
