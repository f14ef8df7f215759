import { Backoff, messageOf, type BackoffOptions, type Clock, type Logger, type Timer } from '@lateen/core';
import { isStatus } from './status-error.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Brings one key in order. Called for a key by one worker at a time; failures are tried again. */
  readonly work: (key: string) => Promise<WorkResult | void>;
  /** Nothing starts before this has resolved; default at once. */
  readonly ready?: Promise<unknown>;
  /** How many keys are worked on at once; default 8. */
  readonly concurrency?: number;
  /** Delays after failures of one key; default from 10 ms to 30 s. */
  readonly backoff?: BackoffOptions;
}

export interface WorkResult {
  /** Come back to this key after so many milliseconds, though nothing failed. */
  readonly againMs: number;
}

interface KeyState {
  backoff: Backoff | undefined;
  timer: Timer | undefined;
  dueMs: number;
}

/**
 * Work by key: what is added twice before it starts is done once, what is added while it runs is done
 * once more, and one key never runs twice at the same time. Starts in the same turn of the event loop
 * in which it was asked to, after the present stack.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #concurrency: number;
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #states = new Map<string, KeyState>();
  #pumpPlanned: boolean;
  #closed = false;
  #idle: (() => void)[] = [];

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#concurrency = options.concurrency ?? 8;
    this.#pumpPlanned = options.ready !== undefined;
    void options.ready?.then(() => {
      this.#pumpPlanned = false;
      this.#pump();
    });
  }

  /** Asks for a key to be worked on, now. */
  add(key: string): void {
    if (this.#closed) return;
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#cancelTimer(key);
    this.#waiting.add(key);
    this.#planPump();
  }

  /** Asks for a key to be worked on after a delay; the earliest of several wins. */
  addAfter(key: string, delayMs: number): void {
    if (this.#closed) return;
    const state = this.#state(key);
    const dueMs = this.#options.clock.monotonicMs() + delayMs;
    if (state.timer !== undefined && state.dueMs <= dueMs) return;
    state.timer?.cancel();
    state.dueMs = dueMs;
    state.timer = this.#options.clock.after(delayMs, () => {
      state.timer = undefined;
      this.#forget(key);
      this.add(key);
    });
  }

  /** Starts nothing more; resolves when what runs has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const state of this.#states.values()) state.timer?.cancel();
    this.#states.clear();
    this.#waiting.clear();
    this.#again.clear();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #state(key: string): KeyState {
    let state = this.#states.get(key);
    if (state === undefined)
      this.#states.set(key, (state = { backoff: undefined, timer: undefined, dueMs: 0 }));
    return state;
  }

  #forget(key: string): void {
    const state = this.#states.get(key);
    if (state !== undefined && state.timer === undefined && state.backoff === undefined)
      this.#states.delete(key);
  }

  #cancelTimer(key: string): void {
    const state = this.#states.get(key);
    if (state?.timer === undefined) return;
    state.timer.cancel();
    state.timer = undefined;
    this.#forget(key);
  }

  #planPump(): void {
    if (this.#pumpPlanned) return;
    this.#pumpPlanned = true;
    queueMicrotask(() => {
      this.#pumpPlanned = false;
      this.#pump();
    });
  }

  #pump(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#concurrency) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    let delayMs: number | undefined;
    try {
      const result = await this.#options.work(key);
      const state = this.#states.get(key);
      if (state !== undefined) {
        state.backoff = undefined;
        this.#forget(key);
      }
      delayMs = result?.againMs;
    } catch (error) {
      const state = this.#state(key);
      state.backoff ??= new Backoff({ baseMs: 10, maxMs: 30_000, ...this.#options.backoff });
      delayMs = state.backoff.nextMs();
      // Somebody else wrote first: the ordinary way of things, not worth a warning.
      const ordinary = isStatus(error, 'Conflict') || isStatus(error, 'AlreadyExists');
      this.#options.logger[ordinary ? 'debug' : 'warn']('will try again', {
        key,
        error: messageOf(error),
        inMs: Math.round(delayMs),
      });
    }
    this.#running.delete(key);
    if (this.#closed) {
      if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    if (this.#again.delete(key)) this.add(key);
    else if (delayMs !== undefined) this.addAfter(key, delayMs);
    if (this.#waiting.size > 0) this.#planPump();
  }
}
