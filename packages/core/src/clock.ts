/** A timer that was started and can be stopped. */
export interface Timer {
  /** Stops the timer; nothing happens where it has fired already. */
  cancel(): void;
}

/**
 * Time, as everything in Lateen sees it; tests pass a {@link TestClock}.
 *
 * Timers do not keep the process alive.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds of a clock that never goes back, with a fraction. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`. */
  after(delayMs: number, run: () => void): Timer;
  /** Calls `run` each `periodMs`. */
  every(periodMs: number, run: () => void): Timer;
}

/** By itself, since the global object makes each look-up of it a call. */
const { performance } = globalThis;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const handle = setTimeout(run, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  every(periodMs, run) {
    const handle = setInterval(run, periodMs);
    handle.unref();
    return { cancel: () => clearInterval(handle) };
  },
};

/** Resolves after `delayMs`; rejects with the signal's reason when it is aborted first. Keeps the process alive. */
export function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(handle);
      reject(signal?.reason);
    };
    const handle = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

interface Scheduled {
  dueMs: number;
  readonly periodMs: number | undefined;
  readonly run: () => void;
  readonly order: number;
}

/** A clock that stands still until a test moves it with {@link TestClock.advance}. */
export class TestClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #timers = new Set<Scheduled>();

  constructor(startMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#schedule(delayMs, undefined, run);
  }

  every(periodMs: number, run: () => void): Timer {
    return this.#schedule(periodMs, periodMs, run);
  }

  /** Moves time forward and fires, in order, every timer that comes due on the way. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#nextDue(endMs);
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      if (next.periodMs === undefined) this.#timers.delete(next);
      else next.dueMs += next.periodMs;
      next.run();
    }
    this.#nowMs = endMs;
  }

  /** How many timers are waiting. */
  get pending(): number {
    return this.#timers.size;
  }

  #schedule(delayMs: number, periodMs: number | undefined, run: () => void): Timer {
    const entry: Scheduled = {
      dueMs: this.#nowMs + Math.max(0, delayMs),
      periodMs,
      run,
      order: this.#order++,
    };
    this.#timers.add(entry);
    return { cancel: () => void this.#timers.delete(entry) };
  }

  #nextDue(endMs: number): Scheduled | undefined {
    let best: Scheduled | undefined;
    for (const t of this.#timers) {
      if (t.dueMs > endMs) continue;
      if (best === undefined || t.dueMs < best.dueMs || (t.dueMs === best.dueMs && t.order < best.order))
        best = t;
    }
    return best;
  }
}
