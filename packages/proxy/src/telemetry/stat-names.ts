import { compileStringMatch } from '../decide/string-match.ts';
import type { StatsOptions } from '../model/stats.ts';

type Labels = Readonly<Record<string, string>>;

/** What of a group its statistics' names are made of. */
export interface NamedGroup {
  readonly prefix: string;
  readonly prometheusPrefix: string;
  readonly labels: Labels;
}

/** A statistic as Prometheus names it. */
export interface StatName {
  readonly metric: string;
  /** The same object for statistics of a group that have the same. */
  readonly labels: Labels;
}

export type NameStat = (group: NamedGroup, name: string) => StatName;

function metricName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_');
}

/** Names with the labels that the proxy itself knows: `cluster_name` and the like, as Istio's bootstrap calls them. */
export const plainNames: NameStat = ({ prometheusPrefix, labels }, name) => ({
  metric: prometheusPrefix + metricName(name),
  labels,
});

/** `upstream_rq_200` and `upstream_rq_2xx`. */
const codeLength = '_rq_200'.length;
const codes = /^_rq_(?:(\d)xx|(\d{3}))$/;

/** Names with the labels that Envoy has where nobody says others: with `envoy_` before them, and codes of responses. */
export function envoyNames(): NameStat {
  const renamed = new WeakMap<Labels, Labels>();
  return ({ prometheusPrefix, labels }, name) => {
    let own = renamed.get(labels);
    if (own === undefined) {
      own = Object.fromEntries(Object.entries(labels).map(([key, value]) => [`envoy_${key}`, value]));
      renamed.set(labels, own);
    }
    const found = codes.exec(name.slice(-codeLength));
    if (found === null) return { metric: prometheusPrefix + metricName(name), labels: own };
    const before = prometheusPrefix + metricName(name.slice(0, 1 - codeLength));
    const [, ofClass, code] = found;
    return ofClass === undefined
      ? { metric: `${before}rq`, labels: { envoy_response_code: code ?? '', ...own } }
      : { metric: `${before}rq_xx`, labels: { envoy_response_code_class: ofClass, ...own } };
  };
}

/** The expression of a tag: ECMAScript's, as Envoy has it, with the classes of POSIX. Throws where it is none. */
export function tagExpression(text: string): RegExp {
  return new RegExp(text.replaceAll('[:digit:]', '\\d').replaceAll('[:alnum:]', 'a-zA-Z0-9'), 'd');
}

interface Cut {
  readonly start: number;
  readonly end: number;
}

/**
 * Names with the labels that the configuration says. A tag of the name that the proxy has for a part of its names
 * (`cluster_name`, …) is that part, where its expression finds something; others are cut out by their expressions. What is found is kept, as a scrape asks for
 * the same names again.
 */
export function configuredNames({ defaultTags, tags }: StatsOptions): NameStat {
  const base = defaultTags ? envoyNames() : undefined;
  const fixed = Object.fromEntries(
    tags.flatMap((tag) => ('fixedValue' in tag ? [[metricName(tag.name), tag.fixedValue]] : [])),
  );
  const expressions = tags.flatMap((tag) => ('regex' in tag ? [new Expression(tag)] : []));
  const groups = new WeakMap<Labels, GroupNames>();
  return (group, name) => {
    let names = groups.get(group.labels);
    if (names === undefined || names.group.prefix !== group.prefix) {
      names = new GroupNames(group, expressions, base, fixed);
      groups.set(group.labels, names);
    }
    return names.name(name);
  };
}

class Expression {
  readonly name: string;
  readonly label: string;
  readonly regex: RegExp;
  /** The word that a name must begin with. */
  readonly #word: string;

  constructor({ name, regex }: { readonly name: string; readonly regex: string }) {
    this.name = name;
    this.label = metricName(name);
    this.regex = tagExpression(regex);
    this.#word = /^\^([a-z_]+)\\\./.exec(regex)?.[1] ?? '';
  }

  mayMatch(prefix: string): boolean {
    return this.#word === '' || prefix === '' || prefix.startsWith(`${this.#word}.`);
  }
}

