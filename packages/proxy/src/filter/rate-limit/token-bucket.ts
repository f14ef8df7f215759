import type { Clock } from '@lateen/core';
import type { TokenBucketConfig } from '../../model/rate-limit.ts';
import type { SharedCells } from '../../workers/shared-cells.ts';

/** A bucket that is filled in steps; a request that finds it empty is too many. */
export class TokenBucket {
  readonly config: TokenBucketConfig;
  protected readonly clock: Clock;
  protected tokens: number;
  protected filledMs: number;

  constructor(config: TokenBucketConfig, clock: Clock) {
    this.config = config;
    this.clock = clock;
    this.tokens = config.maxTokens;
    this.filledMs = clock.monotonicMs();
  }

  /** Takes one token; false where there is none. */
  take(): boolean {
    const { maxTokens, tokensPerFill, fillIntervalMs } = this.config;
    const steps = Math.floor((this.clock.monotonicMs() - this.filledMs) / fillIntervalMs);
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
    return Math.max(0, this.filledMs + this.config.fillIntervalMs - this.clock.monotonicMs());
  }
}

/** Where a limit is counted for all threads of a process, and who has it: the same words in each thread. */
export interface LimitPlace {
  readonly cells: SharedCells;
  readonly owner: string;
}

/** What is in a slot: the lock, whether it has begun, the tokens, and in the cells after them the time of the last filling. */
const part = { lock: 0, begun: 1, tokens: 2, filledMs: 4 } as const;

/**
 * A bucket of which all threads of a process take. Its state is in shared memory under a lock of its own; the time is
 * that of `performance.now()`, which is one for all threads.
 */
class SharedTokenBucket extends TokenBucket {
  readonly #cells: Int32Array;
  readonly #times: Float64Array;
  readonly #at: number;

  constructor(config: TokenBucketConfig, clock: Clock, { cells, buffer }: SharedCells, at: number) {
    super(config, clock);
    this.#cells = cells;
    this.#times = new Float64Array(buffer, (at + part.filledMs) * Int32Array.BYTES_PER_ELEMENT, 1);
    this.#at = at;
  }

  override take(): boolean {
    const lock = this.#at + part.lock;
    while (Atomics.compareExchange(this.#cells, lock, 0, 1) !== 0) Atomics.wait(this.#cells, lock, 1);
    try {
      return this.#takeAlone();
    } finally {
      Atomics.store(this.#cells, lock, 0);
      Atomics.notify(this.#cells, lock, 1);
    }
  }

  #takeAlone(): boolean {
    const begun = this.#at + part.begun;
    const tokens = this.#at + part.tokens;
    if (this.#cells[begun] === 1) {
      this.tokens = this.#cells[tokens] ?? 0;
      this.filledMs = this.#times[0] ?? 0;
    }
    const taken = super.take();
    this.#cells[begun] = 1;
    this.#cells[tokens] = this.tokens;
    this.#times[0] = this.filledMs;
    return taken;
  }
}

/** A bucket of this thread; with a place, the one that all threads have there. */
export function createTokenBucket(
  config: TokenBucketConfig,
  clock: Clock,
  place: LimitPlace | undefined,
): TokenBucket {
  if (place === undefined) return new TokenBucket(config, clock);
  const { maxTokens, tokensPerFill, fillIntervalMs } = config;
  // Another configuration begins with a full bucket. Never let go, as there are not many.
  const at = place.cells.acquire(`bucket ${place.owner} ${maxTokens}/${tokensPerFill}/${fillIntervalMs}`);
  return at === undefined
    ? new TokenBucket(config, clock)
    : new SharedTokenBucket(config, clock, place.cells, at);
}

/** The place of a part of what somebody limits. */
export function placeWithin(place: LimitPlace | undefined, name: string): LimitPlace | undefined {
  return place === undefined ? undefined : { cells: place.cells, owner: `${place.owner} ${name}` };
}
