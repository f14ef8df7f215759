import type { Clock } from '@lateen/core';
import { heapIsBeingMarked } from './heap-marking.ts';

/** Work that can be interrupted: it yields where others may go first. */
export type Parts<T> = Generator<undefined, T, undefined>;

/** How long work goes on before connections are served: little beside the time that a request takes. */
const sliceMs = 0.25;
/** What a slice and the event loop's turn after it take where nobody else wants the core. */
const undisturbedMs = 0.3;
const restMs = 1;
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
 * Where somebody else wants the core, connections or V8's compiler on the same one, the thread sleeps for a millisecond:
 * the kernel wakes it at once for what comes in meanwhile, but makes it wait for 4 ms and more when it has taken all that
 * it could get.
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
    const beganMs = clock.monotonicMs();
    do {
      const step = parts.next();
      if (step.done === true) return step.value;
    } while (clock.monotonicMs() - beganMs < sliceMs);
    await new Promise<void>((resolve) => void setImmediate(resolve));
    if (clock.monotonicMs() - beganMs > undisturbedMs) await sleep(clock, restMs);
    while (waitedMs < longestWaitMs && isMarking()) {
      waitedMs += betweenLooksMs;
      await sleep(clock, betweenLooksMs);
    }
  }
}

function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}
