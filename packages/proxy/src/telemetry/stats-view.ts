import type { HistogramStates } from './histogram-intervals.ts';
import type { HistogramView } from './histogram-views.ts';
import type { StatGroup } from './stat-group.ts';
import type { StatsSnapshot } from './stats-snapshot.ts';

export type StatKind = 'counter' | 'gauge' | 'histogram' | 'text';

/** Which statistics are shown. */
export interface StatFilter {
  /** Without those that never were anything but zero. */
  readonly usedOnly?: boolean;
  readonly regex?: { test(name: string): boolean };
  readonly kind?: StatKind;
  /** Default `summary`. */
  readonly histograms?: HistogramView;
  /** What histograms recorded in the last interval; default: nothing is known of it. */
  readonly intervals?: HistogramStates;
}

export interface PrometheusFilter {
  readonly usedOnly?: boolean;
  /** Of Envoy's names; Istio's metrics have none and are left out. */
  readonly regex?: { test(name: string): boolean };
  /** Words too, as gauges of 0 with the label `text_value`. */
  readonly textReadouts?: boolean;
  /** Histograms as summaries, by their quantiles. */
  readonly summaries?: boolean;
}

/** The counters, gauges and histograms of the process, as the admin port and scrapes show them. */
export interface StatsView {
  /** Envoy's text: `name: value`, sorted, histograms last. */
  text(filter?: StatFilter): string;
  /** Envoy's JSON: `{"stats":[{"name","value"}…,{"histograms"}]}`. */
  json(filter?: StatFilter): unknown;
  /** Prometheus text: `envoy_…` and Istio's own metrics. */
  prometheus(filter?: PrometheusFilter): string;
  resetCounters(): void;
  /** What each histogram has recorded. */
  histogramStates(): HistogramStates;
  /** Everything as it is now, to be sent to another thread or process. */
  snapshot(): StatsSnapshot;
  /** These statistics and those of others as one. */
  mergedWith(others: readonly StatsSnapshot[]): StatsView;
  /** Shows more statistics. */
  add(group: StatGroup): void;
  remove(group: StatGroup): void;
}
