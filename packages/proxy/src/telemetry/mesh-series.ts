import type { IstioMetricName, IstioStatsOptions } from '../model/istio-stats.ts';
import { Histogram } from './histogram.ts';
import { without, type Labels } from './mesh-labels.ts';
import { formatLabels, histogramLines } from './stats-registry.ts';

/** The order in which metrics are shown, and what they are. */
const kinds: Readonly<Record<IstioMetricName, 'counter' | 'histogram'>> = {
  requests_total: 'counter',
  request_duration_milliseconds: 'histogram',
  request_bytes: 'histogram',
  response_bytes: 'histogram',
  request_messages_total: 'counter',
  response_messages_total: 'counter',
  tcp_connections_opened_total: 'counter',
  tcp_connections_closed_total: 'counter',
  tcp_sent_bytes_total: 'counter',
  tcp_received_bytes_total: 'counter',
};

export type ValueOf = (expression: string) => string;

/** Takes what was counted, with what expressions were in it. */
export interface SeenSeries {
  counter(name: IstioMetricName, labels: Labels, value: number, valueOf: ValueOf): void;
  histogram(name: IstioMetricName, labels: Labels, h: Histogram, valueOf: ValueOf): void;
}

/** Values by their labels, as a scrape collects them: those whose labels are the same are added up. */
export class MeshSeries {
  readonly #counters = new Map<IstioMetricName, Map<string, number>>();
  readonly #histograms = new Map<IstioMetricName, Map<string, { readonly labels: Labels; h: Histogram }>>();

  counter(name: IstioMetricName, labels: Labels, value: number): void {
    const series = entry(this.#counters, name);
    const key = formatLabels(labels);
    series.set(key, (series.get(key) ?? 0) + value);
  }

  histogram(name: IstioMetricName, labels: Labels, h: Histogram): void {
    const series = entry(this.#histograms, name);
    const key = formatLabels(labels);
    const found = series.get(key);
    if (found === undefined) {
      series.set(key, { labels, h });
      return;
    }
    const sum = new Histogram();
    sum.add(found.h.state());
    sum.add(h.state());
    found.h = sum;
  }

  /** What one set of options lets be seen; `valueOf` tells what an expression was in a cell. */
  seenBy({ overrides }: IstioStatsOptions): SeenSeries {
    const change = (name: IstioMetricName, labels: Labels, valueOf: ValueOf): Labels | undefined => {
      const own = overrides[name];
      if (own === undefined) return labels;
      if (own.dropped) return undefined;
      const left = without(labels, own.removedTags);
      if (own.dimensions.length === 0) return left;
      const added = own.dimensions.map(([label, expression]) => [
        label.replace(/[^a-zA-Z0-9_]/g, '_'),
        valueOf(expression),
      ]);
      return { ...left, ...Object.fromEntries(added) };
    };
    return {
      counter: (name, labels, value, valueOf) => {
        const seen = change(name, labels, valueOf);
        if (seen !== undefined) this.counter(name, seen, value);
      },
      histogram: (name, labels, h, valueOf) => {
        const seen = change(name, labels, valueOf);
        if (seen !== undefined) this.histogram(name, seen, h);
      },
    };
  }

  prometheus(): string {
    let text = '';
    for (const [name, kind] of Object.entries(kinds) as [IstioMetricName, string][]) {
      const full = `istio_${name}`;
      let lines = '';
      for (const [labels, value] of this.#counters.get(name) ?? []) lines += `${full}${labels} ${value}\n`;
      for (const { labels, h } of this.#histograms.get(name)?.values() ?? [])
        lines += histogramLines(full, labels, h);
      if (lines !== '') text += `# TYPE ${full} ${kind}\n${lines}`;
    }
    return text;
  }
}

function entry<V>(map: Map<IstioMetricName, Map<string, V>>, name: IstioMetricName): Map<string, V> {
  let found = map.get(name);
  if (found === undefined) {
    found = new Map();
    map.set(name, found);
  }
  return found;
}
