import type { PrometheusFilter, StatFilter, StatKind, StatsView } from './stats-view.ts';
import type { StatsOptions } from '../model/stats.ts';
import { compileHistogramBounds, compileStatsMatcher, namesOf, type NameStat } from './stat-names.ts';
import type { HistogramStates } from './histogram-intervals.ts';
import { histogramsJson, histogramText, quantilesOf, shown, type ShownHistogram } from './histogram-views.ts';
import type { Histogram, HistogramState } from './histogram.ts';
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
  readonly kind: StatKind;
  readonly value: number | string;
  readonly histogram?: Histogram;
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

/** Words stand in quotes, as Envoy shows them. */
function valueText(value: number | string): string {
  return typeof value === 'number' ? String(value) : `"${value}"`;
}

/** Appends the lines of one histogram. */
export function histogramLines(name: string, labels: Readonly<Record<string, string>>, h: Histogram): string {
  let text = '';
  h.cumulative().forEach((count, i) => {
    text += `${name}_bucket${formatLabels({ ...labels, le: String(h.bounds[i]) })} ${count}\n`;
  });
  const plain = formatLabels(labels);
  text += `${name}_bucket${formatLabels({ ...labels, le: '+Inf' })} ${h.count}\n`;
  return `${text}${name}_sum${plain} ${h.sum}\n${name}_count${plain} ${h.count}\n`;
}

/** Appends the lines of one histogram as a summary. */
function summaryLines(name: string, labels: Readonly<Record<string, string>>, h: Histogram): string {
  const plain = formatLabels(labels);
  const quantiles = quantilesOf(h).map(
    ([quantile, value]) => `${name}${formatLabels({ ...labels, quantile })} ${value}\n`,
  );
  return `${quantiles.join('')}${name}_sum${plain} ${h.sum}\n${name}_count${plain} ${h.count}\n`;
}

/** A statistic that is told to others. */
export interface SeenStat {
  readonly name: string;
  /** Without what its labels say, with dots. */
  readonly shortName: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Hears of the values of a histogram. */
type ListenToHistogram = (stat: SeenStat) => (value: number) => void;

/** All statistics of a data plane. */
export class StatsRegistry implements StatsView {
  readonly #groups = new Set<StatGroup>();
  readonly #sources = new Set<PrometheusSource>();
  readonly #makers: (() => Iterable<StatGroup>)[] = [];
  readonly #listeners: ListenToHistogram[] = [];
  readonly #options: StatsOptions | undefined;
  readonly #nameOf: NameStat;
  /** Undefined where every statistic is seen. */
  readonly #isSeen: ((name: string) => boolean) | undefined;
  readonly #boundsOf: ((name: string) => readonly number[] | undefined) | undefined;

  constructor(options?: StatsOptions) {
    this.#options = options;
    this.#nameOf = namesOf(options);
    this.#isSeen = compileStatsMatcher(options?.matcher);
    this.#boundsOf = compileHistogramBounds(options);
  }

