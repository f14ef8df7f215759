import type { Clock } from '@lateen/core';

/** Work that can be interrupted: it yields where others may go first. */
export type Parts<T> = Generator<undefined, T, undefined>;

/** How long work goes on before connections are served: little beside the time that a request takes. */
const sliceMs = 0.25;

/** Does the work without an interruption. */
export function wholly<T>(parts: Parts<T>): T {
  for (;;) {
    const step = parts.next();
    if (step.done === true) return step.value;
  }
}

/** Does the work in slices of a quarter of a millisecond; what has come in on connections goes first after each. */
export async function inSlices<T>(parts: Parts<T>, clock: Clock): Promise<T> {
  for (;;) {
    const endMs = clock.monotonicMs() + sliceMs;
    do {
      const step = parts.next();
      if (step.done === true) return step.value;
    } while (clock.monotonicMs() < endMs);
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}
