import type { StatGroup, StatVisitor } from './stats-registry.ts';

/** Envoy joins the parts of a name by one dot. */
function joined(prefix: string, name: string): string {
  return prefix === '' || prefix.endsWith('.') ? prefix + name : `${prefix}.${name}`;
}

/** What role-based rules decided, Envoy's `http.STAT_PREFIX.rbac.…` or `STAT_PREFIX.rbac.…`. */
export class RbacStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix: string;
  readonly labels: Readonly<Record<string, string>>;
  allowed = 0;
  denied = 0;
  /** What shadow rules say, by the prefix (`shadow_rules_stat_prefix`) that each filter has for it. */
  readonly #shadows = new Map<string, { allowed: number; denied: number }>();

  constructor(layer: 'http' | 'network', statPrefix: string) {
    const http = layer === 'http';
    this.prefix = http ? `http.${statPrefix}.rbac.` : joined(statPrefix, 'rbac.');
    this.prometheusPrefix = http ? 'envoy_http_rbac_' : 'envoy_rbac_';
    this.labels = http ? { http_conn_manager_prefix: statPrefix } : { rbac_prefix: statPrefix };
  }

  /** What a filter of this prefix counts of its shadow rules. */
  shadow(prefix: string): { allowed: number; denied: number } {
    let counts = this.#shadows.get(prefix);
    if (counts === undefined) this.#shadows.set(prefix, (counts = { allowed: 0, denied: 0 }));
    return counts;
  }

  visit(visitor: StatVisitor): void {
    visitor.number('allowed', 'counter', this.allowed);
    visitor.number('denied', 'counter', this.denied);
    for (const [prefix, { allowed, denied }] of this.#shadows) {
      visitor.number(joined(prefix, 'shadow_allowed'), 'counter', allowed);
      visitor.number(joined(prefix, 'shadow_denied'), 'counter', denied);
    }
  }

  resetCounters(): void {
    this.allowed = 0;
    this.denied = 0;
    for (const counts of this.#shadows.values()) {
      counts.allowed = 0;
      counts.denied = 0;
    }
  }
}
