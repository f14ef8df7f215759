import { Histogram } from './histogram.ts';
import { NumberGroup } from './number-group.ts';
import type { StatVisitor } from './stat-group.ts';

const names = {
  enabled: ['enabled', 'counter'],
  enforced: ['enforced', 'counter'],
  pending: ['pending', 'gauge'],
  incomingSize: ['incoming_size', 'gauge'],
  incomingTotalSize: ['incoming_total_size', 'counter'],
  allowedSize: ['allowed_size', 'gauge'],
  allowedTotalSize: ['allowed_total_size', 'counter'],
} as const;

/** What a limit of bandwidth did in one direction, Envoy's `STAT_PREFIX.http_bandwidth_limit.request_…` and `….response_…`. */
export class BandwidthLimitStats extends NumberGroup<typeof names> {
  /** Milliseconds. */
  readonly transferDuration = new Histogram();

  constructor(statPrefix: string, direction: 'request' | 'response') {
    const prefix = `${statPrefix}.http_bandwidth_limit.${direction}_`;
    const labels = { http_bandwidth_limit_prefix: statPrefix };
    super(prefix, `envoy_http_bandwidth_limit_${direction}_`, labels, names);
  }

  override visit(visitor: StatVisitor): void {
    super.visit(visitor);
    visitor.histogram('transfer_duration', this.transferDuration);
  }

  override resetCounters(): void {
    super.resetCounters();
    this.transferDuration.reset();
  }
}
