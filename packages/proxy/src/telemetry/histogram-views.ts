import type { HistogramStates } from './histogram-intervals.ts';
import { Histogram } from './histogram.ts';

/** How histograms are shown (Envoy, `/stats?histogram_buckets=`). */
export type HistogramView = 'summary' | 'cumulative' | 'disjoint' | 'detailed';

/** A histogram as it is shown: all that it has recorded, and what came in the last interval. */
export interface ShownHistogram {
  readonly name: string;
  readonly total: Histogram;
  readonly interval: Histogram;
}

const nothing = new Histogram();

/** The histogram with what the intervals know of it. */
export function shown(
  name: string,
  total: Histogram,
  intervals: HistogramStates | undefined,
): ShownHistogram {
  const state = intervals?.get(name);
  if (state === undefined) return { name, total, interval: nothing };
  const interval = new Histogram();
  interval.add(state);
  return { name, total, interval };
}

/** The shares that a summary names, in per cent. */
const percentiles = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100];

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Undefined where nothing has been recorded. */
function quantileOf(histogram: Histogram, percentile: number): number | undefined {
  return histogram.count === 0 ? undefined : rounded(histogram.quantile(percentile / 100));
}

interface Bucket {
  readonly lower: number;
  readonly upper: number;
  readonly interval: number;
  readonly total: number;
}

/** Counts up to, or within, each of the bounds. */
function bucketsOf({ total, interval }: ShownHistogram, isCumulative: boolean): readonly Bucket[] {
  const all = total.cumulative();
  const fresh = interval.cumulative();
  const countOf = (counts: readonly number[], i: number): number =>
    (counts[i] ?? 0) - (isCumulative ? 0 : (counts[i - 1] ?? 0));
  return total.bounds.map((upper, i) => ({
    lower: total.bounds[i - 1] ?? 0,
    upper,
    interval: countOf(fresh, i),
    total: countOf(all, i),
  }));
}

/** Buckets that have something in them, as `lower,width:count`. */
function filledText(buckets: readonly Bucket[], of: 'interval' | 'total'): string {
  return buckets
    .filter((bucket) => bucket[of] > 0)
    .map((bucket) => `${bucket.lower},${bucket.upper - bucket.lower}:${bucket[of]}`)
    .join(', ');
}

function filledJson(buckets: readonly Bucket[], of: 'interval' | 'total'): readonly object[] {
  return buckets
    .filter((bucket) => bucket[of] > 0)
    .map((bucket) => ({
      lower_bound: bucket.lower,
      width: bucket.upper - bucket.lower,
      count: bucket[of],
    }));
}

function summaryText({ total, interval }: ShownHistogram): string {
  return percentiles
    .map((p) => `P${p}(${quantileOf(interval, p) ?? 'nan'},${quantileOf(total, p) ?? 'nan'})`)
    .join(' ');
}

/** One histogram as text, with its name: `P50(interval,total)` or `B10(interval,total)`. */
export function histogramText(histogram: ShownHistogram, view: HistogramView): string {
  const { name, total } = histogram;
  if (total.count === 0) return `${name}: No recorded values\n`;
  if (view === 'summary') return `${name}: ${summaryText(histogram)}\n`;
  const buckets = bucketsOf(histogram, view === 'cumulative');
  if (view === 'detailed') {
    const parts = [
      ['totals', filledText(buckets, 'total')],
      ['intervals', filledText(buckets, 'interval')],
      ['summary', summaryText(histogram)],
    ];
    return `${name}:\n${parts.map(([key, value]) => `  ${key}=${value}\n`).join('')}`;
  }
  return `${name}: ${buckets.map((one) => `B${one.upper}(${one.interval},${one.total})`).join(' ')}\n`;
}

function percentilesJson({ total, interval }: ShownHistogram): readonly object[] {
  return percentiles.map((p) => ({
    interval: quantileOf(interval, p) ?? null,
    cumulative: quantileOf(total, p) ?? null,
  }));
}

/** The histograms of `/stats?format=json`. */
export function histogramsJson(list: readonly ShownHistogram[], view: HistogramView): unknown {
  if (view === 'summary') {
    return {
      supported_quantiles: percentiles,
      computed_quantiles: list.map((one) => ({ name: one.name, values: percentilesJson(one) })),
    };
  }
  if (view === 'detailed') {
    return {
      supported_percentiles: percentiles,
      details: list.map((one) => {
        const buckets = bucketsOf(one, false);
        return {
          name: one.name,
          totals: filledJson(buckets, 'total'),
          intervals: filledJson(buckets, 'interval'),
          percentiles: percentilesJson(one),
        };
      }),
    };
  }
  return list.map((one) => ({
    name: one.name,
    buckets: bucketsOf(one, view === 'cumulative').map(({ upper, interval, total }) => ({
      upper_bound: upper,
      interval,
      cumulative: total,
    })),
  }));
}

/** What a summary of Prometheus says of a histogram: a share, from 0 to 1, and the value below which it lies. */
export function quantilesOf(histogram: Histogram): readonly (readonly [share: string, value: number])[] {
  return percentiles.map((p) => [String(p / 100), rounded(histogram.quantile(p / 100))]);
}
