import { systemClock, type Clock, type Timer } from '@lateen/core';
import type { Turn } from '../wire/turn.ts';

/** Something that can run out of time; one deadline at a time. */
export interface Expirable {
  /** Of {@link CoarseTimers}: made when it is first started. */
  countdown: Countdown | undefined;
  /** The deadline has passed; the timer is not running any more. */
  onExpire(): void;
}

/**
 * A deadline in its list; the fields belong to {@link CoarseTimers}. An object of its own, so that the lists see one
 * shape whatever expires.
 */
export class Countdown {
  readonly owner: Expirable;
  dueMs = 0;
  previous: Countdown | undefined = undefined;
  next: Countdown | undefined = undefined;
  list: DeadlineList | undefined = undefined;

  constructor(owner: Expirable) {
    this.owner = owner;
  }

  /** Stops it, if it runs. */
  stop(): void {
    this.list?.unlink(this);
  }
}

/** Deadlines of one duration, in the order in which they come due, so that adding and removing cost nothing. */
class DeadlineList {
  readonly durationMs: number;
  first: Countdown | undefined;
  last: Countdown | undefined;
  ticking: Timer | undefined;

  constructor(durationMs: number) {
    this.durationMs = durationMs;
  }

  append(item: Countdown): void {
    item.list = this;
    item.previous = this.last;
    item.next = undefined;
    if (this.last === undefined) this.first = item;
    else this.last.next = item;
    this.last = item;
  }

  unlink(item: Countdown): void {
    if (item.previous === undefined) this.first = item.next;
    else item.previous.next = item.next;
    if (item.next === undefined) this.last = item.previous;
    else item.next.previous = item.previous;
    item.previous = undefined;
    item.next = undefined;
    item.list = undefined;
  }
}

/**
 * Timers for things that are started and stopped with every request.
 *
 * Starting and stopping touches a linked list only; the clock is asked once for many deadlines. A
 * deadline is met late by at most an eighth of its duration, and by at most half a second; never early.
 */
export class CoarseTimers {
  readonly #clock: Clock;
  readonly #turn: Turn;
  readonly #lists = new Map<number, DeadlineList>();

  constructor(turn: Turn, clock: Clock = systemClock) {
    this.#turn = turn;
    this.#clock = clock;
  }

  /** Starts (or starts again) the deadline of `item`, `durationMs` from the turn's time on. */
  start(item: Expirable, durationMs: number): void {
    const countdown = (item.countdown ??= new Countdown(item));
    countdown.list?.unlink(countdown);
    let list = this.#lists.get(durationMs);
    if (list === undefined) {
      list = new DeadlineList(durationMs);
      this.#lists.set(durationMs, list);
    }
    // A whole number needs no box of its own.
    countdown.dueMs = Math.ceil(this.#turn.nowMs + durationMs);
    list.append(countdown);
    if (list.ticking === undefined) this.#arm(list, durationMs);
  }

  /**
   * Starts the deadline of what is left of `durationMs`, for what was started before and is due later by now: in steps
   * of an eighth, since each length has a list of its own.
   */
  startRest(item: Expirable, durationMs: number, leftMs: number): void {
    this.start(item, (Math.ceil((leftMs * 8) / durationMs) * durationMs) / 8);
  }

  stop(item: Expirable): void {
    item.countdown?.stop();
  }

  /** Stops everything. */
  close(): void {
    for (const list of this.#lists.values()) list.ticking?.cancel();
    this.#lists.clear();
  }

  #arm(list: DeadlineList, delayMs: number): void {
    list.ticking = this.#clock.after(Math.max(1, Math.ceil(delayMs)), () => this.#tick(list));
  }

  #tick(list: DeadlineList): void {
    list.ticking = undefined;
    this.#turn.enter();
    try {
      const nowMs = this.#turn.nowMs;
      for (let item = list.first; item !== undefined && item.dueMs <= nowMs; item = list.first) {
        list.unlink(item);
        try {
          item.owner.onExpire();
        } catch (error) {
          this.#turn.onBug(error);
        }
      }
    } finally {
      this.#turn.leave();
    }
    if (list.ticking !== undefined) return;
    if (list.first === undefined) {
      this.#lists.delete(list.durationMs);
      return;
    }
    const graceMs = Math.min(500, list.durationMs / 8);
    this.#arm(list, Math.max(list.first.dueMs - this.#turn.nowMs, graceMs));
  }
}
