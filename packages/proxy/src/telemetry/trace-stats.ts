import { NumberGroup } from './number-group.ts';
import { StatNumbers } from './stat-numbers.ts';

/** Field of a connection manager's tracing statistics -> Envoy's name, after `http.STAT_PREFIX.`. */
export const traceDecisionNames = {
  randomSampling: ['tracing.random_sampling', 'counter'],
  serviceForced: ['tracing.service_forced', 'counter'],
  clientEnabled: ['tracing.client_enabled', 'counter'],
  notTraceable: ['tracing.not_traceable', 'counter'],
  healthCheck: ['tracing.health_check', 'counter'],
} as const;

export class TraceDecisionStats extends StatNumbers<typeof traceDecisionNames> {
  constructor() {
    super(traceDecisionNames);
  }
}

const exportNames = {
  spansSent: ['spans_sent', 'counter'],
  spansDropped: ['spans_dropped', 'counter'],
  timerFlushed: ['timer_flushed', 'counter'],
  reportsSent: ['reports_sent', 'counter'],
  reportsDropped: ['reports_dropped', 'counter'],
  reportsFailed: ['reports_failed', 'counter'],
  reportsSkippedNoCluster: ['reports_skipped_no_cluster', 'counter'],
} as const;

/** How the sending of spans goes, Envoy's `tracing.zipkin.…`; `spans_dropped` (the queue was full) is ours. */
export class TraceExportStats extends NumberGroup<typeof exportNames> {
  constructor(tracer: 'zipkin' | 'opentelemetry') {
    super(`tracing.${tracer}.`, `envoy_tracing_${tracer}_`, {}, exportNames);
  }
}
