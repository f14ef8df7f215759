import type { StatGroup, StatVisitor } from './stats-registry.ts';

/** Origins of requests to which a CORS policy applied, Envoy's `http.STAT_PREFIX.cors.…`. */
export class CorsStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_http_cors_';
  readonly labels: Readonly<Record<string, string>>;
  originValid = 0;
  originInvalid = 0;

  constructor(statPrefix: string) {
    this.prefix = `http.${statPrefix}.cors.`;
    this.labels = { http_conn_manager_prefix: statPrefix };
  }

  visit(visitor: StatVisitor): void {
    visitor.number('origin_valid', 'counter', this.originValid);
    visitor.number('origin_invalid', 'counter', this.originInvalid);
  }

  resetCounters(): void {
    this.originValid = 0;
    this.originInvalid = 0;
  }
}
