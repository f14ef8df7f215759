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

/**
 * Keys that are fetched when they are needed and kept for a time. Requests that come meanwhile wait for the same fetch;
 * keys that are out of date serve no longer.
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
    if (this.#keys !== undefined && nowMs < this.#freshUntilMs) {
      run(this.#keys);
      return nothing;
    }
    if (this.#waiting === undefined && nowMs < this.#notBeforeMs) {
      run(undefined);
      return nothing;
    }
    const underWay = this.#waiting !== undefined;
    const waiting = (this.#waiting ??= new Set());
    waiting.add(run);
    if (!underWay) this.#fetch(this.#config.retries, this.#newBackoff());
    return () => void waiting.delete(run);
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
      this.#freshUntilMs = nowMs + this.#config.cacheMs;
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const run of waiting ?? []) run(keys);
  }
}

function nothing(): void {}
