import type { Clock, Logger, Timer } from '@lateen/core';
import type { ReferenceSources, ResourceChange } from '../model/index.ts';

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
  readonly timer: Timer | undefined;
  /** True when it has waited as long as it may. */
  expired: boolean;
}

export interface WaitingSetOptions {
  readonly noun: 'cluster' | 'listener';
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when something has waited as long as it may. */
  readonly onExpired: () => void;
}

/** The resources of one kind: those in force, and those that wait to replace or join them. */
export class WaitingSet<T extends { readonly name: string }> {
  readonly #options: WaitingSetOptions;
  readonly #inForce = new Map<string, Decoded<T>>();
  readonly #waiting = new Map<string, Waiting<T>>();

  constructor(options: WaitingSetOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get names(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  /** Those in force and those that wait. */
  *all(): Generator<Decoded<T>> {
    yield* this.#inForce.values();
    yield* this.#waiting.values();
  }

  /** Puts new resources among the waiting; returns the names of those in force that are gone. */
  take(
    change: ResourceChange<Decoded<T>> | undefined,
    isStatic: boolean,
    isKept: boolean,
  ): readonly string[] {
    const { noun, log } = this.#options;
    for (const decoded of change?.set ?? []) {
      const { name } = decoded.model;
      this.#waiting.get(name)?.timer?.cancel();
      this.#waiting.set(name, this.#entry(decoded, isStatic, isKept));
      log.info(`add/update ${noun} ${name} starting warming`);
    }
    const gone: string[] = [];
    for (const name of change?.remove ?? []) {
      this.#waiting.get(name)?.timer?.cancel();
      this.#waiting.delete(name);
      if (!this.#inForce.delete(name)) continue;
      gone.push(name);
      log.info(`remove ${noun} ${name}`);
    }
    return gone;
  }

  /** Those that need wait no longer. */
  warm(isWarm: (entry: Waiting<T>) => boolean): readonly Waiting<T>[] {
    return [...this.#waiting.values()].filter((entry) => entry.expired || isWarm(entry));
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
      expired: isKept,
      timer:
        warmingTimeoutMs === 0 || isKept
          ? undefined
          : clock.after(warmingTimeoutMs, () => {
              entry.expired = true;
              log.warn(`warming ${noun} ${decoded.model.name} timed out`, { afterMs: warmingTimeoutMs });
              onExpired();
            }),
    };
    return entry;
  }
}
