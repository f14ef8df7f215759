import type { Histogram } from './histogram.ts';

/** Hears each statistic of a group. */
export interface StatVisitor {
  number(name: string, kind: 'counter' | 'gauge', value: number): void;
  histogram(name: string, histogram: Histogram): void;
  /** A word, as Envoy's text read-outs; Prometheus has no place for it. */
  text(name: string, value: string): void;
}

/** Where statistics stand among all. */
export interface StatPlace {
  /** What stands before each name in Envoy's text, as in `cluster.reviews.`. */
  readonly prefix: string;
  /** The same for Prometheus, without what became a label: `envoy_cluster_`. */
  readonly prometheusPrefix: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Statistics that belong together: those of one cluster, of one listener. The numbers are plain
 * fields of an object, so that counting is one addition; names are put together only when
 * somebody looks.
 */
export interface StatGroup extends StatPlace {
  visit(visitor: StatVisitor): void;
  resetCounters(): void;
}
