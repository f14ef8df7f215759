import type { GrpcServiceConfig } from './grpc-service.ts';
import type { StringMatch } from './string-match.ts';

/** A label that is cut out of the names of statistics, or has one value for all. */
export type StatTag =
  /**
   * The first group is cut out of a name that matches; the value is the second group, or the first where there is no
   * second.
   */
  { readonly name: string; readonly regex: string } | { readonly name: string; readonly fixedValue: string };

/** A tag that all statistics have with one value (`--stats-tag`). */
export interface FixedStatTag {
  readonly name: string;
  readonly value: string;
}

/** Which statistics there are to see. */
export type StatsMatcher =
  | { readonly kind: 'none' }
  | { readonly kind: 'only' | 'except'; readonly patterns: readonly StringMatch[] };

/** How statistics are named and shown (`envoy.config.metrics.v3.StatsConfig`). */
export interface StatsOptions {
  /** Envoy's own labels, as `envoy_cluster_name`. */
  readonly defaultTags: boolean;
  readonly tags: readonly StatTag[];
  /** Undefined: all are seen. */
  readonly matcher?: StatsMatcher;
  /** Upper bounds of the buckets of histograms; the first that matches holds. */
  readonly histogramBuckets: readonly {
    readonly match: StringMatch;
    readonly bounds: readonly number[];
  }[];
  readonly sinks: readonly StatsSink[];
  /** Sinks are told of the values of histograms only: another worker tells them of the rest. */
  readonly sinksHearValuesOnly?: boolean;
  /** How often sinks are told; undefined: when the admin port is asked for statistics, and at no other time. */
  readonly flushIntervalMs: number | undefined;
}

/** Where statistics are sent to. */
export type StatsSink =
  /** StatsD in datagrams; with `tags` in the way of DogStatsD. */
  | {
      readonly kind: 'statsd_udp';
      readonly to: { readonly address: string; readonly port: number };
      readonly prefix: string;
      readonly tags: boolean;
      /** As many lines as fit share a datagram; 0: each line has its own. */
      readonly maxDatagramBytes: number;
    }
  /** StatsD on a connection to a cluster. */
  | { readonly kind: 'statsd_tcp'; readonly cluster: string; readonly prefix: string }
  | MetricsServiceSink;

/** `envoy.service.metrics.v3.MetricsService` (Envoy's `MetricsServiceConfig`). */
export interface MetricsServiceSink {
  readonly kind: 'metrics_service';
  readonly service: GrpcServiceConfig;
  /** Counters tell what came since the last time; default: all. */
  readonly countersAsDeltas: boolean;
  /** Labels beside names without what they say; default: whole names. */
  readonly labels: boolean;
  /** Histograms by their quantiles; default both. */
  readonly summaries: boolean;
  /** Histograms by their buckets. */
  readonly buckets: boolean;
}
