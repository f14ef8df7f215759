import type { StatGroup, StatVisitor } from './stat-group.ts';
import { StatNumbers, type StatNames } from './stat-numbers.ts';

/** A group of counters and gauges whose names of fields are ours; count by `group.n.ok++`. */
export class NumberGroup<Names extends StatNames> implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly #numbers: StatNumbers<Names>;

  constructor(
    prefix: string,
    prometheusPrefix: string,
    labels: Readonly<Record<string, string>>,
    names: Names,
  ) {
    this.prefix = prefix;
    this.prometheusPrefix = prometheusPrefix;
    this.labels = labels;
    this.#numbers = new StatNumbers(names);
  }

  get n(): Record<keyof Names, number> {
    return this.#numbers.n;
  }

  visit(visitor: StatVisitor): void {
    this.#numbers.visit((name, kind, value) => visitor.number(name, kind, value));
  }

  resetCounters(): void {
    this.#numbers.resetCounters();
  }
}
