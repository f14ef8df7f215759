import type { Clock } from '@lateen/core';
import { encode, type JsonObject } from '@lateen/protocol';
import { MetricsService, StreamMetricsMessage } from '@lateen/protocol/envoy/service/metrics/v3';
import type { Metric, MetricFamily, MetricType } from '@lateen/protocol/io/prometheus/client';
import { grpcTarget } from '../../call/grpc-target.ts';
import { tellGrpc, type CallContext, type GrpcTarget } from '../../call/index.ts';
import type { NodeIdentity } from '../../model/node-identity.ts';
import type { MetricsServiceSink } from '../../model/stats.ts';
import { since, type HistogramStates } from '../histogram-intervals.ts';
import { quantilesOf } from '../histogram-views.ts';
import { Histogram, type HistogramState } from '../histogram.ts';
import type { SeenStat, StatsRegistry } from '../stats-registry.ts';

export interface MetricsServiceContext extends CallContext {
  readonly clock: Clock;
  readonly node: NodeIdentity | undefined;
}

const path = MetricsService.streamMetrics.path;
const callTimeoutMs = 5_000;
/** How long the last call has at the end. */
const closeTimeoutMs = 500;

/**
 * Tells Envoy's `MetricsService` of the statistics that are used: counters as they are, or what came since the last
 * time; gauges; what histograms recorded since the last time. Each time is a call of its own, a stream of one message; while one
 * is not answered, the next one waits for the interval after it.
 */
export class MetricsServiceTeller {
  readonly #sink: MetricsServiceSink;
  readonly #context: MetricsServiceContext;
  readonly #target: GrpcTarget;
  /** What was told of counters last. */
  readonly #told = new Map<string, number>();
  #histograms: HistogramStates = new Map();
  #underWay: Promise<void> | undefined;

  constructor(sink: MetricsServiceSink, cluster: GrpcTarget['cluster'], context: MetricsServiceContext) {
    this.#sink = sink;
    this.#context = context;
    this.#target = grpcTarget(sink.service, { clusterRef: () => cluster }, callTimeoutMs);
  }

  tell(all: StatsRegistry): void {
    if (this.#underWay !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#underWay = promise;
    tellGrpc(this.#context, this.#target, path, this.#message(all), () => {
      this.#underWay = undefined;
      resolve();
    });
  }

  /** Resolves when the last call is over, or has had its time. */
  async close(): Promise<void> {
    if (this.#underWay === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#context.clock.after(closeTimeoutMs, resolve);
    await Promise.race([this.#underWay, promise]);
    timer.cancel();
  }

  #message(all: StatsRegistry): Uint8Array {
    const { node } = this.#context;
    return encode(StreamMetricsMessage, {
      identifier: {
        node: {
          id: node?.id,
          cluster: node?.cluster,
          metadata: node?.metadata as JsonObject | undefined,
          locality: node?.locality,
          userAgentName: 'lateen',
        },
      },
      envoyMetrics: [...this.#numbers(all), ...this.#recorded(all)],
    });
  }

  #numbers(all: StatsRegistry): MetricFamily[] {
    const families: MetricFamily[] = [];
    all.forEach((stat, kind, value) => {
      const told = this.#told.get(stat.name);
      if (value === 0 && told === undefined) return;
      this.#told.set(stat.name, value);
      if (kind === 'gauge') {
        families.push(this.#family(stat, 'GAUGE', { gauge: { value } }));
        return;
      }
      // Less than before: the counters were set to zero.
      const fresh = told === undefined || told > value ? value : value - told;
      const counter = { value: this.#sink.countersAsDeltas ? fresh : value };
      families.push(this.#family(stat, 'COUNTER', { counter }));
    });
    return families;
  }

  #recorded(all: StatsRegistry): MetricFamily[] {
    const states = all.histogramStates();
    const fresh = since(states, this.#histograms);
    this.#histograms = states;
    const families: MetricFamily[] = [];
    all.forEachHistogram((stat) => {
      if (!states.has(stat.name)) return;
      const histogram = histogramOf(fresh.get(stat.name));
      const sample = { sampleCount: histogram.count, sampleSum: histogram.sum };
      if (this.#sink.summaries) {
        const quantile = quantilesOf(histogram).map(([share, value]) => ({ quantile: Number(share), value }));
        families.push(this.#family(stat, 'SUMMARY', { summary: { ...sample, quantile } }));
      }
      if (this.#sink.buckets) {
        const counts = histogram.cumulative();
        const bucket = histogram.bounds.map((upperBound, i) => ({
          upperBound,
          cumulativeCount: counts[i] ?? 0,
        }));
        families.push(this.#family(stat, 'HISTOGRAM', { histogram: { ...sample, bucket } }));
      }
    });
    return families;
  }

  #family(stat: SeenStat, type: MetricType, value: Metric): MetricFamily {
    const timestampMs = this.#context.clock.now();
    if (!this.#sink.labels) return { name: stat.name, type, metric: [{ ...value, timestampMs }] };
    const label = Object.entries(stat.labels).map(([key, text]) => ({
      name: key.replace(/^envoy_/, 'envoy.'),
      value: text,
    }));
    return { name: stat.shortName, type, metric: [{ ...value, label, timestampMs }] };
  }
}

function histogramOf(state: HistogramState | undefined): Histogram {
  const histogram = new Histogram();
  if (state !== undefined) histogram.add(state);
  return histogram;
}
