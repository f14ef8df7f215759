import { StatNumbers } from './stat-numbers.ts';
import type { StatGroup, StatVisitor } from './stat-group.ts';

const names = {
  total: ['total', 'counter'],
  error: ['error', 'counter'],
  timeout: ['timeout', 'counter'],
  denied: ['denied', 'counter'],
  disabled: ['disabled', 'counter'],
  failureModeAllowed: ['failure_mode_allowed', 'counter'],
  ok: ['ok', 'counter'],
  cxClosed: ['cx_closed', 'counter'],
  active: ['active', 'gauge'],
} as const;

/** What a service said of connections, Envoy's `ext_authz.STAT_PREFIX.…`. */
export class ConnectionCheckStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_ext_authz_';
  readonly labels: Readonly<Record<string, string>>;
  readonly #numbers = new StatNumbers(names);

  constructor(statPrefix: string) {
    this.prefix = `ext_authz.${statPrefix}.`;
    this.labels = { ext_authz_prefix: statPrefix };
  }

  get n(): Record<keyof typeof names, number> {
    return this.#numbers.n;
  }

  visit(visitor: StatVisitor): void {
    this.#numbers.visit((name, kind, value) => visitor.number(name, kind, value));
  }

  resetCounters(): void {
    this.#numbers.resetCounters();
  }
}
