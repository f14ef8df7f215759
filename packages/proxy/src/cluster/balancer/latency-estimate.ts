/** What a host that was never asked is assumed to take. */
const unknownMs = 30;

/**
 * How long a host takes to answer, as an average that forgets: a worse answer counts at once and in full,
 * better ones bring it down over the decay time.
 */
export class LatencyEstimate {
  readonly #decayMs: number;
  #ms = unknownMs;
  #atMs: number;

  constructor(decayMs: number, nowMs: number) {
    this.#decayMs = decayMs;
    this.#atMs = nowMs;
  }

  /** An answer took so long. */
  observe(tookMs: number, nowMs: number): void {
    const before = this.#ms;
    if (tookMs >= before) {
      this.#ms = tookMs;
    } else {
      const kept = Math.exp(-Math.max(0, nowMs - this.#atMs) / this.#decayMs);
      this.#ms = before * kept + tookMs * (1 - kept);
    }
    this.#atMs = nowMs;
  }

  /** The host failed after so long: that makes it no better than it was. */
  observeFailure(tookMs: number, nowMs: number): void {
    this.observe(Math.max(tookMs, this.#ms), nowMs);
  }

  /** The estimate now; while nothing is heard it sinks, so that a slow host is tried again. */
  at(nowMs: number): number {
    return this.#ms * Math.exp(-Math.max(0, nowMs - this.#atMs) / this.#decayMs);
  }
}
