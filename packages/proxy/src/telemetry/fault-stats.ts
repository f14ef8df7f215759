import type { StatGroup, StatVisitor } from './stats-registry.ts';
import { StatNumbers } from './stat-numbers.ts';

const names = {
  delaysInjected: ['delays_injected', 'counter'],
  abortsInjected: ['aborts_injected', 'counter'],
  rateLimitsInjected: ['response_rl_injected', 'counter'],
  overflow: ['faults_overflow', 'counter'],
  active: ['active_faults', 'gauge'],
} as const;

/** What faults were injected, Envoy's `http.STAT_PREFIX.fault.…`. */
export class FaultStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_http_fault_';
  readonly labels: Readonly<Record<string, string>>;
  readonly #numbers = new StatNumbers(names);

  constructor(statPrefix: string) {
    this.prefix = `http.${statPrefix}.fault.`;
    this.labels = { http_conn_manager_prefix: statPrefix };
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
