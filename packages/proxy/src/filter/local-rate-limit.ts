import type { Clock } from '@lateen/core';
import type { LocalRateLimit } from '../model/http-filter.ts';
import type { Fraction } from '../model/string-match.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { RateLimitStats } from '../telemetry/rate-limit-stats.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

/** A bucket that is filled in steps; a request that finds it empty is too many. */
export class TokenBucket {
  readonly #limit: LocalRateLimit;
  readonly #clock: Clock;
  #tokens: number;
  #filledMs: number;

  constructor(limit: LocalRateLimit, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
    this.#tokens = limit.maxTokens;
    this.#filledMs = clock.monotonicMs();
  }

  /** Takes one token; false where there is none. */
  take(): boolean {
    const { maxTokens, tokensPerFill, fillIntervalMs } = this.#limit;
    const steps = Math.floor((this.#clock.monotonicMs() - this.#filledMs) / fillIntervalMs);
    if (steps > 0) {
      this.#filledMs += steps * fillIntervalMs;
      this.#tokens = Math.min(maxTokens, this.#tokens + steps * tokensPerFill);
    }
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

/** Not set means nobody, as in Envoy. */
function hits(fraction: Fraction | undefined, random: () => number): boolean {
  return fraction !== undefined && random() * fraction.denominator < fraction.numerator;
}

/** Answers what is too much with 429, for this proxy alone; a route may have a bucket of its own. */
export function localRateLimitFilter(
  name: string,
  limit: LocalRateLimit,
  clock: Clock,
  statsOf: (statPrefix: string) => RateLimitStats,
): CompiledHttpFilter {
  const buckets = new WeakMap<LocalRateLimit, TokenBucket>();

  function limitFor(exchange: FilterExchange): LocalRateLimit | undefined {
    const config = exchange.routeConfig(name);
    if (config?.kind === 'disabled') return undefined;
    return config?.kind === 'local_rate_limit' ? config.limit : limit;
  }

  return {
    name,
    onRequest(exchange) {
      const wanted = limitFor(exchange);
      if (wanted === undefined || !hits(wanted.enabled, exchange.random)) return 'continue';
      const stats = statsOf(wanted.statPrefix);
      stats.enabled++;
      let bucket = buckets.get(wanted);
      if (bucket === undefined) {
        bucket = new TokenBucket(wanted, clock);
        buckets.set(wanted, bucket);
      }
      if (bucket.take()) {
        stats.ok++;
        return 'continue';
      }
      stats.rateLimited++;
      if (!hits(wanted.enforced, exchange.random)) return 'continue';
      stats.enforced++;
      exchange.addFlag(flag.rateLimited);
      exchange.reply(wanted.status, 'local_rate_limited', 'local_rate_limited', {
        headers: [['x-envoy-ratelimited', 'true']],
      });
      return 'stop';
    },
  };
}
