import type { AdmissionControl } from '../model/admission-control.ts';

const granularityMs = 1_000;

interface Slice {
  readonly startMs: number;
  requests: number;
  successes: number;
}

/** How many of the requests of the last while were a success, to a second. */
export class SuccessWindow {
  readonly #windowMs: number;
  readonly #slices: Slice[] = [];
  #requests = 0;
  #successes = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get requests(): number {
    return this.#requests;
  }

  get successes(): number {
    return this.#successes;
  }

  /** Forgets what is too old. */
  moveTo(nowMs: number): void {
    for (let oldest = this.#slices[0]; oldest !== undefined; oldest = this.#slices[0]) {
      if (nowMs - oldest.startMs < this.#windowMs) return;
      this.#requests -= oldest.requests;
      this.#successes -= oldest.successes;
      this.#slices.shift();
    }
  }

  record(nowMs: number, success: boolean): void {
    this.moveTo(nowMs);
    let slice = this.#slices.at(-1);
    if (slice === undefined || nowMs - slice.startMs >= granularityMs) {
      slice = { startMs: nowMs, requests: 0, successes: 0 };
      this.#slices.push(slice);
    }
    slice.requests++;
    this.#requests++;
    if (!success) return;
    slice.successes++;
    this.#successes++;
  }

  /** Over the whole window, rounded down. */
  get requestsPerSecond(): number {
    return Math.floor(this.#requests / Math.max(1, Math.floor(this.#windowMs / 1_000)));
  }
}

/** The share of requests to be refused, in [0, 1] (Envoy, "Admission control": its formula). */
export function rejectedShare(
  { requests, successes }: Pick<SuccessWindow, 'requests' | 'successes'>,
  { aggression, successThreshold, maxRejectedShare }: AdmissionControl,
): number {
  const excess = (requests - successes / successThreshold) / (requests + 1);
  if (excess <= 0) return 0;
  return Math.min(aggression === 1 ? excess : excess ** (1 / aggression), maxRejectedShare);
}
