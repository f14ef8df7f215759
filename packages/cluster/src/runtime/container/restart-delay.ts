import type { Clock } from '@lateen/core';

const firstMs = 10_000;
const longestMs = 300_000;

/** A container that ran this long begins anew. */
const forgetAfterMs = 600_000;

/** The kubelet's back-off between restarts: none before the first, then 10 s, doubled up to 5 minutes. */
export class RestartDelay {
  readonly #clock: Clock;
  #nextMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long to wait after a run that began at `startedMs` of the clock. */
  after(startedMs: number): number {
    if (this.#clock.now() - startedMs >= forgetAfterMs) this.#nextMs = 0;
    const delayMs = this.#nextMs;
    this.#nextMs = delayMs === 0 ? firstMs : Math.min(longestMs, delayMs * 2);
    return delayMs;
  }
}

/** A duration as Kubernetes writes it: `10s`, `1m20s`, `5m0s`. */
export function formatDelay(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
