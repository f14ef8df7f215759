import type { Clock, Timer } from '@lateen/core';
import type { Probe } from '@lateen/kube';
import type { ProbeOutcome } from './probe-target.ts';

export interface ProbeLoopOptions {
  readonly probe: Probe;
  /** Tries once. */
  readonly run: () => Promise<ProbeOutcome>;
  /**
   * Whether to try often until the first success, so that a container is ready as soon as it can be.
   * These extra tries can only help: a failure among them is not counted.
   */
  readonly eager: boolean;
  readonly clock: Clock;
  /** Called when the verdict changes; there is none before enough tries agree. */
  readonly onVerdict: (healthy: boolean) => void;
  /** Called with each failure that counts. */
  readonly onFailure: (message: string) => void;
}

/** How often an eager probe tries; a command costs more than a connection. */
const eagerMs = 100;
const eagerCommandMs = 300;

/** After this long a container is slow by nature, and is asked at its own period only. */
const eagerForMs = 60_000;

/** A longer initial delay says that an early answer is not to be trusted. */
const longestSkippedDelayMs = 5_000;

/** Tries a probe by its period and thresholds until closed. */
export class ProbeLoop {
  readonly #options: ProbeLoopOptions;
  readonly #periodMs: number;
  readonly #startedMs: number;
  #nextCountedMs: number;
  #timer: Timer | undefined;
  #closed = false;
  #verdict: boolean | undefined;
  #successes = 0;
  #failures = 0;

  constructor(options: ProbeLoopOptions) {
    this.#options = options;
    this.#periodMs = (options.probe.periodSeconds ?? 10) * 1000;
    this.#startedMs = options.clock.monotonicMs();
    const delayMs = (options.probe.initialDelaySeconds ?? 0) * 1000;
    // With the extra tries the first one is sure to be too early to mean anything.
    this.#nextCountedMs = this.#startedMs + delayMs + (options.eager ? this.#periodMs : 0);
    if (this.#isEager()) void this.#try();
    else this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #isEager(): boolean {
    const { eager, probe, clock } = this.#options;
    const delayMs = (probe.initialDelaySeconds ?? 0) * 1000;
    const elapsedMs = clock.monotonicMs() - this.#startedMs;
    return (
      eager &&
      this.#verdict !== true &&
      elapsedMs < eagerForMs &&
      (delayMs <= longestSkippedDelayMs || elapsedMs >= delayMs)
    );
  }

  #schedule(): void {
    const untilCountedMs = Math.max(0, this.#nextCountedMs - this.#options.clock.monotonicMs());
    const often = this.#options.probe.exec === undefined ? eagerMs : eagerCommandMs;
    const delayMs = this.#isEager() ? Math.min(often, untilCountedMs) : untilCountedMs;
    this.#timer = this.#options.clock.after(delayMs, () => void this.#try());
  }

  async #try(): Promise<void> {
    const counted = this.#options.clock.monotonicMs() >= this.#nextCountedMs;
    if (counted) this.#nextCountedMs = this.#options.clock.monotonicMs() + this.#periodMs;
    const outcome = await this.#options.run();
    if (this.#closed) return;
    const { successThreshold = 1, failureThreshold = 3 } = this.#options.probe;
    if (outcome.ok) {
      this.#failures = 0;
      this.#successes++;
      if (this.#successes >= successThreshold) this.#decide(true);
    } else if (counted) {
      this.#successes = 0;
      this.#failures++;
      this.#options.onFailure(outcome.message);
      if (this.#failures >= failureThreshold) this.#decide(false);
    }
    if (!this.#closed) this.#schedule();
  }

  #decide(healthy: boolean): void {
    if (this.#verdict === healthy) return;
    this.#verdict = healthy;
    this.#options.onVerdict(healthy);
  }
}
