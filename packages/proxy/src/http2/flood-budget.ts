/** What a peer may do of something that is cheap for it and costs us: so much at once, and so much a second for ever. */
export class FloodBudget {
  readonly #atOnce: number;
  readonly #perSecond: number;
  #left: number;
  #sinceMs: number | undefined;

  constructor(atOnce: number, perSecond: number) {
    this.#atOnce = atOnce;
    this.#perSecond = perSecond;
    this.#left = atOnce;
  }

  /** False where the peer has overdone it. */
  spend(nowMs: number): boolean {
    if (this.#left < 1) {
      const passedMs = nowMs - (this.#sinceMs ?? nowMs);
      this.#left = Math.min(this.#atOnce, this.#left + (passedMs * this.#perSecond) / 1000);
      this.#sinceMs = nowMs;
      if (this.#left < 1) return false;
    } else {
      this.#sinceMs ??= nowMs;
    }
    this.#left--;
    return true;
  }

  /** The peer did something that such frames belong to. */
  earn(count: number): void {
    this.#left = Math.min(this.#atOnce, this.#left + count);
  }
}
