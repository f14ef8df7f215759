import type { SeenStat, StatsRegistry } from '../stats-registry.ts';

export interface StatsdFormat {
  /** Before each name, with a dot. */
  readonly prefix: string;
  /** Labels follow in the way of DogStatsD; else they stay within the name. */
  readonly tags: boolean;
}

/** What StatsD takes for the end of a name. */
function nameOf(format: StatsdFormat, stat: SeenStat): string {
  const name = `${format.prefix}.${format.tags ? stat.shortName : stat.name}`;
  return name.replace(/[:|@\n]/g, '_');
}

function tagsOf(format: StatsdFormat, { labels }: SeenStat): string {
  if (!format.tags) return '';
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name.replace(/^envoy_/, 'envoy.')}:${value.replace(/[,|\n]/g, '_')}`,
  );
  return pairs.length === 0 ? '' : `|#${pairs.join(',')}`;
}

/** The line of one value of a histogram. */
export function timingLine(format: StatsdFormat, stat: SeenStat): (value: number) => string {
  const name = nameOf(format, stat);
  const tags = tagsOf(format, stat);
  return (value) => `${name}:${value}|ms${tags}`;
}

/** Makes lines of StatsD: of counters what has been added since the last time, gauges as they are. */
export class StatsdLines {
  readonly #format: StatsdFormat;
  /** What was told last. */
  readonly #told = new Map<string, number>();
  /** Gauges that were not zero once: told again when they are. */
  readonly #used = new Set<string>();

  constructor(format: StatsdFormat) {
    this.#format = format;
  }

  since(stats: StatsRegistry): string[] {
    const format = this.#format;
    const lines: string[] = [];
    stats.forEach((stat, kind, value) => {
      if (kind === 'gauge') {
        if (value === 0 && !this.#used.has(stat.name)) return;
        this.#used.add(stat.name);
        lines.push(`${nameOf(format, stat)}:${value}|g${tagsOf(format, stat)}`);
        return;
      }
      const before = this.#told.get(stat.name) ?? 0;
      if (value === before) return;
      this.#told.set(stat.name, value);
      // Counters that were reset begin anew.
      lines.push(
        `${nameOf(format, stat)}:${value < before ? value : value - before}|c${tagsOf(format, stat)}`,
      );
    });
    return lines;
  }
}
