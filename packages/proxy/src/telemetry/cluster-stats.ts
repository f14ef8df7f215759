import {
  HealthCheckStats,
  LookupStats,
  OutlierStats,
  SubsetStats,
  ZoneStats,
} from './endpoint-choice-stats.ts';
import { connectionEnd, type ConnectionEnd } from '../codec/connection-end.ts';
import { Http2Stats } from './http2-stats.ts';
import { ByteCounter } from '../wire/byte-counter.ts';
import { Histogram } from './histogram.ts';
import type { StatGroup, StatPlace, StatVisitor } from './stat-group.ts';
import { TlsStats } from './tls-stats.ts';
import { resetCountersOf, visitNumbers, zeroesOf } from './stat-numbers.ts';

/** Field of {@link ClusterStats} -> Envoy's name, and whether the number only grows. */
const names = {
  upstreamCxTotal: ['upstream_cx_total', 'counter'],
  upstreamCxHttp1Total: ['upstream_cx_http1_total', 'counter'],
  upstreamCxHttp2Total: ['upstream_cx_http2_total', 'counter'],
  upstreamCxConnectFail: ['upstream_cx_connect_fail', 'counter'],
  upstreamCxConnectTimeout: ['upstream_cx_connect_timeout', 'counter'],
  upstreamCxConnectAttemptsExceeded: ['upstream_cx_connect_attempts_exceeded', 'counter'],
  upstreamCxOverflow: ['upstream_cx_overflow', 'counter'],
  upstreamCxDestroy: ['upstream_cx_destroy', 'counter'],
  upstreamCxDestroyLocal: ['upstream_cx_destroy_local', 'counter'],
  upstreamCxDestroyRemote: ['upstream_cx_destroy_remote', 'counter'],
  upstreamCxDestroyWithActiveRq: ['upstream_cx_destroy_with_active_rq', 'counter'],
  upstreamCxDestroyLocalWithActiveRq: ['upstream_cx_destroy_local_with_active_rq', 'counter'],
  upstreamCxDestroyRemoteWithActiveRq: ['upstream_cx_destroy_remote_with_active_rq', 'counter'],
  upstreamCxIdleTimeout: ['upstream_cx_idle_timeout', 'counter'],
  upstreamCxMaxDurationReached: ['upstream_cx_max_duration_reached', 'counter'],
  upstreamCxMaxRequests: ['upstream_cx_max_requests', 'counter'],
  upstreamCxNoneHealthy: ['upstream_cx_none_healthy', 'counter'],
  upstreamCxProtocolError: ['upstream_cx_protocol_error', 'counter'],
  upstreamRqActiveOverflow: ['upstream_rq_active_overflow', 'counter'],
  upstreamRqTotal: ['upstream_rq_total', 'counter'],
  upstreamRqCompleted: ['upstream_rq_completed', 'counter'],
  upstreamRq1xx: ['upstream_rq_1xx', 'counter'],
  upstreamRq2xx: ['upstream_rq_2xx', 'counter'],
  upstreamRq3xx: ['upstream_rq_3xx', 'counter'],
  upstreamRq4xx: ['upstream_rq_4xx', 'counter'],
  upstreamRq5xx: ['upstream_rq_5xx', 'counter'],
  upstreamRqUnknown: ['upstream_rq_unknown', 'counter'],
  upstreamRqCancelled: ['upstream_rq_cancelled', 'counter'],
  upstreamRqDropOverload: ['upstream_rq_drop_overload', 'counter'],
  upstreamRqMaintenanceMode: ['upstream_rq_maintenance_mode', 'counter'],
  upstreamRqPendingTotal: ['upstream_rq_pending_total', 'counter'],
  upstreamRqPendingOverflow: ['upstream_rq_pending_overflow', 'counter'],
  upstreamRqPendingFailureEject: ['upstream_rq_pending_failure_eject', 'counter'],
  upstreamRqTimeout: ['upstream_rq_timeout', 'counter'],
  upstreamRqPerTryTimeout: ['upstream_rq_per_try_timeout', 'counter'],
  upstreamRqPerTryIdleTimeout: ['upstream_rq_per_try_idle_timeout', 'counter'],
  upstreamRqMaxDurationReached: ['upstream_rq_max_duration_reached', 'counter'],
  upstreamRqRxReset: ['upstream_rq_rx_reset', 'counter'],
  upstreamRqTxReset: ['upstream_rq_tx_reset', 'counter'],
  upstreamRqRetry: ['upstream_rq_retry', 'counter'],
  upstreamRqRetryBackoffExponential: ['upstream_rq_retry_backoff_exponential', 'counter'],
  upstreamRqRetryBackoffRatelimited: ['upstream_rq_retry_backoff_ratelimited', 'counter'],
  upstreamRqRetrySuccess: ['upstream_rq_retry_success', 'counter'],
  upstreamRqRetryOverflow: ['upstream_rq_retry_overflow', 'counter'],
  upstreamRqRetryLimitExceeded: ['upstream_rq_retry_limit_exceeded', 'counter'],
  retryOrShadowAbandoned: ['retry_or_shadow_abandoned', 'counter'],
  upstreamInternalRedirectSucceeded: ['upstream_internal_redirect_succeeded_total', 'counter'],
  upstreamInternalRedirectFailed: ['upstream_internal_redirect_failed_total', 'counter'],
  lbHealthyPanic: ['lb_healthy_panic', 'counter'],
  updateEmpty: ['update_empty', 'counter'],
  assignmentStale: ['assignment_stale', 'counter'],
  assignmentTimeoutReceived: ['assignment_timeout_received', 'counter'],
  membershipChange: ['membership_change', 'counter'],
  originalDstHostInvalid: ['original_dst_host_invalid', 'counter'],
  upstreamCxActive: ['upstream_cx_active', 'gauge'],
  upstreamRqActive: ['upstream_rq_active', 'gauge'],
  upstreamRqPendingActive: ['upstream_rq_pending_active', 'gauge'],
  membershipTotal: ['membership_total', 'gauge'],
  membershipHealthy: ['membership_healthy', 'gauge'],
  membershipDegraded: ['membership_degraded', 'gauge'],
  membershipExcluded: ['membership_excluded', 'gauge'],
} as const;

