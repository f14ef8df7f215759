import { HealthCheckStats, OutlierStats, SubsetStats, ZoneStats } from './endpoint-choice-stats.ts';
import { connectionEnd, type ConnectionEnd } from '../codec/connection-end.ts';
import { Http2Stats } from './http2-stats.ts';
import { ByteCounter } from '../wire/byte-counter.ts';
import { Histogram } from './histogram.ts';
import type { StatGroup, StatPlace, StatVisitor } from './stat-group.ts';
import { TlsStats } from './tls-stats.ts';

/** Field of {@link ClusterStats} -> Envoy's name. */
const counters = {
  upstreamCxTotal: 'upstream_cx_total',
  upstreamCxHttp1Total: 'upstream_cx_http1_total',
  upstreamCxHttp2Total: 'upstream_cx_http2_total',
  upstreamCxConnectFail: 'upstream_cx_connect_fail',
  upstreamCxConnectTimeout: 'upstream_cx_connect_timeout',
  upstreamCxConnectAttemptsExceeded: 'upstream_cx_connect_attempts_exceeded',
  upstreamCxOverflow: 'upstream_cx_overflow',
  upstreamCxDestroy: 'upstream_cx_destroy',
  upstreamCxDestroyLocal: 'upstream_cx_destroy_local',
  upstreamCxDestroyRemote: 'upstream_cx_destroy_remote',
  upstreamCxDestroyWithActiveRq: 'upstream_cx_destroy_with_active_rq',
  upstreamCxDestroyLocalWithActiveRq: 'upstream_cx_destroy_local_with_active_rq',
  upstreamCxDestroyRemoteWithActiveRq: 'upstream_cx_destroy_remote_with_active_rq',
  upstreamCxIdleTimeout: 'upstream_cx_idle_timeout',
  upstreamCxMaxDurationReached: 'upstream_cx_max_duration_reached',
  upstreamCxMaxRequests: 'upstream_cx_max_requests',
  upstreamCxNoneHealthy: 'upstream_cx_none_healthy',
  upstreamCxProtocolError: 'upstream_cx_protocol_error',
  upstreamRqTotal: 'upstream_rq_total',
  upstreamRqCompleted: 'upstream_rq_completed',
  upstreamRq1xx: 'upstream_rq_1xx',
  upstreamRq2xx: 'upstream_rq_2xx',
  upstreamRq3xx: 'upstream_rq_3xx',
  upstreamRq4xx: 'upstream_rq_4xx',
  upstreamRq5xx: 'upstream_rq_5xx',
  upstreamRqCancelled: 'upstream_rq_cancelled',
  upstreamRqDropOverload: 'upstream_rq_drop_overload',
  upstreamRqMaintenanceMode: 'upstream_rq_maintenance_mode',
  upstreamRqPendingTotal: 'upstream_rq_pending_total',
  upstreamRqPendingOverflow: 'upstream_rq_pending_overflow',
  upstreamRqPendingFailureEject: 'upstream_rq_pending_failure_eject',
  upstreamRqTimeout: 'upstream_rq_timeout',
  upstreamRqPerTryTimeout: 'upstream_rq_per_try_timeout',
  upstreamRqPerTryIdleTimeout: 'upstream_rq_per_try_idle_timeout',
  upstreamRqMaxDurationReached: 'upstream_rq_max_duration_reached',
  upstreamRqRxReset: 'upstream_rq_rx_reset',
  upstreamRqTxReset: 'upstream_rq_tx_reset',
  upstreamRqRetry: 'upstream_rq_retry',
  upstreamRqRetryBackoffExponential: 'upstream_rq_retry_backoff_exponential',
  upstreamRqRetryBackoffRatelimited: 'upstream_rq_retry_backoff_ratelimited',
  upstreamRqRetrySuccess: 'upstream_rq_retry_success',
  upstreamRqRetryOverflow: 'upstream_rq_retry_overflow',
  upstreamRqRetryLimitExceeded: 'upstream_rq_retry_limit_exceeded',
  upstreamInternalRedirectSucceeded: 'upstream_internal_redirect_succeeded_total',
  upstreamInternalRedirectFailed: 'upstream_internal_redirect_failed_total',
  lbHealthyPanic: 'lb_healthy_panic',
  updateAttempt: 'update_attempt',
  updateSuccess: 'update_success',
  updateFailure: 'update_failure',
  updateEmpty: 'update_empty',
  assignmentStale: 'assignment_stale',
  assignmentTimeoutReceived: 'assignment_timeout_received',
  membershipChange: 'membership_change',
  originalDstHostInvalid: 'original_dst_host_invalid',
} as const;

