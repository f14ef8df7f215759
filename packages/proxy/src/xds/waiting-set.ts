import type { Clock, Logger, Timer } from '@lateen/core';
import type { ReferenceSources, ResourceChange } from '../model/index.ts';
import type { ResourceCounts } from './manager-stats.ts';

/** A resource that may have to wait for others, and how long it does; 0: for ever. */
export interface Decoded<T> {
  readonly model: T;
  readonly warmingTimeoutMs: number;
  /** Where what it refers to comes from, unless by ADS. */
  readonly sources?: ReferenceSources;
}

/** A resource that waits. */
export interface Waiting<T> extends Decoded<T> {
  /** True for one of the bootstrap: it waits for no subscription. */
  readonly isStatic: boolean;
  /** True for what was kept since the last run: it waits for nothing. */
  readonly isKept: boolean;
  readonly timer: Timer | undefined;
  /** True when it has waited for what it refers to as long as it may. */
  expired: boolean;
  /** How far that is which it needs from others than control planes: a cluster its hosts, a listener its keys; undefined: not begun. */
  preparation?: 'begun' | 'done';
}

export interface WaitingSetOptions<T> {
  readonly noun: 'cluster' | 'listener';
  readonly clock: Clock;
  readonly log: Logger;
  /** Called with what has waited as long as it may. */
  readonly onExpired: (model: T) => void;
  /** Called when a version has come into force. */
  readonly onInForce?: ((name: string) => void) | undefined;
}

/** The resources of one kind: those in force, and those that wait to replace or join them. */
export class WaitingSet<T extends { readonly name: string }> {
  readonly #options: WaitingSetOptions<T>;
  readonly #inForce = new Map<string, Decoded<T>>();
  readonly #waiting = new Map<string, Waiting<T>>();
  /** What has happened so far; Envoy counts an update when it comes, not when it is in force. */
  readonly counts: ResourceCounts;

  constructor(options: WaitingSetOptions<T>) {
    this.#options = options;
    const inForce = this.#inForce;
    const waiting = this.#waiting;
    this.counts = {
      added: 0,
      modified: 0,
      removed: 0,
      get active() {
        return inForce.size;
      },
      get warming() {
        return waiting.size;
      },
    };
  }

  get size(): number {
    return this.#waiting.size;
  }

  get names(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  /** Those that wait. */
  pending(): readonly T[] {
    return [...this.#waiting.values()].map((entry) => entry.model);
  }

  /** Those in force and those that wait. */
  *all(): Generator<Decoded<T>> {
    yield* this.#inForce.values();
    yield* this.#waiting.values();
  }

  /** Puts new resources among the waiting; returns the names of those that are gone. */
  take(
    change: ResourceChange<Decoded<T>> | undefined,
    isStatic: boolean,
    isKept: boolean,
  ): readonly string[] {
    const { noun, log } = this.#options;
    for (const decoded of change?.set ?? []) {
      const { name } = decoded.model;
      if (this.#inForce.has(name) || this.#waiting.has(name)) this.counts.modified++;
      else this.counts.added++;
      this.#waiting.get(name)?.timer?.cancel();
      this.#waiting.set(name, this.#entry(decoded, isStatic, isKept));
      log.info(`add/update ${noun} ${name} starting warming`);
    }
    const gone: string[] = [];
    for (const name of change?.remove ?? []) {
      this.#waiting.get(name)?.timer?.cancel();
      const waited = this.#waiting.delete(name);
      if (!this.#inForce.delete(name) && !waited) continue;
      this.counts.removed++;
      gone.push(name);
      log.info(`remove ${noun} ${name}`);
    }
    return gone;
  }

  /** Those that need wait no longer. */
  warm(isWarm: (entry: Waiting<T>) => boolean): readonly Waiting<T>[] {
    return [...this.#waiting.values()].filter((entry) => entry.isKept || isWarm(entry));
  }

  /** True where one of the bootstrap waits that is not among these. */
  hasStaticsBesides(entries: readonly Waiting<T>[]): boolean {
    const besides = new Set(this.#waiting.values()).difference(new Set(entries));
    return besides.values().some(({ isStatic }) => isStatic);
  }

  isWaiting(entry: Waiting<T>): boolean {
    return this.#waiting.get(entry.model.name) === entry;
  }

  /** Ends the waiting of these: in force but for the refused, whose predecessors stay. */
  settle(entries: readonly Waiting<T>[], isRefused: (name: string) => boolean): void {
    const { noun, log } = this.#options;
    for (const entry of entries) {
      const { name } = entry.model;
      entry.timer?.cancel();
      this.#waiting.delete(name);
      if (isRefused(name)) continue;
      this.#inForce.set(name, entry);
      this.#options.onInForce?.(name);
      log.info(`warming ${noun} ${name} complete`);
    }
  }

  /** Stops all timers. */
  close(): void {
    for (const entry of this.#waiting.values()) entry.timer?.cancel();
  }

  #entry(decoded: Decoded<T>, isStatic: boolean, isKept: boolean): Waiting<T> {
    const { noun, clock, log, onExpired } = this.#options;
    const { warmingTimeoutMs } = decoded;
    const entry: Waiting<T> = {
      ...decoded,
      isStatic,
      isKept,
      expired: false,
      timer:
        warmingTimeoutMs === 0 || isKept
          ? undefined
          : clock.after(warmingTimeoutMs, () => {
              entry.expired = true;
              log.warn(`warming ${noun} ${decoded.model.name} timed out`, { afterMs: warmingTimeoutMs });
              onExpired(decoded.model);
            }),
    };
    return entry;
  }
}
