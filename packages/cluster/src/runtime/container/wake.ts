import type { Clock } from '@lateen/core';

/** Something that may have become possible: those who wait for it try again. */
export class Wake {
  #waiting: (() => void)[] = [];

  /** Wakes everybody who waits. */
  call(): void {
    const woken = this.#waiting;
    this.#waiting = [];
    for (const wake of woken) wake();
  }

  /** Resolves at the next call, or after `delayMs` at the latest. */
  wait(clock: Clock, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.after(delayMs, resolve);
      this.#waiting.push(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}
