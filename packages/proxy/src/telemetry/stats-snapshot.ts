import { Histogram, type HistogramState } from './histogram.ts';
import type { StatGroup } from './stats-registry.ts';

/** The statistics of one group, as they can be sent to another thread or process. */
export interface GroupSnapshot {
  readonly prefix: string;
  readonly prometheusPrefix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly numbers: readonly (readonly [name: string, kind: 'counter' | 'gauge', value: number])[];
  readonly histograms: readonly (readonly [name: string, state: HistogramState])[];
  readonly texts: readonly (readonly [name: string, value: string])[];
}

/** All statistics at one time. */
export interface StatsSnapshot {
  readonly groups: readonly GroupSnapshot[];
  /** Metrics outside of Envoy's tree, as text of Prometheus. */
  readonly metrics: readonly string[];
}

/** What a group says now. */
export function snapshotGroup(group: StatGroup): GroupSnapshot {
  const numbers: [string, 'counter' | 'gauge', number][] = [];
  const histograms: [string, HistogramState][] = [];
  const texts: [string, string][] = [];
  group.visit({
    number: (name, kind, value) => void numbers.push([name, kind, value]),
    histogram(name, histogram) {
      if (histogram.count > 0) histograms.push([name, histogram.state()]);
    },
    text: (name, value) => void texts.push([name, value]),
  });
  const { prefix, prometheusPrefix, labels } = group;
  return { prefix, prometheusPrefix, labels, numbers, histograms, texts };
}

/** Groups of several snapshots as one: numbers of one name are added, histograms merged. */
export function mergeGroups(snapshots: readonly (readonly GroupSnapshot[])[]): StatGroup[] {
  const merged = new Map<string, MergedGroup>();
  for (const groups of snapshots) {
    for (const group of groups) {
      const key = `${group.prefix}\n${group.prometheusPrefix}\n${JSON.stringify(group.labels)}`;
      let found = merged.get(key);
      if (found === undefined) {
        found = new MergedGroup(group);
        merged.set(key, found);
      }
      found.add(group);
    }
  }
  return [...merged.values()];
}

class MergedGroup implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly #numbers = new Map<string, { readonly kind: 'counter' | 'gauge'; value: number }>();
  readonly #histograms = new Map<string, Histogram>();
  readonly #texts = new Map<string, string>();

  constructor({ prefix, prometheusPrefix, labels }: GroupSnapshot) {
    this.prefix = prefix;
    this.prometheusPrefix = prometheusPrefix;
    this.labels = labels;
  }

  add(group: GroupSnapshot): void {
    for (const [name, kind, value] of group.numbers) {
      const found = this.#numbers.get(name);
      if (found === undefined) this.#numbers.set(name, { kind, value });
      else found.value += value;
    }
    for (const [name, state] of group.histograms) {
      let found = this.#histograms.get(name);
      if (found === undefined) {
        found = new Histogram();
        this.#histograms.set(name, found);
      }
      found.add(state);
    }
    // They cannot be added: the first that is known is shown.
    for (const [name, value] of group.texts) if (!this.#texts.has(name)) this.#texts.set(name, value);
  }

  visit(visitor: Parameters<StatGroup['visit']>[0]): void {
    for (const [name, { kind, value }] of this.#numbers) visitor.number(name, kind, value);
    for (const [name, value] of this.#texts) visitor.text(name, value);
    for (const [name, histogram] of this.#histograms) visitor.histogram(name, histogram);
  }

  resetCounters(): void {
    throw new Error('what is merged is only shown');
  }
}

/** Texts of Prometheus as one: samples of one name and the same labels are added, of gauges the largest is taken. */
export function mergeMetrics(texts: readonly string[]): string {
  const [only, second] = texts;
  if (second === undefined) return only ?? '';
  const families = new Map<string, Family>();
  for (const text of texts) {
    let family = familyIn(families, '');
    for (const line of text.split('\n')) {
      if (line === '') continue;
      if (line.startsWith('#')) {
        family = familyIn(families, line.split(' ')[2] ?? '');
        if (!family.comments.includes(line)) family.comments.push(line);
        continue;
      }
      const space = line.lastIndexOf(' ');
      const key = line.slice(0, space);
      const value = Number(line.slice(space + 1));
      const before = family.samples.get(key) ?? 0;
      const isGauge = family.comments.some((comment) => comment.endsWith(' gauge'));
      family.samples.set(key, isGauge ? Math.max(before, value) : before + value);
    }
  }
  let merged = '';
  for (const { comments, samples } of families.values()) {
    for (const comment of comments) merged += `${comment}\n`;
    for (const [key, value] of samples) merged += `${key} ${value}\n`;
  }
  return merged;
}

/** The metrics of one name. */
interface Family {
  readonly comments: string[];
  readonly samples: Map<string, number>;
}

function familyIn(families: Map<string, Family>, name: string): Family {
  let family = families.get(name);
  if (family === undefined) {
    family = { comments: [], samples: new Map() };
    families.set(name, family);
  }
  return family;
}

const carriedGauge = /(?:^|_)(?:cx|ssl|http[12]|rq|pending|streams|upgrades|sessions)_active$/;

/**
 * What a process that took over shows of the one before it, as Envoy's merging of statistics: counters go on; gauges
 * count only those connections and requests that are still there, and none where it has ended.
 */
export function carriedOver(snapshot: StatsSnapshot, alive: boolean): StatsSnapshot {
  const groups = snapshot.groups
    .filter(({ prefix }) => prefix !== 'server.')
    .map((group) => ({
      ...group,
      texts: [],
      numbers: group.numbers.filter(
        ([name, kind]) => kind === 'counter' || (alive && carriedGauge.test(name)),
      ),
    }));
  return { groups, metrics: snapshot.metrics };
}
