import type { CoarseTimers } from '../../timer/coarse-timers.ts';
import { Deadline } from '../../timer/deadline.ts';

/** Connections that take no further request after their longest time (Envoy, `max_connection_duration`). */
export class ConnectionLifetimes<C extends { closeWhenIdle(): void }> {
  readonly #timers: CoarseTimers;
  readonly #durationMs: number;
  readonly #onReached: () => void;
  readonly #deadlines = new Map<C, Deadline>();

  constructor(timers: CoarseTimers, durationMs: number, onReached: () => void) {
    this.#timers = timers;
    this.#durationMs = durationMs;
    this.#onReached = onReached;
  }

  begin(connection: C): void {
    const deadline = new Deadline(() => {
      this.#onReached();
      connection.closeWhenIdle();
    });
    this.#deadlines.set(connection, deadline);
    this.#timers.start(deadline, this.#durationMs);
  }

  end(connection: C): void {
    const deadline = this.#deadlines.get(connection);
    if (deadline === undefined) return;
    this.#deadlines.delete(connection);
    this.#timers.stop(deadline);
  }
}