/** The names of one group. */
class GroupNames {
  readonly group: NamedGroup;
  readonly #base: NameStat | undefined;
  /** The same for all names. */
  readonly #labels: Labels;
  /** What has to be looked for in each name. */
  readonly #pending: readonly Expression[];
  /** What comes before the name is told by labels of ours, and is no part of it. */
  readonly #isStructural: boolean;
  readonly #found = new Map<string, StatName>();

  constructor(
    group: NamedGroup,
    expressions: readonly Expression[],
    base: NameStat | undefined,
    fixed: Labels,
  ) {
    this.group = group;
    this.#base = base;
    const known = Object.keys(group.labels);
    const finds = (key: string): boolean =>
      expressions.some((one) => one.name === key && one.regex.test(group.prefix));
    this.#isStructural = base !== undefined || known.every(finds);
    const isOwn = ({ name }: Expression): boolean => this.#isStructural && group.labels[name] !== undefined;
    this.#labels = {
      ...fixed,
      ...Object.fromEntries(
        expressions.filter(isOwn).map(({ name, label }) => [label, group.labels[name] ?? '']),
      ),
    };
    this.#pending = expressions.filter((one) => !isOwn(one) && one.mayMatch(group.prefix));
  }

  name(name: string): StatName {
    const { group } = this;
    if (this.#pending.length === 0 && this.#isStructural && this.#base === undefined)
      return { metric: group.prometheusPrefix + metricName(name), labels: this.#labels };
    let found = this.#found.get(name);
    if (found === undefined) {
      found = this.#work(name);
      this.#found.set(name, found);
    }
    return found;
  }

  #work(name: string): StatName {
    const { group } = this;
    const full = group.prefix + name;
    const labels: Record<string, string> = { ...this.#labels };
    const cuts: Cut[] = [];
    for (const { label, regex } of this.#pending) {
      const found = regex.exec(full);
      const [start, end] = found?.indices?.[1] ?? [0, 0];
      if (found === null || end === start) continue;
      cuts.push({ start, end });
      labels[label] = found[2] ?? found[1] ?? '';
    }
    const rest = without(full, this.#isStructural ? group.prefix.length : 0, cuts);
    if (!this.#isStructural) return { metric: `envoy_${metricName(rest)}`, labels };
    if (this.#base === undefined) return { metric: group.prometheusPrefix + metricName(rest), labels };
    const named = this.#base(group, rest);
    return { metric: named.metric, labels: { ...named.labels, ...labels } };
  }
}

/** A text from a place on, without what is cut out of it. */
function without(text: string, from: number, cuts: readonly Cut[]): string {
  let rest = '';
  let at = from;
  for (const { start, end } of cuts.toSorted((a, b) => a.start - b.start)) {
    if (start > at) rest += text.slice(at, start);
    at = Math.max(at, end);
  }
  return rest + text.slice(at);
}

/** How the statistics of these options are named. */
export function namesOf(options: StatsOptions | undefined): NameStat {
  if (options === undefined) return plainNames;
  return options.tags.length === 0 && options.defaultTags ? envoyNames() : configuredNames(options);
}

/** True for the statistics that there are to see; undefined: all. */
export function compileStatsMatcher(
  matcher: StatsOptions['matcher'],
): ((name: string) => boolean) | undefined {
  if (matcher === undefined) return undefined;
  if (matcher.kind === 'none') return () => false;
  const tests = matcher.patterns.map(compileStringMatch);
  const wanted = matcher.kind === 'only';
  const kept = new Map<string, boolean>();
  return (name) => {
    let shown = kept.get(name);
    if (shown === undefined) {
      shown = tests.some((test) => test(name)) === wanted;
      kept.set(name, shown);
    }
    return shown;
  };
}

/** The bounds of the buckets of a histogram; undefined: Envoy's. */
export function compileHistogramBounds(
  options: StatsOptions | undefined,
): ((name: string) => readonly number[] | undefined) | undefined {
  const rules = (options?.histogramBuckets ?? []).map(({ match, bounds }) => ({
    test: compileStringMatch(match),
    bounds,
  }));
  if (rules.length === 0) return undefined;
  return (name) => rules.find(({ test }) => test(name))?.bounds;
}
