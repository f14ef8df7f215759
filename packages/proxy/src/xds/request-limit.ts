import { RingQueue, type Clock, type Timer } from '@lateen/core';
import type { RequestRate } from '../model/index.ts';
import type { ControlPlaneStats } from './control-plane-stats.ts';

/** Lets requests to a control plane go no faster than a bucket is filled; those that have to wait go in their order. */
export class RequestLimit {
  readonly #rate: RequestRate;
  readonly #clock: Clock;
  readonly #stats: ControlPlaneStats;
  readonly #waiting = new RingQueue<() => void>();
  #tokens: number;
  #filledMs: number;
  #timer: Timer | undefined;

  constructor(rate: RequestRate, clock: Clock, stats: ControlPlaneStats) {
    this.#rate = rate;
    this.#clock = clock;
    this.#stats = stats;
    this.#tokens = rate.maxTokens;
    this.#filledMs = clock.monotonicMs();
  }

  /** Sends now or later. */
  pass<R>(request: R, send: (request: R) => void): void {
    if (this.#timer === undefined && this.#take()) {
      send(request);
      return;
    }
    this.#waiting.push(() => send(request));
    this.#stats.pending++;
    this.#wait();
  }

  /** What waits is for a stream that is over. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (this.#waiting.shift() !== undefined);
    this.#stats.pending = 0;
  }

  #take(): boolean {
    const { maxTokens, tokensPerSecond } = this.#rate;
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(maxTokens, this.#tokens + ((nowMs - this.#filledMs) * tokensPerSecond) / 1_000);
    this.#filledMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #wait(): void {
    if (this.#timer !== undefined) return;
    this.#stats.limited++;
    const waitMs = Math.ceil(((1 - this.#tokens) * 1_000) / this.#rate.tokensPerSecond);
    this.#timer = this.#clock.after(waitMs, () => {
      this.#timer = undefined;
      while (this.#stats.pending > 0 && this.#take()) {
        this.#stats.pending--;
        this.#waiting.shift()?.();
      }
      if (this.#stats.pending > 0) this.#wait();
    });
  }
}
