import type { Clock, Problem } from '@lateen/core';
import type { ConnectionInfo } from '../../listener/connection-info.ts';
import type { LocalRateLimit } from '../../model/rate-limit.ts';
import type { Fraction } from '../../model/string-match.ts';
import { compileHeaderOperations, type CompiledHeaderOperations } from '../../route/header-operations.ts';
import { flag } from '../../telemetry/response-flags.ts';
import type { FilterServices } from '../filter-services.ts';
import type { CompiledHttpFilter, FilterExchange } from '../http-filter.ts';
import { DescriptorFinder, type Entry } from './descriptors.ts';
import { addLimitHeaders, type LimitNotice } from './limit-headers.ts';
import { placeOfRoute, placeWithin, type LimitPlace } from './limit-place.ts';
import { createTokenBucket, type TokenBucket } from './token-bucket.ts';

const resourceExhausted = 8;

/** Not set means nobody, as in Envoy. */
function hits(fraction: Fraction | undefined, random: () => number): boolean {
  return fraction !== undefined && random() * fraction.denominator < fraction.numerator;
}

function keyOf(entries: readonly Entry[]): string {
  return JSON.stringify(entries);
}

function noticeOf(bucket: TokenBucket): LimitNotice {
  return {
    limit: String(bucket.config.maxTokens),
    remaining: bucket.remaining,
    resetSeconds: Math.ceil(bucket.refillMs / 1_000),
  };
}

/** The buckets of one limit, for all clients or for one connection. */
class Buckets {
  readonly #common: TokenBucket | undefined;
  readonly #alwaysTakeDefault: boolean;
  readonly #own = new Map<string, TokenBucket>();

  constructor(limit: LocalRateLimit, clock: Clock, place: LimitPlace | undefined) {
    this.#common = limit.bucket === undefined ? undefined : createTokenBucket(limit.bucket, clock, place);
    this.#alwaysTakeDefault = limit.alwaysTakeDefault;
    for (const { entries, bucket } of limit.descriptors) {
      const key = keyOf(entries);
      this.#own.set(key, createTokenBucket(bucket, clock, placeWithin(place, key)));
    }
  }

  /** Takes of the buckets of these descriptors, and of the common one; the bucket that decided, if there is any. */
  take(descriptors: readonly (readonly Entry[])[]): {
    readonly allowed: boolean;
    readonly by: TokenBucket | undefined;
  } {
    let last: TokenBucket | undefined;
    for (const entries of descriptors) {
      const bucket = this.#own.get(keyOf(entries));
      if (bucket === undefined) continue;
      if (!bucket.take()) return { allowed: false, by: bucket };
      if (last === undefined || bucket.remaining < last.remaining) last = bucket;
    }
    if (last !== undefined && !this.#alwaysTakeDefault) return { allowed: true, by: last };
    if (this.#common?.take() === false) return { allowed: false, by: this.#common };
    return { allowed: true, by: last ?? this.#common };
  }
}

/** A limit with its buckets. */
class CompiledLimit {
  readonly model: LocalRateLimit;
  readonly #clock: Clock;
  readonly #finder: DescriptorFinder;
  readonly #shared: Buckets;
  readonly #ofConnections = new WeakMap<ConnectionInfo, Buckets>();
  readonly responseHeaders: CompiledHeaderOperations | undefined;
  readonly requestHeaders: CompiledHeaderOperations | undefined;

  constructor(
    model: LocalRateLimit,
    clock: Clock,
    sourceCluster: string,
    place: LimitPlace | undefined,
    path: string,
    bad: Problem[],
  ) {
    this.model = model;
    this.#clock = clock;
    this.#finder = new DescriptorFinder(model.stage, sourceCluster);
    this.#shared = new Buckets(model, clock, model.perConnection ? undefined : place);
    this.responseHeaders = compileHeaderOperations({ add: model.responseHeaders, remove: [] }, path, bad);
    this.requestHeaders = compileHeaderOperations(
      { add: model.requestHeadersWhenNotEnforced, remove: [] },
      path,
      bad,
    );
  }

  take(exchange: FilterExchange): ReturnType<Buckets['take']> {
    const { descriptors, hostRateLimits } = this.model;
    const found =
      descriptors.length === 0
        ? []
        : this.#finder.find(exchange, hostRateLimits).map(({ entries }) => entries);
    return this.#bucketsFor(exchange.connection).take(found);
  }

  #bucketsFor(connection: ConnectionInfo): Buckets {
    if (!this.model.perConnection) return this.#shared;
    let buckets = this.#ofConnections.get(connection);
    if (buckets === undefined) {
      buckets = new Buckets(this.model, this.#clock, undefined);
      this.#ofConnections.set(connection, buckets);
    }
    return buckets;
  }
}

/** What the answer to a request is told besides. */
interface Answer {
  readonly notice: LimitNotice | undefined;
  readonly headers: CompiledHeaderOperations | undefined;
}

/** Answers what is too much with 429, for this proxy alone; a route may have a limit of its own. */
export function localRateLimitFilter(
  name: string,
  limit: LocalRateLimit,
  services: Pick<FilterServices, 'clock' | 'nodeCluster' | 'rateLimitStats' | 'limits'>,
  path: string,
  bad: Problem[],
): CompiledHttpFilter {
  const { clock, nodeCluster: sourceCluster, rateLimitStats: statsOf, limits } = services;
  const own = new CompiledLimit(limit, clock, sourceCluster, placeWithin(limits, path), path, bad);
  const ofRoutes = new WeakMap<LocalRateLimit, CompiledLimit>();
  const answers = new WeakMap<FilterExchange, Answer>();

  function limitFor(exchange: FilterExchange): CompiledLimit | undefined {
    const config = exchange.routeConfig(name);
    if (config?.kind === 'disabled') return undefined;
    if (config?.kind !== 'local_rate_limit') return own;
    let compiled = ofRoutes.get(config.limit);
    if (compiled === undefined) {
      const place = placeOfRoute(exchange, config.limit.place, limits);
      compiled = new CompiledLimit(config.limit, clock, sourceCluster, place, path, []);
      ofRoutes.set(config.limit, compiled);
    }
    return compiled;
  }

  return {
    name,
    onRequest(exchange) {
      const wanted = limitFor(exchange);
      if (wanted === undefined || !hits(wanted.model.enabled, exchange.random)) return 'continue';
      const { model } = wanted;
      const stats = statsOf(model.statPrefix);
      stats.enabled++;
      const { allowed, by } = wanted.take(exchange);
      const notice = model.xRateLimitHeaders && by !== undefined ? noticeOf(by) : undefined;
      if (notice !== undefined) answers.set(exchange, { notice, headers: undefined });
      if (allowed) {
        stats.ok++;
        return 'continue';
      }
      stats.rateLimited++;
      if (!hits(model.enforced, exchange.random)) {
        wanted.requestHeaders?.apply(exchange.head.headers, exchange);
        return 'continue';
      }
      stats.enforced++;
      answers.set(exchange, { notice, headers: wanted.responseHeaders });
      exchange.addFlag(flag.rateLimited);
      const options = model.resourceExhausted ? { grpcStatus: resourceExhausted } : {};
      exchange.reply(model.status, 'local_rate_limited', 'local_rate_limited', options);
      return 'stop';
    },
    onResponse(exchange, response) {
      const answer = answers.get(exchange);
      if (answer?.notice !== undefined) addLimitHeaders(response.headers, answer.notice);
      answer?.headers?.apply(response.headers, exchange);
    },
  };
}
