import type { StatGroup, StatVisitor } from './stats-registry.ts';

/** The statistics of a TCP proxy, Envoy's `tcp.STAT_PREFIX.…`. */
export class TcpStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_tcp_';
  readonly labels: Readonly<Record<string, string>>;
  cxTotal = 0;
  cxActive = 0;
  bytesReceived = 0;
  bytesSent = 0;
  idleTimeout = 0;
  maxDuration = 0;
  /** Connections whose cluster is not known. */
  noRoute = 0;
  /** Clusters that were fetched when they were needed. */
  onDemandAttempt = 0;
  onDemandSuccess = 0;
  onDemandMissing = 0;
  onDemandTimeout = 0;

  constructor(statPrefix: string) {
    this.prefix = `tcp.${statPrefix}.`;
    this.labels = { tcp_prefix: statPrefix };
  }

  visit(visitor: StatVisitor): void {
    visitor.number('downstream_cx_total', 'counter', this.cxTotal);
    visitor.number('downstream_cx_active', 'gauge', this.cxActive);
    visitor.number('downstream_cx_rx_bytes_total', 'counter', this.bytesReceived);
    visitor.number('downstream_cx_tx_bytes_total', 'counter', this.bytesSent);
    visitor.number('downstream_cx_no_route', 'counter', this.noRoute);
    visitor.number('on_demand_cluster_attempt', 'counter', this.onDemandAttempt);
    visitor.number('on_demand_cluster_success', 'counter', this.onDemandSuccess);
    visitor.number('on_demand_cluster_missing', 'counter', this.onDemandMissing);
    visitor.number('on_demand_cluster_timeout', 'counter', this.onDemandTimeout);
    visitor.number('idle_timeout', 'counter', this.idleTimeout);
    visitor.number('max_downstream_connection_duration', 'counter', this.maxDuration);
  }

  resetCounters(): void {
    this.cxTotal = 0;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.idleTimeout = 0;
    this.maxDuration = 0;
    this.noRoute = 0;
    this.onDemandAttempt = 0;
    this.onDemandSuccess = 0;
    this.onDemandMissing = 0;
    this.onDemandTimeout = 0;
  }
}
