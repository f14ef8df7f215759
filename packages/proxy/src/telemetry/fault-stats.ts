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
  constructor(statPrefix: string) {
    super(`http.${statPrefix}.fault.`, 'envoy_http_fault_', { http_conn_manager_prefix: statPrefix }, names);
  }
}