const gauges = {
  upstreamCxActive: 'upstream_cx_active',
  upstreamRqActive: 'upstream_rq_active',
  upstreamRqPendingActive: 'upstream_rq_pending_active',
  membershipTotal: 'membership_total',
  membershipHealthy: 'membership_healthy',
  membershipDegraded: 'membership_degraded',
} as const;

type NumberFields = Record<keyof typeof counters | keyof typeof gauges, number>;

// Through JSON, so that V8 gives the object fixed slots and counting is a plain store.
const zeroes = JSON.parse(
  JSON.stringify(
    Object.fromEntries([...Object.keys(counters), ...Object.keys(gauges)].map((name) => [name, 0])),
  ),
) as NumberFields;

/** Limits, and what is in use of them. */
interface BreakerView {
  readonly thresholds: {
    readonly maxConnections: number;
    readonly maxPendingRequests: number;
    readonly maxRequests: number;
    readonly trackRemaining: boolean;
  };
  readonly connections: number;
  readonly pending: number;
  readonly requests: number;
  mayRetry(): boolean;
}

function visitBreakers(visitor: StatVisitor, priority: string, breakers: BreakerView | undefined): void {
  if (breakers === undefined) return;
  const { thresholds } = breakers;
  const at = `circuit_breakers.${priority}`;
  const limits = [
    ['cx', breakers.connections, thresholds.maxConnections],
    ['rq', breakers.requests, thresholds.maxRequests],
    ['rq_pending', breakers.pending, thresholds.maxPendingRequests],
  ] as const;
  const remaining = { cx: 'remaining_cx', rq: 'remaining_rq', rq_pending: 'remaining_pending' } as const;
  for (const [name, used, limit] of limits) {
    visitor.number(`${at}.${name}_open`, 'gauge', used >= limit ? 1 : 0);
    if (thresholds.trackRemaining)
      visitor.number(`${at}.${remaining[name]}`, 'gauge', Math.max(0, limit - used));
  }
  visitor.number(`${at}.rq_retry_open`, 'gauge', breakers.mayRetry() ? 0 : 1);
}

/** Where a cluster's statistics stand. */
export function clusterStatPlace(name: string): StatPlace {
  return {
    prefix: `cluster.${name.replaceAll(':', '_')}.`,
    prometheusPrefix: 'envoy_cluster_',
    labels: { cluster_name: name },
  };
}

