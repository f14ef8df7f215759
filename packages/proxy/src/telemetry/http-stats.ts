import type { ConnectionEnd } from '../codec/connection-end.ts';
import type { CodecStats } from './codec-stats.ts';
import { ByteCounter } from '../wire/byte-counter.ts';
import { Histogram } from './histogram.ts';
import type { StatGroup, StatVisitor } from './stats-registry.ts';
import { TraceDecisionStats } from './trace-stats.ts';
import { resetCountersOf, visitNumbers, zeroesOf } from './stat-numbers.ts';

const names = {
  cxTotal: ['downstream_cx_total', 'counter'],
  cxHttp1Total: ['downstream_cx_http1_total', 'counter'],
  cxHttp2Total: ['downstream_cx_http2_total', 'counter'],
  cxSslTotal: ['downstream_cx_ssl_total', 'counter'],
  cxDestroy: ['downstream_cx_destroy', 'counter'],
  cxDestroyLocal: ['downstream_cx_destroy_local', 'counter'],
  cxDestroyRemote: ['downstream_cx_destroy_remote', 'counter'],
  cxDestroyActiveRq: ['downstream_cx_destroy_active_rq', 'counter'],
  cxDestroyLocalActiveRq: ['downstream_cx_destroy_local_active_rq', 'counter'],
  cxDestroyRemoteActiveRq: ['downstream_cx_destroy_remote_active_rq', 'counter'],
  cxProtocolError: ['downstream_cx_protocol_error', 'counter'],
  cxIdleTimeout: ['downstream_cx_idle_timeout', 'counter'],
  cxMaxDurationReached: ['downstream_cx_max_duration_reached', 'counter'],
  cxDelayedCloseTimeout: ['downstream_cx_delayed_close_timeout', 'counter'],
  cxDrainClose: ['downstream_cx_drain_close', 'counter'],
  cxUpgradesTotal: ['downstream_cx_upgrades_total', 'counter'],
  rqTotal: ['downstream_rq_total', 'counter'],
  rqHttp1Total: ['downstream_rq_http1_total', 'counter'],
  rqHttp2Total: ['downstream_rq_http2_total', 'counter'],
  rqCompleted: ['downstream_rq_completed', 'counter'],
  rq1xx: ['downstream_rq_1xx', 'counter'],
  rq2xx: ['downstream_rq_2xx', 'counter'],
  rq3xx: ['downstream_rq_3xx', 'counter'],
  rq4xx: ['downstream_rq_4xx', 'counter'],
  rq5xx: ['downstream_rq_5xx', 'counter'],
  rqTooLarge: ['downstream_rq_too_large', 'counter'],
  rqTimeout: ['downstream_rq_timeout', 'counter'],
  rqHeaderTimeout: ['downstream_rq_header_timeout', 'counter'],
  rqIdleTimeout: ['downstream_rq_idle_timeout', 'counter'],
  rqFailedPathNormalization: ['downstream_rq_failed_path_normalization', 'counter'],
  rqRedirectedPath: ['downstream_rq_redirected_with_normalized_path', 'counter'],
  rqNonRelativePath: ['downstream_rq_non_relative_path', 'counter'],
  rqRejectedViaIpDetection: ['downstream_rq_rejected_via_ip_detection', 'counter'],
  rqUpgradeRefused: ['downstream_rq_ws_on_non_ws_route', 'counter'],
  rqMaxDurationReached: ['downstream_rq_max_duration_reached', 'counter'],
  rqOverloadClose: ['downstream_rq_overload_close', 'counter'],
  cxOverloadDisableKeepalive: ['downstream_cx_overload_disable_keepalive', 'counter'],
  rqRxReset: ['downstream_rq_rx_reset', 'counter'],
  rqResponseBeforeComplete: ['downstream_rq_response_before_rq_complete', 'counter'],
  rqTxReset: ['downstream_rq_tx_reset', 'counter'],
  noRoute: ['no_route', 'counter'],
  noCluster: ['no_cluster', 'counter'],
  rqRedirect: ['rq_redirect', 'counter'],
  rqDirectResponse: ['rq_direct_response', 'counter'],
  rqTotalRouter: ['rq_total', 'counter'],
  cxActive: ['downstream_cx_active', 'gauge'],
  cxSslActive: ['downstream_cx_ssl_active', 'gauge'],
  cxHttp1Active: ['downstream_cx_http1_active', 'gauge'],
  cxHttp2Active: ['downstream_cx_http2_active', 'gauge'],
  rqActive: ['downstream_rq_active', 'gauge'],
  cxUpgradesActive: ['downstream_cx_upgrades_active', 'gauge'],
} as const;

