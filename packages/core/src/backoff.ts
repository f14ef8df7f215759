/** How long to wait before the next try. */
export interface BackoffOptions {
  /** The first delay; default 100 ms. */
  readonly baseMs?: number;
  /** No delay is longer; default 30,000 ms. */
  readonly maxMs?: number;
  /** Each delay is this many times the one before; default 2. */
  readonly factor?: number;
  /** The share of the delay that is random, 0 to 1; default 0.5. */
  readonly jitter?: number;
  /** Source of randomness in [0, 1); default `Math.random`. */
  readonly random?: () => number;
}

/** Exponential back-off with jitter. */
export class Backoff {
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #factor: number;
  readonly #jitter: number;
  readonly #random: () => number;
  #attempt = 0;

  constructor(options: BackoffOptions = {}) {
    this.#baseMs = options.baseMs ?? 100;
    this.#maxMs = options.maxMs ?? 30_000;
    this.#factor = options.factor ?? 2;
    this.#jitter = options.jitter ?? 0.5;
    this.#random = options.random ?? Math.random;
  }

  /** How many delays were handed out since the last reset. */
  get attempts(): number {
    return this.#attempt;
  }

  /** The delay before the next try, in milliseconds. */
  nextMs(): number {
    const full = Math.min(this.#maxMs, this.#baseMs * this.#factor ** this.#attempt);
    this.#attempt++;
    return full * (1 - this.#jitter + this.#jitter * this.#random());
  }

  /** To be called after a success: the next failure starts again from the first delay. */
  reset(): void {
    this.#attempt = 0;
  }
}
