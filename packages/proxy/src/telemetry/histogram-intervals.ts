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
  readonly #intervalMs: number;
  readonly #now: () => Promise<HistogramStates>;
  /** At the end of the last interval; undefined while nobody looks. */
  #before: HistogramStates | undefined;
  #interval: HistogramStates = new Map();
  #patience = 0;
  #running = false;

  constructor(clock: Clock, intervalMs: number, now: () => Promise<HistogramStates>) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#now = now;
  }

  /** The last whole interval. */
  look(): HistogramStates {
    this.#patience = patience;
    if (!this.#running) {
      this.#running = true;
      void this.#next();
    }
    return this.#interval;
  }

  /** The histograms begin anew. */
  forget(): void {
    this.#before = undefined;
    this.#interval = new Map();
  }

  async #next(): Promise<void> {
    let now: HistogramStates;
    try {
      now = await this.#now();
    } catch {
      // Nothing can be told, as where a thread is gone: the next look tries again.
      this.#running = false;
      this.forget();
      return;
    }
    if (this.#before !== undefined) this.#interval = since(now, this.#before);
    this.#before = now;
    this.#clock.after(this.#intervalMs, () => {
      if (this.#patience-- > 0) {
        void this.#next();
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
