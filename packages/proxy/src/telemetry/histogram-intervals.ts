import type { Clock } from '@lateen/core';
import type { HistogramState } from './histogram.ts';

/** What each histogram has recorded, by its name; those that have recorded nothing are left out. */
export type HistogramStates = ReadonlyMap<string, HistogramState>;

/** As long as somebody looks once in so many intervals, they are kept. */
const patience = 12;

/**
 * What histograms recorded in the last whole interval (Envoy, `stats_flush_interval`). Intervals are kept only while
 * somebody looks at them: the first look begins with it, and sees none.
 */
export class HistogramIntervals {
  readonly #clock: Clock;
  readonly #intervalMs: number | undefined;
  readonly #now: () => Promise<HistogramStates>;
  /** At the end of the last interval; undefined while nobody looks. */
  #before: HistogramStates | undefined;
  #interval: HistogramStates = new Map();
  #patience = 0;
  #running = false;

  /** `intervalMs`: undefined where intervals end by `end` only. */
  constructor(clock: Clock, intervalMs: number | undefined, now: () => Promise<HistogramStates>) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#now = now;
  }

  /** The last whole interval. */
  look(): HistogramStates {
    this.#patience = patience;
    if (!this.#running && this.#intervalMs !== undefined) {
      this.#running = true;
      void this.#next(this.#intervalMs);
    }
    return this.#interval;
  }

  /** The histograms begin anew. */
  forget(): void {
    this.#before = undefined;
    this.#interval = new Map();
  }

  /** An interval is over, and the next begins. */
  async end(): Promise<void> {
    const now = await this.#now();
    if (this.#before !== undefined) this.#interval = since(now, this.#before);
    this.#before = now;
  }

  async #next(intervalMs: number): Promise<void> {
    try {
      await this.end();
    } catch {
      // Nothing can be told, as where a thread is gone: the next look tries again.
      this.#running = false;
      this.forget();
      return;
    }
    this.#clock.after(intervalMs, () => {
      if (this.#patience-- > 0) {
        void this.#next(intervalMs);
        return;
      }
      this.#running = false;
      this.forget();
    });
  }
}

/** What was recorded after `before`; those that recorded nothing are left out. */
export function since(now: HistogramStates, before: HistogramStates): HistogramStates {
  const fresh = new Map<string, HistogramState>();
  for (const [name, state] of now) {
    const earlier = before.get(name);
    const isOther = earlier === undefined || earlier.count > state.count;
    if (earlier?.count === state.count) continue;
    fresh.set(
      name,
      isOther
        ? state
        : {
            ...state,
            counts: state.counts.map((count, i) => count - (earlier.counts[i] ?? 0)),
            sum: state.sum - earlier.sum,
            count: state.count - earlier.count,
          },
    );
  }
  return fresh;
}
