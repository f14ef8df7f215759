import type { Clock, Logger } from '@lateen/core';

/** A proxy and its control plane are often started together: until then nothing is wrong. */
const firstWarningMs = 5_000;
/** Between warnings of one outage. Source: Envoy, which warns of what has lasted longer than its longest delay. */
const warningMs = 30_000;

/** Tells of a control plane that cannot be reached: once when it is lost, and once in a while as long as that lasts. */
export class OutageLog {
  readonly #clock: Clock;
  readonly #log: Logger;
  #connected = false;
  #sinceMs: number | undefined;
  #warnAtMs = 0;
  #warned = false;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** A stream has ended; the next is opened after the delay. */
  tell(reason: string, retryMs: number): void {
    const nowMs = this.#clock.now();
    if (this.#sinceMs === undefined) {
      this.#sinceMs = nowMs;
      this.#warnAtMs = nowMs + firstWarningMs;
    }
    if (nowMs >= this.#warnAtMs) {
      const forSeconds = Math.round((nowMs - this.#sinceMs) / 1000);
      this.#log.warn('the control plane cannot be reached', { reason, forSeconds, retryMs });
      this.#warnAtMs = nowMs + warningMs;
      this.#warned = true;
      return;
    }
    this.#log[this.#connected ? 'info' : 'debug']('config stream to the control plane ended', {
      reason,
      retryMs,
    });
    this.#connected = false;
  }

  /** The control plane has answered. */
  end(): void {
    if (this.#warned) this.#log.info('the control plane can be reached again');
    this.#warned = false;
    this.#connected = true;
    this.#sinceMs = undefined;
  }
}
