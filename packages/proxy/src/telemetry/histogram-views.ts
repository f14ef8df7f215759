import type { Histogram } from './histogram.ts';

/** How histograms are shown (Envoy, `/stats?histogram_buckets=`). */
export type HistogramView = 'summary' | 'cumulative' | 'disjoint';

/** The shares that a summary names, in per cent. */
const percentiles = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100];

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Counts up to, or within, each of the bounds. */
function bucketsOf(histogram: Histogram, view: HistogramView): readonly number[] {
  const cumulative = histogram.cumulative();
  return view === 'cumulative' ? cumulative : cumulative.map((count, i) => count - (cumulative[i - 1] ?? 0));
}

/**
 * The line of one histogram: `P50(interval,total)` or `B10(interval,total)`. What came in the last interval is not kept
 * apart: the first of the two is `nan`, or 0.
 */
export function histogramText(histogram: Histogram, view: HistogramView): string {
  if (histogram.count === 0) return 'No recorded values';
  if (view === 'summary') {
    return percentiles.map((p) => `P${p}(nan,${rounded(histogram.quantile(p / 100))})`).join(' ');
  }
  return bucketsOf(histogram, view)
    .map((count, i) => `B${histogram.bounds[i]}(0,${count})`)
    .join(' ');
}

/** The histograms of `/stats?format=json`. */
export function histogramsJson(
  list: readonly { readonly name: string; readonly histogram: Histogram }[],
  view: HistogramView,
): unknown {
  if (view === 'summary') {
    return {
      supported_quantiles: percentiles,
      computed_quantiles: list.map(({ name, histogram }) => ({
        name,
        values: percentiles.map((p) => ({
          interval: null,
          cumulative: histogram.count === 0 ? null : rounded(histogram.quantile(p / 100)),
        })),
      })),
    };
  }
  return list.map(({ name, histogram }) => ({
    name,
    buckets: bucketsOf(histogram, view).map((count, i) => ({
      upper_bound: histogram.bounds[i],
      interval: 0,
      cumulative: count,
    })),
  }));
}
