import type { Clock } from '@lateen/core';

/** After so long an expectation that was not met counts as lost. */
const lostAfterMs = 60_000;

/**
 * What a controller has done to objects and not yet seen in its informer. As long as something is expected,
 * what the informer shows must not be counted: it would create or delete once more.
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #byOwner = new Map<string, Map<string, number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called before the write; `what` names the object and the write. */
  expect(owner: string, what: string): void {
    let pending = this.#byOwner.get(owner);
    if (pending === undefined) this.#byOwner.set(owner, (pending = new Map<string, number>()));
    pending.set(what, this.#clock.monotonicMs());
  }

  /** The informer has shown it, or the write has failed. */
  met(owner: string, what: string): void {
    const pending = this.#byOwner.get(owner);
    pending?.delete(what);
    if (pending?.size === 0) this.#byOwner.delete(owner);
  }

  /** True where everything that was done has been seen. */
  areMet(owner: string): boolean {
    const pending = this.#byOwner.get(owner);
    if (pending === undefined) return true;
    const now = this.#clock.monotonicMs();
    for (const [what, sinceMs] of pending) if (now - sinceMs > lostAfterMs) pending.delete(what);
    if (pending.size > 0) return false;
    this.#byOwner.delete(owner);
    return true;
  }

  forget(owner: string): void {
    this.#byOwner.delete(owner);
  }
}
