import type { Clock } from '@lateen/core';
import type { TokenBucketConfig } from '../../model/rate-limit.ts';
import { sharedLevel, type LimitPlace } from './limit-place.ts';
import type { SharedLevel } from './shared-level.ts';

/** A bucket that is filled in steps; a request that finds it empty is too many. */
export class TokenBucket {
  readonly config: TokenBucketConfig;
  readonly #clock: Clock;
  tokens: number;
  filledMs: number;

  constructor(config: TokenBucketConfig, clock: Clock) {
    this.config = config;
    this.#clock = clock;
    this.tokens = config.maxTokens;
    this.filledMs = clock.monotonicMs();
  }

  /** Takes one token; false where there is none. */
  take(): boolean {
    const { maxTokens, tokensPerFill, fillIntervalMs } = this.config;
    const steps = Math.floor((this.#clock.monotonicMs() - this.filledMs) / fillIntervalMs);
    if (steps > 0) {
      this.filledMs += steps * fillIntervalMs;
      this.tokens = Math.min(maxTokens, this.tokens + steps * tokensPerFill);
    }
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }

  /** As of the last {@link take}. */
  get remaining(): number {
    return this.tokens;
  }

  /** Until tokens are added. */
  get refillMs(): number {
    return Math.max(0, this.filledMs + this.config.fillIntervalMs - this.#clock.monotonicMs());
  }
}

/** A bucket of which all threads of a process take. */
class SharedTokenBucket extends TokenBucket {
  readonly #level: SharedLevel;
  readonly #takeAlone = (): boolean => super.take();

  constructor(config: TokenBucketConfig, clock: Clock, level: SharedLevel) {
    super(config, clock);
    this.#level = level;
  }

  override take(): boolean {
    return this.#level.change(this, this.#takeAlone);
  }
}

/** A bucket of this thread; with a place, the one that all threads have there. */
export function createTokenBucket(
  config: TokenBucketConfig,
  clock: Clock,
  place: LimitPlace | undefined,
): TokenBucket {
  const { maxTokens, tokensPerFill, fillIntervalMs } = config;
  const level = sharedLevel(place, `${maxTokens}/${tokensPerFill}/${fillIntervalMs}`);
  return level === undefined ? new TokenBucket(config, clock) : new SharedTokenBucket(config, clock, level);
}