  add(group: StatGroup): void {
    this.#groups.add(group);
    for (const listen of this.#listeners) this.#listen(group, listen);
    const boundsOf = this.#boundsOf;
    if (boundsOf === undefined) return;
    forEachHistogram(group, (name, histogram) => {
      const bounds = boundsOf(group.prefix + name);
      if (bounds !== undefined) histogram.setBounds(bounds);
    });
  }

  /** Calls back with each value of each histogram, also of those to come. */
  onValues(listen: ListenToHistogram): void {
    this.#listeners.push(listen);
    for (const group of this.#groups) this.#listen(group, listen);
  }

  #listen(group: StatGroup, listen: ListenToHistogram): void {
    forEachHistogram(group, (name, histogram) => {
      const stat = this.#seen(group, name);
      if (stat !== undefined) histogram.listen(listen(stat));
    });
  }

  /** Calls back with each counter and gauge that is seen. */
  forEach(visit: (stat: SeenStat, kind: 'counter' | 'gauge', value: number) => void): void {
    for (const group of this.#all()) {
      group.visit({
        number: (name, kind, value) => {
          const stat = this.#seen(group, name);
          if (stat !== undefined) visit(stat, kind, value);
        },
        histogram() {},
        text() {},
      });
    }
  }

  /** Calls back with each histogram that is seen. */
  forEachHistogram(visit: (stat: SeenStat) => void): void {
    for (const group of this.#groups) {
      forEachHistogram(group, (name) => {
        const stat = this.#seen(group, name);
        if (stat !== undefined) visit(stat);
      });
    }
  }

  #seen(group: StatGroup, name: string): SeenStat | undefined {
    const full = group.prefix + name;
    if (this.#isSeen !== undefined && !this.#isSeen(full)) return undefined;
    const { metric, labels } = this.#nameOf(group, name);
    return { name: full, shortName: shortNameOf(group, name, metric), labels };
  }

  /** Groups of gauges that are made each time that somebody looks. */
  addMade(make: () => Iterable<StatGroup>): void {
    this.#makers.push(make);
  }

  *#all(): Generator<StatGroup> {
    yield* this.#groups;
    for (const make of this.#makers) yield* make();
  }

  remove(group: StatGroup): void {
    this.#groups.delete(group);
  }

  addSource(source: PrometheusSource): void {
    this.#sources.add(source);
  }

  text(filter: StatFilter = {}): string {
    let text = '';
    let histograms = '';
    for (const { name, value, histogram } of this.#lines(filter)) {
      if (histogram === undefined) text += `${name}: ${valueText(value)}\n`;
      else
        histograms += histogramText(shown(name, histogram, filter.intervals), filter.histograms ?? 'summary');
    }
    return text + histograms;
  }

  json(filter: StatFilter = {}): unknown {
    const stats: unknown[] = [];
    const histograms: ShownHistogram[] = [];
    for (const { name, value, histogram } of this.#lines(filter)) {
      if (histogram === undefined) stats.push({ name, value });
      else histograms.push(shown(name, histogram, filter.intervals));
    }
    if (histograms.length > 0)
      stats.push({ histograms: histogramsJson(histograms, filter.histograms ?? 'summary') });
    return { stats };
  }

  prometheus(filter: PrometheusFilter = {}): string {
    const families = new Map<string, { readonly type: string; text: string }>();
    const family = (name: string, type: string): { text: string } => {
      let found = families.get(name);
      if (found === undefined) {
        found = { type, text: '' };
        families.set(name, found);
      }
      return found;
    };
    const { usedOnly, regex, textReadouts, summaries } = filter;
    const isSeen = this.#isSeen;
    const nameOf = this.#nameOf;
    for (const group of this.#all()) {
      const skips = (name: string): boolean =>
        (regex !== undefined && !regex.test(group.prefix + name)) ||
        (isSeen !== undefined && !isSeen(group.prefix + name));
      let last: Readonly<Record<string, string>> | undefined;
      let written = '';
      const labelText = (labels: Readonly<Record<string, string>>): string => {
        if (labels !== last) {
          last = labels;
          written = formatLabels(labels);
        }
        return written;
      };
      group.visit({
        number(name, kind, value) {
          if ((usedOnly === true && value === 0) || skips(name)) return;
          const { metric, labels } = nameOf(group, name);
          family(metric, kind).text += `${metric}${labelText(labels)} ${value}\n`;
        },
        histogram(name, histogram) {
          if (histogram.count === 0 || skips(name)) return;
          const { metric, labels } = nameOf(group, name);
          if (summaries === true) family(metric, 'summary').text += summaryLines(metric, labels, histogram);
          else family(metric, 'histogram').text += histogramLines(metric, labels, histogram);
        },
        text(name, value) {
          if (textReadouts !== true || (usedOnly === true && value === '') || skips(name)) return;
          const { metric, labels } = nameOf(group, name);
          const withText = formatLabels({ ...labels, text_value: value });
          family(metric, 'gauge').text += `${metric}${withText} 0\n`;
        },
      });
    }
    let text = '';
    for (const [name, { type, text: lines }] of families) text += `# TYPE ${name} ${type}\n${lines}`;
    for (const source of this.#sources) {
      const metrics = source.prometheus();
      text +=
        regex === undefined
          ? metrics
          : metricsOf(metrics, (name) => regex.test(`istiocustom.${name}`) || regex.test(name));
    }
    return text;
  }

  histogramStates(): HistogramStates {
    const states = new Map<string, HistogramState>();
    for (const group of this.#groups) {
      forEachHistogram(group, (name, histogram) => {
        if (histogram.count > 0) states.set(group.prefix + name, histogram.state());
      });
    }
    return states;
  }

  snapshot(): StatsSnapshot {
    return {
      groups: [...this.#all()].map(snapshotGroup),
      metrics: [...this.#sources].map((source) => source.prometheus()),
    };
  }

  mergedWith(others: readonly StatsSnapshot[]): StatsRegistry {
    if (others.length === 0) return this;
    const all = [this.snapshot(), ...others];
    const merged = new StatsRegistry(this.#options);
    for (const group of mergeGroups(all.map(({ groups }) => groups))) merged.add(group);
    const metrics = mergeMetrics(all.flatMap((one) => one.metrics));
    merged.addSource({ prometheus: () => metrics, resetCounters() {} });
    return merged;
  }

  resetCounters(): void {
    for (const group of this.#groups) group.resetCounters();
    for (const source of this.#sources) source.resetCounters();
  }

  #lines({ usedOnly, regex, kind: only }: StatFilter): Line[] {
    const lines: Line[] = [];
    const isSeen = this.#isSeen;
    for (const group of this.#all()) {
      const push = (line: Line, used: boolean): void => {
        if (usedOnly === true && !used) return;
        if (only !== undefined && line.kind !== only) return;
        if (isSeen !== undefined && !isSeen(line.name)) return;
        if (regex === undefined || regex.test(line.name)) lines.push(line);
      };
      group.visit({
        number: (name, kind, value) => push({ name: group.prefix + name, kind, value }, value !== 0),
        histogram: (name, histogram) =>
          push({ name: group.prefix + name, kind: 'histogram', value: 0, histogram }, histogram.count > 0),
        text: (name, value) => push({ name: group.prefix + name, kind: 'text', value }, value !== ''),
      });
    }
    return lines.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }
}

function forEachHistogram(group: StatGroup, run: (name: string, histogram: Histogram) => void): void {
  group.visit({ number() {}, text() {}, histogram: run });
}

/** `cluster.a.upstream_rq_total`, where a label says `a`, is `cluster.upstream_rq_total`. */
function shortNameOf(group: StatGroup, name: string, metric: string): string {
  const { prefix, prometheusPrefix, labels } = group;
  if (!metric.startsWith(prometheusPrefix)) return metric.replace(/^envoy_/, '');
  let before = `.${prefix}`;
  for (const value of Object.values(labels)) before = before.replace(`.${value}.`, '.');
  const rest = metric.slice(prometheusPrefix.length);
  return before.slice(1) + (rest.length === name.length ? name : rest);
}

/** The metrics of a text of Prometheus whose names are wanted. */
function metricsOf(text: string, isWanted: (name: string) => boolean): string {
  let wanted = false;
  return text
    .split('\n')
    .filter((line) => {
      if (line.startsWith('# TYPE ')) wanted = isWanted(line.split(' ')[2] ?? '');
      return wanted && line !== '';
    })
    .map((line) => `${line}\n`)
    .join('');
}
