import type { Clock } from '@lateen/core';
import type { JwksSource } from '../../model/jwt-authn.ts';
import type { Fetched, FollowingFetches } from '../../workers/shared-fetches.ts';
import type { UpkeepTask } from '../upkeep.ts';
import { KeySet } from './key-set.ts';
import type { KeySource } from './provider.ts';

/**
 * Keys that the first thread fetches for all, by the rules of `RemoteKeys`. Requests that come before it has them, or when
 * they are out of date, wait for it. Where it does not fetch them, and when the listener is no longer in force, this
 * thread does by itself.
 */
export class FollowedKeys implements UpkeepTask {
  readonly #name: string;
  readonly #async: Extract<JwksSource, { kind: 'remote' }>['async'];
  readonly #fetches: FollowingFetches;
  readonly #clock: Clock;
  readonly #ownKeys: () => KeySource;
  #own: KeySource | undefined;
  #keys: KeySet | undefined;
  #freshUntilMs = 0;
  #waiting: Set<(keys: KeySet | undefined) => void> | undefined;
  /** True while the first thread fetches by time. */
  #keeping = false;
  #unfollow: (() => void) | undefined;

  /** `name` is that of the `RemoteKeys` of the first thread. */
  constructor(
    name: string,
    { async }: Extract<JwksSource, { kind: 'remote' }>,
    fetches: FollowingFetches,
    clock: Clock,
    ownKeys: () => KeySource,
  ) {
    this.#name = name;
    this.#async = async;
    this.#fetches = fetches;
    this.#clock = clock;
    this.#ownKeys = ownKeys;
  }

  /** As `RemoteKeys.get`. */
  get(run: (keys: KeySet | undefined) => void): () => void {
    const isFresh = this.#keeping || this.#clock.monotonicMs() < this.#freshUntilMs;
    if (this.#keys !== undefined && isFresh) {
      run(this.#keys);
      return () => {};
    }
    if (this.#unfollow === undefined) return this.#getOwn(run);
    return this.#wait(run);
  }

  start(): Promise<void> | undefined {
    this.#unfollow ??= this.#fetches.follow(this.#name, (fetched) => this.#take(fetched));
    if (this.#async === undefined) return undefined;
    this.#keeping = true;
    const fetched = new Promise<void>((resolve) => this.#wait(() => resolve()));
    return this.#async.fastListener ? undefined : fetched;
  }

  stop(): void {
    this.#keeping = false;
    this.#unfollow?.();
    this.#unfollow = undefined;
  }

  #getOwn(run: (keys: KeySet | undefined) => void): () => void {
    this.#own ??= this.#ownKeys();
    return this.#own.get(run);
  }

  #wait(run: (keys: KeySet | undefined) => void): () => void {
    const begins = this.#waiting === undefined;
    const waiting = (this.#waiting ??= new Set());
    waiting.add(run);
    if (begins) {
      this.#fetches.ask(this.#name, (answer) => {
        if (answer === 'unknown') {
          this.stop();
          this.#getOwn((keys) => this.#settle(keys));
          return;
        }
        this.#settle(answer === 'failed' ? undefined : this.#take(answer));
      });
    }
    return () => void waiting.delete(run);
  }

  #take({ text, freshMs }: Fetched): KeySet | undefined {
    this.#keys = KeySet.parse(text);
    this.#freshUntilMs = this.#clock.monotonicMs() + freshMs;
    return this.#keys;
  }

  #settle(keys: KeySet | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const run of waiting ?? []) run(keys);
  }
}
