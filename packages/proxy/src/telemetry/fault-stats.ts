import type { SharedCells } from '../workers/shared-cells.ts';
import { NumberGroup } from './number-group.ts';

const names = {
  delaysInjected: ['delays_injected', 'counter'],
  abortsInjected: ['aborts_injected', 'counter'],
  rateLimitsInjected: ['response_rl_injected', 'counter'],
  overflow: ['faults_overflow', 'counter'],
  active: ['active_faults', 'gauge'],
} as const;

/** What faults were injected, Envoy's `http.STAT_PREFIX.fault.…`. */
export class FaultStats extends NumberGroup<typeof names> {
  readonly #shared: { readonly cells: Int32Array; readonly at: number } | undefined;

  /** `cells`: where all threads of the process count the faults that are under way; undefined: there is one thread. */
  constructor(statPrefix: string, cells: SharedCells | undefined) {
    const prefix = `http.${statPrefix}.fault.`;
    super(prefix, 'envoy_http_fault_', { http_conn_manager_prefix: statPrefix }, names);
    const at = cells?.acquire(`faults ${prefix}`);
    this.#shared = cells === undefined || at === undefined ? undefined : { cells: cells.cells, at };
  }

  /** Faults that are under way in all threads. */
  get active(): number {
    return this.#shared === undefined ? this.n.active : Atomics.load(this.#shared.cells, this.#shared.at);
  }

  countActive(change: 1 | -1): void {
    this.n.active += change;
    if (this.#shared !== undefined) Atomics.add(this.#shared.cells, this.#shared.at, change);
  }
}