/** The statistics of one cluster, Envoy's `cluster.NAME.…`. Count by `stats.n.upstreamRqTotal++`. */
export class ClusterStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix = 'envoy_cluster_';
  readonly labels: Readonly<Record<string, string>>;
  readonly n: NumberFields = { ...zeroes };
  readonly requestTime = new Histogram();
  readonly connectTime = new Histogram();
  readonly bytes = new ByteCounter();
  /** By status; empty slots are statuses that never came. */
  readonly #statuses = new Map<number, number>();
  #http2: Http2Stats | undefined;
  /** The limits of the cluster, told by it. */
  breakers: Readonly<Record<'default' | 'high', BreakerView>> | undefined;
  #outlier: OutlierStats | undefined;
  #healthCheck: HealthCheckStats | undefined;
  #subsets: SubsetStats | undefined;
  #zones: ZoneStats | undefined;
  #tls: TlsStats | undefined;

  constructor(name: string) {
    const { prefix, labels } = clusterStatPlace(name);
    this.prefix = prefix;
    this.labels = labels;
  }

  /** There from the first use on, as are the three that follow. */
  get outlier(): OutlierStats {
    return (this.#outlier ??= new OutlierStats());
  }

  get healthCheck(): HealthCheckStats {
    return (this.#healthCheck ??= new HealthCheckStats());
  }

  get subsets(): SubsetStats {
    return (this.#subsets ??= new SubsetStats());
  }

  get zones(): ZoneStats {
    return (this.#zones ??= new ZoneStats());
  }

  /** There from the first TLS connection on. */
  get tls(): TlsStats {
    return (this.#tls ??= new TlsStats());
  }

  /** There from the first HTTP/2 connection on. */
  get http2(): Http2Stats {
    return (this.#http2 ??= new Http2Stats());
  }

  /** Counts a connection that has ended, made or not. */
  countClosed({ byPeer, active, cause }: ConnectionEnd): void {
    const { n } = this;
    n.upstreamCxActive--;
    n.upstreamCxDestroy++;
    if (byPeer) n.upstreamCxDestroyRemote++;
    else n.upstreamCxDestroyLocal++;
    if (active) {
      n.upstreamCxDestroyWithActiveRq++;
      if (byPeer) n.upstreamCxDestroyRemoteWithActiveRq++;
      else n.upstreamCxDestroyLocalWithActiveRq++;
    }
    if (cause === 'protocol_error') n.upstreamCxProtocolError++;
    else if (cause === 'idle_timeout') n.upstreamCxIdleTimeout++;
    else if (cause === 'max_requests') n.upstreamCxMaxRequests++;
  }

  /** Counts a connection that could not be made; `waiting` requests hoped for it. */
  countConnectFailure(timedOut: boolean, waiting: number): void {
    this.countClosed(connectionEnd(!timedOut, false));
    const { n } = this;
    n.upstreamCxConnectFail++;
    if (timedOut) n.upstreamCxConnectTimeout++;
    n.upstreamRqPendingFailureEject += waiting;
  }

  /** Counts the status of an answer, of an endpoint or in its place. */
  countStatus(status: number): void {
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    const n = this.n;
    n.upstreamRqCompleted++;
    if (status >= 500) n.upstreamRq5xx++;
    else if (status >= 400) n.upstreamRq4xx++;
    else if (status >= 300) n.upstreamRq3xx++;
    else if (status >= 200) n.upstreamRq2xx++;
    else n.upstreamRq1xx++;
  }

  visit(visitor: StatVisitor): void {
    for (const [field, name] of Object.entries(counters)) {
      visitor.number(name, 'counter', this.n[field as keyof typeof counters]);
    }
    for (const [field, name] of Object.entries(gauges)) {
      visitor.number(name, 'gauge', this.n[field as keyof typeof gauges]);
    }
    for (const priority of ['default', 'high'] as const)
      visitBreakers(visitor, priority, this.breakers?.[priority]);
    for (const part of [this.#outlier, this.#healthCheck, this.#subsets, this.#zones, this.#tls]) {
      part?.visit((name, kind, value) => visitor.number(name, kind, value));
    }
    this.#http2?.visit(visitor);
    for (const [status, count] of this.#statuses) visitor.number(`upstream_rq_${status}`, 'counter', count);
    visitor.number('upstream_cx_rx_bytes_total', 'counter', this.bytes.received);
    visitor.number('upstream_cx_tx_bytes_total', 'counter', this.bytes.sent);
    visitor.histogram('upstream_rq_time', this.requestTime);
    visitor.histogram('upstream_cx_connect_ms', this.connectTime);
  }

  resetCounters(): void {
    for (const field of Object.keys(counters)) this.n[field as keyof typeof counters] = 0;
    for (const part of [this.#outlier, this.#healthCheck, this.#subsets, this.#zones, this.#tls])
      part?.resetCounters();
    this.#http2?.resetCounters();
    this.#statuses.clear();
    this.bytes.received = 0;
    this.bytes.sent = 0;
    this.requestTime.reset();
    this.connectTime.reset();
  }
}
