import type { Clock, Logger, Timer } from '@lateen/core';

export interface FirstRuntimeOptions {
  /** How long each resource is waited for, by its name; 0: for ever. */
  readonly timeoutsMs: ReadonlyMap<string, number>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onTimeout: (name: string) => void;
}

/** The layers of the runtime that come by RTDS are waited for before clusters are asked for, as in Envoy. */
export class FirstRuntime {
  /** Resolves when each has been answered for, or has had its time. */
  readonly done: Promise<void>;
  readonly #options: FirstRuntimeOptions;
  readonly #awaited: Set<string>;
  readonly #resolve: () => void;
  readonly #timers: Timer[] = [];

  constructor(options: FirstRuntimeOptions) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolve = resolve;
    this.#options = options;
    this.#awaited = new Set(options.timeoutsMs.keys());
    if (this.#awaited.size === 0) resolve();
  }

  /** They have been asked for: their time begins. */
  begin(): void {
    const { timeoutsMs, clock, log, onTimeout } = this.#options;
    for (const [name, ms] of timeoutsMs) {
      if (ms === 0) continue;
      const timer = clock.after(ms, () => {
        if (!this.#awaited.has(name)) return;
        log.warn(`runtime ${name} has not come in time: it is waited for no longer`, { afterMs: ms });
        onTimeout(name);
        this.answered([name]);
      });
      this.#timers.push(timer);
    }
  }

  /** These came, were refused, or do not exist. */
  answered(names: Iterable<string>): void {
    for (const name of names) this.#awaited.delete(name);
    if (this.#awaited.size === 0) this.#resolve();
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel();
  }
}
