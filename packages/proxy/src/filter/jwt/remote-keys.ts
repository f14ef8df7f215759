import { Backoff, type Clock, type Timer } from '@lateen/core';
import { callHttp, type CallContext } from '../../call/index.ts';
import type { ClusterRef } from '../../cluster/cluster-set.ts';
import type { UpkeepTask } from '../upkeep.ts';
import type { JwksSource } from '../../model/jwt-authn.ts';
import type { Fetched, LeadingFetches } from '../../workers/shared-fetches.ts';
import { KeySet } from './key-set.ts';

type Remote = Extract<JwksSource, { kind: 'remote' }>;
type Waiter = (keys: KeySet | undefined) => void;

/** Where keys are fetched for other threads too, and by what name those ask for them. */
export interface KeyOffer {
  readonly fetches: LeadingFetches;
  readonly name: string;
}

/** Told how fetches end. */
export interface KeyFetchCounts {
  onFetched(): void;
  onFailed(): void;
}

/** Keys are fetched again so long before they are out of date (Envoy, `async_fetch`). */
const aheadMs = 5_000;

/**
 * Keys that are fetched when they are needed and kept for a time. Requests that come meanwhile wait for the same fetch;
 * keys that are out of date serve no longer.
 *
 * With `async_fetch` they are fetched from the start of the listener on, again before they are out of date, and after
 * a failure when its time is over; keys that are there serve until others come. Requests before the first ones have them
 * fetched as without it. Source: Envoy, `JwksAsyncFetch`.
 */
export class RemoteKeys implements UpkeepTask {
  readonly #config: Remote;
  readonly #cluster: ClusterRef;
  readonly #context: CallContext;
  readonly #clock: Clock;
  readonly #counts: KeyFetchCounts;
  readonly #host: string;
  readonly #path: string;
  readonly #offer: KeyOffer | undefined;
  #endOffer: (() => void) | undefined;
  #text = '';
  #keys: KeySet | undefined;
  #freshUntilMs = 0;
  #waiting: Set<Waiter> | undefined;
  /** True while keys are fetched by time. */
  #keeping = false;
  #refetch: Timer | undefined;

  /** Throws where the URI is none. */
  constructor(
    config: Remote,
    cluster: ClusterRef,
    context: CallContext,
    clock: Clock,
    counts: KeyFetchCounts,
    offer: KeyOffer | undefined,
  ) {
    const url = new URL(config.uri);
    this.#config = config;
    this.#cluster = cluster;
    this.#context = context;
    this.#clock = clock;
    this.#counts = counts;
    this.#offer = offer;
    this.#host = url.host;
    this.#path = url.pathname + url.search;
  }

  /** Calls `run`, possibly at once, with the keys; undefined where they cannot be had. Answers with how to stop waiting. */
  get(run: Waiter): () => void {
    const isFresh = this.#keeping || this.#clock.monotonicMs() < this.#freshUntilMs;
    if (this.#keys !== undefined && isFresh) {
      run(this.#keys);
      return nothing;
    }
    return this.#wait(run);
  }

  start(): Promise<void> | undefined {
    const { async } = this.#config;
    this.#endOffer ??= this.#offer?.fetches.offer(this.#offer.name, (run) => {
      this.get((keys) => run(keys === undefined ? undefined : this.#fetched()));
    });
    if (async === undefined) return undefined;
    this.#keeping = true;
    const fetched = new Promise<void>((resolve) => this.#wait(() => resolve()));
    return async.fastListener ? undefined : fetched;
  }

  /** From now on keys are fetched only when they are needed. */
  stop(): void {
    this.#keeping = false;
    this.#refetch?.cancel();
    this.#endOffer?.();
    this.#endOffer = undefined;
  }

  #fetched(): Fetched {
    return { text: this.#text, freshMs: this.#freshUntilMs - this.#clock.monotonicMs() };
  }

  #wait(run: Waiter): () => void {
    const begins = this.#waiting === undefined;
    const waiting = (this.#waiting ??= new Set());
    waiting.add(run);
    if (begins) this.#fetch(this.#config.retries, this.#newBackoff());
    return () => void waiting.delete(run);
  }

  #newBackoff(): Backoff {
    const { retryBaseMs, retryMaxMs } = this.#config;
    return new Backoff({ baseMs: retryBaseMs, maxMs: retryMaxMs, random: () => this.#context.random() });
  }

  #fetch(retriesLeft: number, backoff: Backoff): void {
    const request = {
      method: 'GET',
      path: this.#path,
      authority: this.#host,
      headers: [],
      timeoutMs: this.#config.timeoutMs,
    } as const;
    callHttp(this.#context, this.#cluster, request, (result) => {
      const good = result.kind === 'answer' && result.status === 200;
      const text = good ? result.body.toString('utf8') : '';
      const keys = KeySet.parse(text);
      // An answer that is no key set would be the same again: only what failed on its way is asked for once more, as by Envoy.
      const mayHelp = result.kind !== 'answer' || result.status >= 500;
      if (keys !== undefined || retriesLeft === 0 || !mayHelp) {
        this.#finish(keys, text);
        return;
      }
      this.#clock.after(backoff.nextMs(), () => this.#fetch(retriesLeft - 1, backoff));
    });
  }

  #finish(keys: KeySet | undefined, text: string): void {
    const { cacheMs, async } = this.#config;
    if (keys === undefined) {
      this.#counts.onFailed();
    } else {
      this.#counts.onFetched();
      this.#keys = keys;
      this.#freshUntilMs = this.#clock.monotonicMs() + cacheMs;
      if (this.#offer !== undefined) {
        this.#text = text;
        this.#offer.fetches.found(this.#offer.name, this.#fetched());
      }
    }
    if (this.#keeping && async !== undefined) {
      const goodMs = cacheMs > aheadMs ? cacheMs - aheadMs : cacheMs;
      this.#refetch?.cancel();
      this.#refetch = this.#clock.after(keys === undefined ? async.failedRefetchMs : goodMs, () =>
        this.#wait(nothing),
      );
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const run of waiting ?? []) run(keys);
  }
}

function nothing(): void {}
