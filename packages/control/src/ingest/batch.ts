import type { Clock, Timer } from '@lateen/core';
import type { Change } from '../engine/state.ts';

/** Gathers changes and hands them on together. */
export interface Batch {
  add(changes: readonly Change[]): void;
  /** Hands on what is there now. */
  flush(): void;
  close(): void;
}

export interface BatchOptions {
  readonly clock: Clock;
  readonly apply: (changes: readonly Change[]) => void;
  /** Hand on when nothing has come for this long; default 2 ms. */
  readonly quietMs?: number;
  /** Hand on no later than this after the first; default 20 ms. */
  readonly longestMs?: number;
}

/**
 * Waits while changes keep coming, a few milliseconds at most, so that a burst becomes one new state.
 *
 * A single change is delayed by `quietMs`.
 */
export function batch(options: BatchOptions): Batch {
  const quietMs = options.quietMs ?? 2;
  const longestMs = options.longestMs ?? 20;
  let waiting: Change[] = [];
  let quiet: Timer | undefined;
  let longest: Timer | undefined;
  const flush = (): void => {
    quiet?.cancel();
    longest?.cancel();
    quiet = longest = undefined;
    if (waiting.length === 0) return;
    const changes = waiting;
    waiting = [];
    options.apply(changes);
  };
  return {
    add(changes) {
      if (changes.length === 0) return;
      waiting.push(...changes);
      quiet?.cancel();
      quiet = options.clock.after(quietMs, flush);
      longest ??= options.clock.after(longestMs, flush);
    },
    flush,
    close() {
      waiting = [];
      quiet?.cancel();
      longest?.cancel();
    },
  };
}