const zeroes = zeroesOf(names);

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
  readonly retries: number;
  readonly retryLimit: number;
}

function visitBreakers(visitor: StatVisitor, priority: string, breakers: BreakerView | undefined): void {
  if (breakers === undefined) return;
  const { thresholds } = breakers;
  const at = `circuit_breakers.${priority}`;
  const limits = [
    ['cx', breakers.connections, thresholds.maxConnections],
    ['rq', breakers.requests, thresholds.maxRequests],
    ['rq_pending', breakers.pending, thresholds.maxPendingRequests],
    ['rq_retry', breakers.retries, breakers.retryLimit],
  ] as const;
  const remaining = {
    cx: 'remaining_cx',
    rq: 'remaining_rq',
    rq_pending: 'remaining_pending',
    rq_retry: 'remaining_retries',
  } as const;
  for (const [name, used, limit] of limits) {
    visitor.number(`${at}.${name}_open`, 'gauge', used >= limit ? 1 : 0);
    if (thresholds.trackRemaining)
      visitor.number(`${at}.${remaining[name]}`, 'gauge', Math.max(0, limit - used));
  }
  // Pools of connections are not limited.
  visitor.number(`${at}.cx_pool_open`, 'gauge', 0);
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
  readonly n: Record<keyof typeof names, number> = { ...zeroes };
  readonly requestTime = new Histogram();
  readonly connectTime = new Histogram();
  readonly bytes = new ByteCounter();
  /** By status; empty slots are statuses that never came. */
  readonly #statuses = new Map<number, number>();
  /** The same of answers that another try has followed. */
  readonly #retried = new Map<number, number>();
  #http2: Http2Stats | undefined;
  /** The limits of the cluster, told by it. */
  breakers: Readonly<Record<'default' | 'high', BreakerView>> | undefined;
  #outlier: OutlierStats | undefined;
  #healthCheck: HealthCheckStats | undefined;
  #subsets: SubsetStats | undefined;
  #zones: ZoneStats | undefined;
  #lookups: LookupStats | undefined;
  #tls: TlsStats | undefined;

  constructor(name: string) {
    const { prefix, labels } = clusterStatPlace(name);
    this.prefix = prefix;
    this.labels = labels;
  }

  /** There from the first use on, as are the four that follow. */
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

  get lookups(): LookupStats {
    return (this.#lookups ??= new LookupStats());
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
    const n = this.n;
    n.upstreamRqCompleted++;
    if (status >= 600) {
      n.upstreamRqUnknown++;
      return;
    }
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    if (status >= 500) n.upstreamRq5xx++;
    else if (status >= 400) n.upstreamRq4xx++;
    else if (status >= 300) n.upstreamRq3xx++;
    else if (status >= 200) n.upstreamRq2xx++;
    else n.upstreamRq1xx++;
  }

  /** Counts the status of an answer that nobody gets, since another try follows (Envoy, `retry.upstream_rq_…`). */
  countRetried(status: number): void {
    this.#retried.set(status, (this.#retried.get(status) ?? 0) + 1);
  }

  visit(visitor: StatVisitor): void {
    visitNumbers(names, this.n, (name, kind, value) => visitor.number(name, kind, value));
    for (const priority of ['default', 'high'] as const)
      visitBreakers(visitor, priority, this.breakers?.[priority]);
    for (const part of [
      this.#outlier,
      this.#healthCheck,
      this.#subsets,
      this.#zones,
      this.#lookups,
      this.#tls,
    ]) {
      part?.visit((name, kind, value) => visitor.number(name, kind, value));
    }
    this.#http2?.visit(visitor);
    for (const [status, count] of this.#statuses) visitor.number(`upstream_rq_${status}`, 'counter', count);
    this.#visitRetried(visitor);
    visitor.number('upstream_cx_rx_bytes_total', 'counter', this.bytes.received);
    visitor.number('upstream_cx_tx_bytes_total', 'counter', this.bytes.sent);
    visitor.histogram('upstream_rq_time', this.requestTime);
    visitor.histogram('upstream_cx_connect_ms', this.connectTime);
  }

  #visitRetried(visitor: StatVisitor): void {
    if (this.#retried.size === 0) return;
    const sums = new Map<string, number>();
    const add = (name: string, count: number): void => void sums.set(name, (sums.get(name) ?? 0) + count);
    for (const [status, count] of this.#retried) {
      add('completed', count);
      add(`${Math.floor(status / 100)}xx`, count);
      add(String(status), count);
    }
    for (const [name, count] of sums) visitor.number(`retry.upstream_rq_${name}`, 'counter', count);
  }

  resetCounters(): void {
    resetCountersOf(names, this.n);
    for (const part of [
      this.#outlier,
      this.#healthCheck,
      this.#subsets,
      this.#zones,
      this.#lookups,
      this.#tls,
    ])
      part?.resetCounters();
    this.#http2?.resetCounters();
    this.#statuses.clear();
    this.#retried.clear();
    this.bytes.received = 0;
    this.bytes.sent = 0;
    this.requestTime.reset();
    this.connectTime.reset();
  }
}