const zeroes = zeroesOf(names);

/** The statistics of a connection manager, Envoy's `http.STAT_PREFIX.…`. */
export class HttpStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_http_';
  readonly labels: Readonly<Record<string, string>>;
  readonly n: Record<keyof typeof names, number> = { ...zeroes };
  readonly requestTime = new Histogram();
  readonly cxLength = new Histogram();
  readonly bytes = new ByteCounter();
  /** Those of all connection managers. */
  readonly codec: CodecStats;
  #tracing: TraceDecisionStats | undefined;

  constructor(statPrefix: string, codec: CodecStats) {
    this.codec = codec;
    this.prefix = `http.${statPrefix}.`;
    this.labels = { http_conn_manager_prefix: statPrefix };
  }

  /** There where requests are traced. */
  get tracing(): TraceDecisionStats {
    return (this.#tracing ??= new TraceDecisionStats());
  }

  /** Counts a connection that has ended. */
  countClosed({ byPeer, active, cause }: ConnectionEnd): void {
    const { n } = this;
    n.cxActive--;
    n.cxDestroy++;
    if (byPeer) n.cxDestroyRemote++;
    else n.cxDestroyLocal++;
    if (active) {
      n.cxDestroyActiveRq++;
      if (byPeer) n.cxDestroyRemoteActiveRq++;
      else n.cxDestroyLocalActiveRq++;
    }
    if (cause === 'protocol_error') n.cxProtocolError++;
    else if (cause === 'idle_timeout') n.cxIdleTimeout++;
  }

  /** Counts a connection whose handshake has failed: as Envoy, by the end of its client. */
  countUnserved(): void {
    const { n } = this;
    n.cxTotal++;
    n.cxSslTotal++;
    n.cxDestroy++;
    n.cxDestroyRemote++;
  }

  /** Counts a request that is over, with the status that it was answered by; 0: none. Health checks are none of them. */
  countEnd(status: number, healthCheck: boolean): void {
    if (healthCheck) this.tracing.n.healthCheck++;
    else if (status > 0) this.countStatus(status);
  }

  /** Counts a response that was sent. */
  countStatus(status: number): void {
    const n = this.n;
    n.rqCompleted++;
    // Envoy counts no class above 5xx.
    if (status >= 600) return;
    if (status >= 500) n.rq5xx++;
    else if (status >= 400) n.rq4xx++;
    else if (status >= 300) n.rq3xx++;
    else if (status >= 200) n.rq2xx++;
    else if (status >= 100) n.rq1xx++;
  }

  visit(visitor: StatVisitor): void {
    visitNumbers(names, this.n, (name, kind, value) => visitor.number(name, kind, value));
    visitor.number('downstream_cx_rx_bytes_total', 'counter', this.bytes.received);
    visitor.number('downstream_cx_tx_bytes_total', 'counter', this.bytes.sent);
    this.#tracing?.visit((name, kind, value) => visitor.number(name, kind, value));
    visitor.histogram('downstream_rq_time', this.requestTime);
    visitor.histogram('downstream_cx_length_ms', this.cxLength);
  }

  resetCounters(): void {
    resetCountersOf(names, this.n);
    this.#tracing?.resetCounters();
    this.bytes.received = 0;
    this.bytes.sent = 0;
    this.requestTime.reset();
    this.cxLength.reset();
  }
}
