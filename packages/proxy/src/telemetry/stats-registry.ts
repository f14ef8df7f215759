import type { StatsView } from '../model/data-plane.ts';
import { bucketBounds, type Histogram } from './histogram.ts';
import { mergeGroups, mergeMetrics, snapshotGroup, type StatsSnapshot } from './stats-snapshot.ts';
import type { StatGroup } from './stat-group.ts';

export type { StatGroup, StatVisitor } from './stat-group.ts';

/** Metrics with their own names and labels (Istio's), outside of Envoy's tree. */
export interface PrometheusSource {
  prometheus(): string;
  resetCounters(): void;
}

interface Line {
  readonly name: string;
  readonly value: number | string;
  readonly histogram?: Histogram;
}

interface Filter {
  readonly usedOnly?: boolean;
  readonly regex?: { test(name: string): boolean };
}

/** Escapes a label value of the Prometheus text format. */
export function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** `{a="1",b="2"}`, or nothing. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([key, value]) => `${key}="${escapeLabel(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function metricName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_');
}

/** Words stand in quotes, as Envoy shows them. */
function valueText(value: number | string): string {
  return typeof value === 'number' ? String(value) : `"${value}"`;
}

/** Appends the lines of one histogram. */
export function histogramLines(name: string, labels: Readonly<Record<string, string>>, h: Histogram): string {
  let text = '';
  h.cumulative().forEach((count, i) => {
    text += `${name}_bucket${formatLabels({ ...labels, le: String(bucketBounds[i]) })} ${count}\n`;
  });
  const plain = formatLabels(labels);
  text += `${name}_bucket${formatLabels({ ...labels, le: '+Inf' })} ${h.count}\n`;
  return `${text}${name}_sum${plain} ${h.sum}\n${name}_count${plain} ${h.count}\n`;
}

/** All statistics of a data plane. */
export class StatsRegistry implements StatsView {
  readonly #groups = new Set<StatGroup>();
  readonly #sources = new Set<PrometheusSource>();

  add(group: StatGroup): void {
    this.#groups.add(group);
  }

  remove(group: StatGroup): void {
    this.#groups.delete(group);
  }

  addSource(source: PrometheusSource): void {
    this.#sources.add(source);
  }

  text(filter: Filter = {}): string {
    let text = '';
    const histograms: Line[] = [];
    for (const line of this.#lines(filter)) {
      if (line.histogram === undefined) text += `${line.name}: ${valueText(line.value)}\n`;
      else histograms.push(line);
    }
    for (const { name, histogram } of histograms) {
      if (histogram === undefined) continue;
      const shown = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1].map((q) => {
        const value = histogram.quantile(q);
        return `P${q * 100}(nan,${Number.isNaN(value) ? 'nan' : Number(value.toPrecision(4))})`;
      });
      text += `${name}: ${histogram.count === 0 ? 'No recorded values' : shown.join(' ')}\n`;
    }
    return text;
  }

  json(filter: Filter = {}): unknown {
    return {
      stats: this.#lines(filter)
        .filter((line) => line.histogram === undefined)
        .map(({ name, value }) => ({ name, value })),
    };
  }

  prometheus(filter: { readonly usedOnly?: boolean } = {}): string {
    const families = new Map<string, { readonly type: string; text: string }>();
    const family = (name: string, type: string): { text: string } => {
      let found = families.get(name);
      if (found === undefined) {
        found = { type, text: '' };
        families.set(name, found);
      }
      return found;
    };
    for (const group of this.#groups) {
      const labels = formatLabels(group.labels);
      group.visit({
        number(name, kind, value) {
          if (filter.usedOnly === true && value === 0) return;
          const full = group.prometheusPrefix + metricName(name);
          family(full, kind).text += `${full}${labels} ${value}\n`;
        },
        histogram(name, histogram) {
          if (histogram.count === 0) return;
          const full = group.prometheusPrefix + metricName(name);
          family(full, 'histogram').text += histogramLines(full, group.labels, histogram);
        },
        text() {},
      });
    }
    let text = '';
    for (const [name, { type, text: lines }] of families) text += `# TYPE ${name} ${type}\n${lines}`;
    for (const source of this.#sources) text += source.prometheus();
    return text;
  }

  snapshot(): StatsSnapshot {
    return {
      groups: [...this.#groups].map(snapshotGroup),
      metrics: [...this.#sources].map((source) => source.prometheus()),
    };
  }

  mergedWith(others: readonly StatsSnapshot[]): StatsView {
    if (others.length === 0) return this;
    const all = [this.snapshot(), ...others];
    const merged = new StatsRegistry();
    for (const group of mergeGroups(all.map(({ groups }) => groups))) merged.add(group);
    const metrics = mergeMetrics(all.flatMap((one) => one.metrics));
    merged.addSource({ prometheus: () => metrics, resetCounters() {} });
    return merged;
  }

  resetCounters(): void {
    for (const group of this.#groups) group.resetCounters();
    for (const source of this.#sources) source.resetCounters();
  }

  #lines(filter: Filter): Line[] {
    const lines: Line[] = [];
    for (const group of this.#groups) {
      group.visit({
        number(name, _kind, value) {
          if (filter.usedOnly === true && value === 0) return;
          lines.push({ name: group.prefix + name, value });
        },
        histogram(name, histogram) {
          if (filter.usedOnly === true && histogram.count === 0) return;
          lines.push({ name: group.prefix + name, value: 0, histogram });
        },
        text(name, value) {
          if (filter.usedOnly === true && value === '') return;
          lines.push({ name: group.prefix + name, value });
        },
      });
    }
    const { regex } = filter;
    const kept = regex === undefined ? lines : lines.filter((line) => regex.test(line.name));
    return kept.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }
}
