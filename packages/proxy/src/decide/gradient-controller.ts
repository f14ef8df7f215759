import type { GradientRules } from '../model/adaptive-concurrency.ts';

/** So many times of a window are kept; later ones take the place of the first. */
const maxSamples = 16_384;
/** After so many windows at the least limit the time without load may have been measured wrongly. */
const windowsAtLeast = 5;

/**
 * Finds how many requests may be under way (Envoy, adaptive concurrency filter: its gradient controller). With few of them
 * it measures how long they take without load; then the limit grows while times stay near that and shrinks when they do
 * not. Time is looked at when requests come and go, so that nothing runs while there are none.
 */
export class GradientController {
  readonly #rules: GradientRules;
  readonly #random: () => number;
  #samples: number[] = [];
  #outstanding = 0;
  #limit: number;
  /** The limit from before the time without load is measured; undefined while it is not. */
  #deferredLimit: number | undefined;
  /** Requests from before this time say nothing of the time without load. */
  #epochMs: number;
  #nextUpdateMs: number;
  #nextMinRttMs = Number.POSITIVE_INFINITY;
  #timesAtLeast = 0;
  minRttMs = 0;
  sampleRttMs = 0;
  gradient = 0;
  headroom = 0;

  constructor(rules: GradientRules, nowMs: number, random: () => number) {
    this.#rules = rules;
    this.#random = random;
    this.#limit = rules.minConcurrency;
    this.#deferredLimit = rules.minConcurrency;
    this.#epochMs = nowMs;
    this.#nextUpdateMs = nowMs + rules.updateIntervalMs;
  }

  get limit(): number {
    return this.#limit;
  }

  get isMeasuring(): boolean {
    return this.#deferredLimit !== undefined;
  }

  /** True where a request may go on; it has to be followed by one {@link record} or {@link cancel}. */
  admit(nowMs: number): boolean {
    this.#moveTo(nowMs);
    if (this.#outstanding >= this.#limit) return false;
    this.#outstanding++;
    return true;
  }

  /** A request that was let go on has been answered. */
  record(startMs: number, nowMs: number): void {
    this.#outstanding--;
    this.#moveTo(nowMs);
    if (startMs < this.#epochMs) return;
    const samples = this.#samples;
    const time = nowMs - startMs;
    if (samples.length < maxSamples) samples.push(time);
    else samples[Math.floor(this.#random() * maxSamples)] = time;
    if (this.isMeasuring && samples.length >= this.#rules.minRttRequests) this.#endMeasuring(nowMs);
  }

  /** A request that was let go on has been given up. */
  cancel(): void {
    this.#outstanding--;
  }

  #moveTo(nowMs: number): void {
    if (this.isMeasuring) return;
    if (nowMs >= this.#nextMinRttMs) {
      this.#beginMeasuring(nowMs);
      return;
    }
    if (nowMs < this.#nextUpdateMs) return;
    this.#nextUpdateMs = nowMs + this.#rules.updateIntervalMs;
    if (this.#samples.length === 0) return;
    this.sampleRttMs = this.#takeSamples();
    this.#setLimit(this.#newLimit(), nowMs);
  }

  #beginMeasuring(nowMs: number): void {
    this.#deferredLimit = this.#limit;
    this.#limit = this.#rules.minConcurrency;
    this.#timesAtLeast = 0;
    this.#samples = [];
    this.#epochMs = nowMs;
  }

  #endMeasuring(nowMs: number): void {
    const { minRttIntervalMs, jitter, updateIntervalMs } = this.#rules;
    this.minRttMs = this.#takeSamples();
    this.#limit = this.#deferredLimit ?? this.#limit;
    this.#deferredLimit = undefined;
    this.#nextMinRttMs = nowMs + minRttIntervalMs * (1 + jitter * this.#random());
    this.#nextUpdateMs = nowMs + updateIntervalMs;
  }

  #takeSamples(): number {
    const sorted = this.#samples.sort((a, b) => a - b);
    this.#samples = [];
    const at = Math.min(sorted.length - 1, Math.floor(sorted.length * this.#rules.percentile));
    return sorted[at] ?? 0;
  }

  #newLimit(): number {
    const { buffer, minConcurrency, maxConcurrency } = this.#rules;
    const raw = (this.minRttMs * (1 + buffer)) / Math.max(this.sampleRttMs, Number.MIN_VALUE);
    this.gradient = Math.max(0.5, Math.min(2, raw));
    const scaled = this.#limit * this.gradient;
    this.headroom = Math.sqrt(scaled);
    return Math.max(minConcurrency, Math.min(maxConcurrency, Math.floor(scaled + this.headroom)));
  }

  #setLimit(limit: number, nowMs: number): void {
    const { minConcurrency } = this.#rules;
    const stays = limit === minConcurrency && this.#limit === minConcurrency;
    this.#limit = limit;
    this.#timesAtLeast = stays ? this.#timesAtLeast + 1 : 0;
    if (this.#timesAtLeast >= windowsAtLeast) this.#beginMeasuring(nowMs);
  }
}
