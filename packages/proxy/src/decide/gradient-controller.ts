import type { GradientRules } from '../model/adaptive-concurrency.ts';
import { KeptTimes, type RequestTimes } from './request-times.ts';

/** After so many windows at the least limit the time without load may have been measured wrongly. */
const windowsAtLeast = 5;

/** All that a controller keeps from one request to the next, but for the times; numbers only. */
export interface GradientState {
  outstanding: number;
  limit: number;
  /** The limit from before the time without load is measured; 0 while it is not. */
  deferredLimit: number;
  /** Requests from before this time say nothing of the time without load. */
  epochMs: number;
  nextUpdateMs: number;
  nextMinRttMs: number;
  timesAtLeast: number;
  minRttMs: number;
  sampleRttMs: number;
  gradient: number;
  headroom: number;
}

/**
 * Finds how many requests may be under way (Envoy, adaptive concurrency filter: its gradient controller). With few of them
 * it measures how long they take without load; then the limit grows while times stay near that and shrinks when they do
 * not. Time is looked at when requests come and go, so that nothing runs while there are none.
 */
export class GradientController {
  readonly state: GradientState;
  readonly #rules: GradientRules;
  readonly #times: RequestTimes;

  constructor(rules: GradientRules, nowMs: number, times: RequestTimes = new KeptTimes()) {
    this.#rules = rules;
    this.#times = times;
    this.state = {
      outstanding: 0,
      limit: rules.minConcurrency,
      deferredLimit: rules.minConcurrency,
      epochMs: nowMs,
      nextUpdateMs: nowMs + rules.updateIntervalMs,
      nextMinRttMs: Number.POSITIVE_INFINITY,
      timesAtLeast: 0,
      minRttMs: 0,
      sampleRttMs: 0,
      gradient: 0,
      headroom: 0,
    };
  }

  get isMeasuring(): boolean {
    return this.state.deferredLimit !== 0;
  }

  /** True where a request may go on; it has to be followed by one {@link record} or {@link cancel}. */
  admit(nowMs: number): boolean {
    const { state } = this;
    this.#moveTo(nowMs);
    if (state.outstanding >= state.limit) return false;
    state.outstanding++;
    return true;
  }

  /** A request that was let go on has been answered. */
  record(startMs: number, nowMs: number, random: () => number): void {
    const { state } = this;
    state.outstanding--;
    this.#moveTo(nowMs);
    if (startMs < state.epochMs) return;
    this.#times.add(nowMs - startMs, random);
    if (this.isMeasuring && this.#times.count >= this.#rules.minRttRequests)
      this.#endMeasuring(nowMs, random);
  }

  /** A request that was let go on has been given up. */
  cancel(): void {
    this.state.outstanding--;
  }

  #moveTo(nowMs: number): void {
    const { state } = this;
    if (this.isMeasuring) return;
    if (nowMs >= state.nextMinRttMs) {
      this.#beginMeasuring(nowMs);
      return;
    }
    if (nowMs < state.nextUpdateMs) return;
    state.nextUpdateMs = nowMs + this.#rules.updateIntervalMs;
    if (this.#times.count === 0) return;
    state.sampleRttMs = this.#times.take(this.#rules.percentile);
    this.#setLimit(this.#newLimit(), nowMs);
  }

  #beginMeasuring(nowMs: number): void {
    const { state } = this;
    state.deferredLimit = state.limit;
    state.limit = this.#rules.minConcurrency;
    state.timesAtLeast = 0;
    state.epochMs = nowMs;
    this.#times.clear();
  }

  #endMeasuring(nowMs: number, random: () => number): void {
    const { minRttIntervalMs, jitter, updateIntervalMs, percentile } = this.#rules;
    const { state } = this;
    state.minRttMs = this.#times.take(percentile);
    state.limit = state.deferredLimit;
    state.deferredLimit = 0;
    state.nextMinRttMs = nowMs + minRttIntervalMs * (1 + jitter * random());
    state.nextUpdateMs = nowMs + updateIntervalMs;
  }

  #newLimit(): number {
    const { buffer, minConcurrency, maxConcurrency } = this.#rules;
    const { state } = this;
    const raw = (state.minRttMs * (1 + buffer)) / Math.max(state.sampleRttMs, Number.MIN_VALUE);
    state.gradient = Math.max(0.5, Math.min(2, raw));
    const scaled = state.limit * state.gradient;
    state.headroom = Math.sqrt(scaled);
    return Math.max(minConcurrency, Math.min(maxConcurrency, Math.floor(scaled + state.headroom)));
  }

  #setLimit(limit: number, nowMs: number): void {
    const { state } = this;
    const { minConcurrency } = this.#rules;
    const stays = limit === minConcurrency && state.limit === minConcurrency;
    state.limit = limit;
    state.timesAtLeast = stays ? state.timesAtLeast + 1 : 0;
    if (state.timesAtLeast >= windowsAtLeast) this.#beginMeasuring(nowMs);
  }
}
