import { Backoff, type Clock } from '@lateen/core';
import { callHttp, type CallContext } from '../../call/index.ts';
import type { ClusterRef } from '../../cluster/cluster-set.ts';
import type { JwksSource } from '../../model/jwt-authn.ts';
import { KeySet } from './key-set.ts';

type Remote = Extract<JwksSource, { kind: 'remote' }>;
type Waiter = (keys: KeySet | undefined) => void;

/** Told how fetches end. */
export interface KeyFetchCounts {
  onFetched(): void;
  onFailed(): void;
}

/** Keys are fetched again so long before they are out of date, as Envoy's `async_fetch` does. */
const aheadMs = 5_000;

/**
 * Keys that are fetched when they are needed and kept for a time. Requests that come meanwhile wait for the same fetch;
 * keys that are out of date serve no longer.
 *
 * With `async_fetch` requests that come shortly before that have them fetched again and do not wait, and where nobody
 * answers the last keys serve on. Envoy fetches by a timer: here who is asked for nothing fetches nothing.
 */
export class RemoteKeys {
  readonly #config: Remote;
  readonly #cluster: ClusterRef;
  readonly #context: CallContext;
  readonly #clock: Clock;
  readonly #counts: KeyFetchCounts;
  readonly #host: string;
  readonly #path: string;
  #keys: KeySet | undefined;
  #freshUntilMs = 0;
  /** From when on a request has them fetched without waiting. */
  #refetchMs = Number.POSITIVE_INFINITY;
  #notBeforeMs = 0;
  #waiting: Set<Waiter> | undefined;

  /** Throws where the URI is none. */
  constructor(
    config: Remote,
    cluster: ClusterRef,
    context: CallContext,
    clock: Clock,
    counts: KeyFetchCounts,
  ) {
    const url = new URL(config.uri);
    this.#config = config;
    this.#cluster = cluster;
    this.#context = context;
    this.#clock = clock;
    this.#counts = counts;
    this.#host = url.host;
    this.#path = url.pathname + url.search;
  }

  /** Calls `run`, possibly at once, with the keys; undefined where they cannot be had. Answers with how to stop waiting. */
  get(run: Waiter): () => void {
    const nowMs = this.#clock.monotonicMs();
    const mayFetch = this.#waiting === undefined && nowMs >= this.#notBeforeMs;
    if (this.#keys !== undefined && nowMs < this.#freshUntilMs) {
      run(this.#keys);
      if (mayFetch && nowMs >= this.#refetchMs) this.#begin();
      return nothing;
    }
    if (this.#waiting === undefined && !mayFetch) {
      run(this.#lastResort);
      return nothing;
    }
    const waiting = this.#waiting ?? this.#begin(run);
    waiting.add(run);
    return () => void waiting.delete(run);
  }

  /** What there is where keys cannot be had. */
  get #lastResort(): KeySet | undefined {
    return this.#config.async === undefined ? undefined : this.#keys;
  }

  #begin(...first: readonly Waiter[]): Set<Waiter> {
    const waiting = new Set(first);
    this.#waiting = waiting;
    this.#fetch(this.#config.retries, this.#newBackoff());
    return waiting;
  }

  /** Has the keys before the first request that needs them, where that is asked for. */
  prefetch(): void {
    if (this.#config.async !== undefined) this.get(nothing);
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
      const keys = good ? KeySet.parse(result.body.toString('utf8')) : undefined;
      if (keys !== undefined || retriesLeft === 0) {
        this.#finish(keys);
        return;
      }
      this.#clock.after(backoff.nextMs(), () => this.#fetch(retriesLeft - 1, backoff));
    });
  }

  #finish(keys: KeySet | undefined): void {
    const nowMs = this.#clock.monotonicMs();
    if (keys === undefined) {
      this.#counts.onFailed();
      this.#notBeforeMs = nowMs + (this.#config.async?.failedRefetchMs ?? 0);
    } else {
      this.#counts.onFetched();
      this.#keys = keys;
      const { cacheMs, async } = this.#config;
      this.#freshUntilMs = nowMs + cacheMs;
      if (async !== undefined) this.#refetchMs = nowMs + cacheMs - Math.min(aheadMs, cacheMs / 2);
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const run of waiting ?? []) run(keys ?? this.#lastResort);
  }
}

function nothing(): void {}
