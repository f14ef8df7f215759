import type { StatGroup, StatVisitor } from './stat-group.ts';

/** A group of counters and nothing else; count by `group.n.ok++`. */
export class CounterGroup<Name extends string> implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly n: Record<Name, number>;

  /** `names` are those of Envoy, as in `over_limit`. */
  constructor(
    prefix: string,
    prometheusPrefix: string,
    labels: Readonly<Record<string, string>>,
    names: readonly Name[],
  ) {
    this.prefix = prefix;
    this.prometheusPrefix = prometheusPrefix;
    this.labels = labels;
    this.n = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  }

  visit(visitor: StatVisitor): void {
    for (const name in this.n) visitor.number(name, 'counter', this.n[name]);
  }

  resetCounters(): void {
    for (const name in this.n) this.n[name] = 0;
  }
}
