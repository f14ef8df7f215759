import type { ConnectionEnd } from '../codec/connection-end.ts';
import { Http2Stats } from './http2-stats.ts';
import { ByteCounter } from '../wire/byte-counter.ts';
import { Histogram } from './histogram.ts';
import type { StatGroup, StatVisitor } from './stats-registry.ts';
import { TraceDecisionStats } from './trace-stats.ts';

const counters = {
  cxTotal: 'downstream_cx_total',
  cxHttp1Total: 'downstream_cx_http1_total',
  cxHttp2Total: 'downstream_cx_http2_total',
  cxDestroy: 'downstream_cx_destroy',
  cxDestroyLocal: 'downstream_cx_destroy_local',
  cxDestroyRemote: 'downstream_cx_destroy_remote',
  cxDestroyActiveRq: 'downstream_cx_destroy_active_rq',
  cxDestroyLocalActiveRq: 'downstream_cx_destroy_local_active_rq',
  cxDestroyRemoteActiveRq: 'downstream_cx_destroy_remote_active_rq',
  cxProtocolError: 'downstream_cx_protocol_error',
  cxIdleTimeout: 'downstream_cx_idle_timeout',
  cxMaxDurationReached: 'downstream_cx_max_duration_reached',
  cxDelayedCloseTimeout: 'downstream_cx_delayed_close_timeout',
  cxDrainClose: 'downstream_cx_drain_close',
  cxUpgradesTotal: 'downstream_cx_upgrades_total',
  rqTotal: 'downstream_rq_total',
  rqHttp1Total: 'downstream_rq_http1_total',
  rqHttp2Total: 'downstream_rq_http2_total',
  rqCompleted: 'downstream_rq_completed',
  rq1xx: 'downstream_rq_1xx',
  rq2xx: 'downstream_rq_2xx',
  rq3xx: 'downstream_rq_3xx',
  rq4xx: 'downstream_rq_4xx',
  rq5xx: 'downstream_rq_5xx',
  rqTooLarge: 'downstream_rq_too_large',
  rqTimeout: 'downstream_rq_timeout',
  rqHeaderTimeout: 'downstream_rq_header_timeout',
  rqIdleTimeout: 'downstream_rq_idle_timeout',
  rqFailedPathNormalization: 'downstream_rq_failed_path_normalization',
  rqRedirectedPath: 'downstream_rq_redirected_with_normalized_path',
  rqRejectedViaIpDetection: 'downstream_rq_rejected_via_ip_detection',
  rqUpgradeRefused: 'downstream_rq_ws_on_non_ws_route',
  rqUnderscoresRejected: 'requests_rejected_with_underscores_in_headers',
  headersUnderscoresDropped: 'dropped_headers_with_underscores',
  rqMaxDurationReached: 'downstream_rq_max_duration_reached',
  rqOverloadClose: 'downstream_rq_overload_close',
  cxOverloadDisableKeepalive: 'downstream_cx_overload_disable_keepalive',
  rqRxReset: 'downstream_rq_rx_reset',
  rqTxReset: 'downstream_rq_tx_reset',
  noRoute: 'no_route',
  noCluster: 'no_cluster',
  rqRedirect: 'rq_redirect',
  rqDirectResponse: 'rq_direct_response',
  rqTotalRouter: 'rq_total',
} as const;

const gauges = {
  cxActive: 'downstream_cx_active',
  rqActive: 'downstream_rq_active',
  cxUpgradesActive: 'downstream_cx_upgrades_active',
} as const;

type NumberFields = Record<keyof typeof counters | keyof typeof gauges, number>;

// Through JSON, so that V8 gives the object fixed slots and counting is a plain store.
const zeroes = JSON.parse(
  JSON.stringify(
    Object.fromEntries([...Object.keys(counters), ...Object.keys(gauges)].map((name) => [name, 0])),
  ),
) as NumberFields;

/** The statistics of a connection manager, Envoy's `http.STAT_PREFIX.…`. */
export class HttpStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_http_';
  readonly labels: Readonly<Record<string, string>>;
  readonly n: NumberFields = { ...zeroes };
  readonly requestTime = new Histogram();
  readonly bytes = new ByteCounter();
  #http2: Http2Stats | undefined;
  #tracing: TraceDecisionStats | undefined;

  constructor(statPrefix: string) {
    this.prefix = `http.${statPrefix}.`;
    this.labels = { http_conn_manager_prefix: statPrefix };
  }

  /** There from the first HTTP/2 connection on. */
  get http2(): Http2Stats {
    return (this.#http2 ??= new Http2Stats());
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

  /** Counts a response that was sent. */
  countStatus(status: number): void {
    const n = this.n;
    n.rqCompleted++;
    if (status >= 500) n.rq5xx++;
    else if (status >= 400) n.rq4xx++;
    else if (status >= 300) n.rq3xx++;
    else if (status >= 200) n.rq2xx++;
    else if (status >= 100) n.rq1xx++;
  }

  visit(visitor: StatVisitor): void {
    for (const [field, name] of Object.entries(counters)) {
      visitor.number(name, 'counter', this.n[field as keyof typeof counters]);
    }
    for (const [field, name] of Object.entries(gauges)) {
      visitor.number(name, 'gauge', this.n[field as keyof typeof gauges]);
    }
    visitor.number('downstream_cx_rx_bytes_total', 'counter', this.bytes.received);
    visitor.number('downstream_cx_tx_bytes_total', 'counter', this.bytes.sent);
    this.#http2?.visit(visitor);
    this.#tracing?.visit((name, kind, value) => visitor.number(name, kind, value));
    visitor.histogram('downstream_rq_time', this.requestTime);
  }

  resetCounters(): void {
    for (const field of Object.keys(counters)) this.n[field as keyof typeof counters] = 0;
    this.#http2?.resetCounters();
    this.#tracing?.resetCounters();
    this.bytes.received = 0;
    this.bytes.sent = 0;
    this.requestTime.reset();
  }
}
