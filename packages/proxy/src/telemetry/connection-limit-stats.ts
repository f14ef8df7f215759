import type { StatGroup, StatVisitor } from './stats-registry.ts';

/** What a limit of connections did, Envoy's `connection_limit.STAT_PREFIX.…`. */
export class ConnectionLimitStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_connection_limit_';
  readonly labels: Readonly<Record<string, string>>;
  active = 0;
  limited = 0;

  constructor(statPrefix: string) {
    this.prefix = `connection_limit.${statPrefix}.`;
    this.labels = { connection_limit_prefix: statPrefix };
  }

  visit(visitor: StatVisitor): void {
    visitor.number('active_connections', 'gauge', this.active);
    visitor.number('limited_connections', 'counter', this.limited);
  }

  resetCounters(): void {
    this.limited = 0;
  }
}
