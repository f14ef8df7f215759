import type { Clock } from '@lateen/core';
import { heapIsBeingMarked } from './heap-marking.ts';

/** Work that can be interrupted: it yields where others may go first. */
export type Parts<T> = Generator<undefined, T, undefined>;

/** How long work goes on before connections are served: little beside the time that a request takes. */
const sliceMs = 0.25;
/** How long work waits for the heap to be marked, at most, and how often it looks. */
const longestWaitMs = 200;
const betweenLooksMs = 2;

/** Does the work without an interruption. */
export function wholly<T>(parts: Parts<T>): T {
  for (;;) {
    const step = parts.next();
    if (step.done === true) return step.value;
  }
}

/**
 * Does the work in slices of a quarter of a millisecond; what has come in on connections goes first after each.
 *
 * While V8 marks the heap it waits: V8 keeps most of what is made meanwhile, and all requests would wait at the end, for as
 * long as it takes to move that.
 */
export async function inSlices<T>(
  parts: Parts<T>,
  clock: Clock,
  isMarking: () => boolean = heapIsBeingMarked,
): Promise<T> {
  let waitedMs = 0;
  for (;;) {
    const endMs = clock.monotonicMs() + sliceMs;
    do {
      const step = parts.next();
      if (step.done === true) return step.value;
    } while (clock.monotonicMs() < endMs);
    await new Promise<void>((resolve) => void setImmediate(resolve));
    while (waitedMs < longestWaitMs && isMarking()) {
      waitedMs += betweenLooksMs;
      await new Promise<void>((resolve) => void clock.after(betweenLooksMs, resolve));
    }
  }
}
