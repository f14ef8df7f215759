import type { StatGroup, StatVisitor } from './stats-registry.ts';

/** What local rate limits decided, Envoy's `STAT_PREFIX.http_local_rate_limit.…`. */
export class RateLimitStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_http_local_rate_limit_';
  readonly labels: Readonly<Record<string, string>>;
  enabled = 0;
  enforced = 0;
  rateLimited = 0;
  ok = 0;

  constructor(statPrefix: string) {
    this.prefix = `${statPrefix}.http_local_rate_limit.`;
    this.labels = { local_http_ratelimit_prefix: statPrefix };
  }

  visit(visitor: StatVisitor): void {
    visitor.number('enabled', 'counter', this.enabled);
    visitor.number('enforced', 'counter', this.enforced);
    visitor.number('rate_limited', 'counter', this.rateLimited);
    visitor.number('ok', 'counter', this.ok);
  }

  resetCounters(): void {
    this.enabled = 0;
    this.enforced = 0;
    this.rateLimited = 0;
    this.ok = 0;
  }
}
