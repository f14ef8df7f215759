import type { Traffic } from '../documents.ts';
import { emptyCounters, type Counters } from './proxy-reading.ts';

/** What was counted between two readings; a counter that went back was started anew. */
export function difference(earlier: Counters | undefined, later: Counters): Counters {
  const restarted = earlier === undefined || later.requests < earlier.requests;
  const before = restarted ? emptyCounters() : earlier;
  const buckets = new Map<number, number>();
  for (const [upperMs, count] of later.buckets) {
    buckets.set(upperMs, Math.max(0, count - (before.buckets.get(upperMs) ?? 0)));
  }
  return {
    requests: later.requests - before.requests,
    errors: Math.max(0, later.errors - before.errors),
    buckets,
  };
}

/** Adds counters to others, in place. */
export function addCounters(total: Counters, more: Counters): void {
  total.requests += more.requests;
  total.errors += more.errors;
  for (const [upperMs, count] of more.buckets) {
    total.buckets.set(upperMs, (total.buckets.get(upperMs) ?? 0) + count);
  }
}

/** Rates and durations of what was counted over a span of time. */
export function trafficOf(counted: Counters, spanMs: number): Traffic {
  const p50Ms = quantileMs(counted.buckets, 0.5);
  const p90Ms = quantileMs(counted.buckets, 0.9);
  return {
    requestsPerSecond: spanMs > 0 ? (counted.requests * 1000) / spanMs : 0,
    errorShare: counted.requests > 0 ? Math.min(1, counted.errors / counted.requests) : 0,
    ...(p50Ms === undefined ? {} : { p50Ms }),
    ...(p90Ms === undefined ? {} : { p90Ms }),
  };
}

/**
 * The duration that a share of the requests did not exceed, by linear interpolation within its
 * bucket as `histogram_quantile` does; undefined where nothing was counted.
 */
export function quantileMs(buckets: ReadonlyMap<number, number>, share: number): number | undefined {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  const total = sorted.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const rank = share * total;
  let lowerMs = 0;
  let below = 0;
  for (const [upperMs, count] of sorted) {
    if (count >= rank && count > below) {
      if (upperMs === Infinity) return lowerMs;
      return lowerMs + ((upperMs - lowerMs) * (rank - below)) / (count - below);
    }
    if (upperMs !== Infinity) lowerMs = upperMs;
    below = count;
  }
  return lowerMs;
}
