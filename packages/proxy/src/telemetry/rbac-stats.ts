import type { StatGroup, StatVisitor } from './stats-registry.ts';

/** What role-based rules decided, Envoy's `http.STAT_PREFIX.rbac.…` or `STAT_PREFIX.rbac.…`. */
export class RbacStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix: string;
  readonly labels: Readonly<Record<string, string>>;
  allowed = 0;
  denied = 0;
  shadowAllowed = 0;
  shadowDenied = 0;

  constructor(layer: 'http' | 'network', statPrefix: string) {
    const http = layer === 'http';
    this.prefix = http ? `http.${statPrefix}.rbac.` : `${statPrefix}rbac.`;
    this.prometheusPrefix = http ? 'envoy_http_rbac_' : 'envoy_rbac_';
    this.labels = http ? { http_conn_manager_prefix: statPrefix } : { stat_prefix: statPrefix };
  }

  visit(visitor: StatVisitor): void {
    visitor.number('allowed', 'counter', this.allowed);
    visitor.number('denied', 'counter', this.denied);
    visitor.number('shadow_allowed', 'counter', this.shadowAllowed);
    visitor.number('shadow_denied', 'counter', this.shadowDenied);
  }

  resetCounters(): void {
    this.allowed = 0;
    this.denied = 0;
    this.shadowAllowed = 0;
    this.shadowDenied = 0;
  }
}
