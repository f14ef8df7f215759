import { parsePrometheusText, type Sample } from './prometheus-text.ts';

/** Counters of one stream of requests; all only grow. */
export interface Counters {
  requests: number;
  errors: number;
  /** Count of requests by upper bound of their duration, ms, cumulative; empty where not measured. */
  readonly buckets: Map<number, number>;
}

/** Where a proxy sent requests to. */
export interface OutboundKey {
  readonly protocol: 'http' | 'tcp';
  /** The host that was called: `reviews.default.svc.cluster.local`; empty where no service was found for it. */
  readonly host: string;
  /** Name of a subset of a DestinationRule; empty where the cluster has none. */
  readonly subset: string;
  /** The workload that answered, `NAMESPACE/NAME`; empty where the counters do not say. */
  readonly workload: string;
}

/** What the counters of one proxy say at one moment. */
export interface ProxyReading {
  readonly atMs: number;
  /** By the JSON of {@link OutboundKey}. */
  readonly outbound: ReadonlyMap<string, Counters>;
  readonly inbound: Counters;
  readonly hasInbound: boolean;
}

const wantedNames: ReadonlySet<string> = new Set([
  'istio_requests_total',
  'istio_request_duration_milliseconds_bucket',
  'istio_tcp_connections_opened_total',
  'envoy_cluster_upstream_rq_total',
  'envoy_cluster_upstream_rq_5xx',
  'envoy_cluster_upstream_rq_xx',
  'envoy_cluster_upstream_cx_none_healthy',
  'envoy_cluster_upstream_cx_total',
  'envoy_cluster_upstream_rq_time_bucket',
  'envoy_http_downstream_rq_time_bucket',
]);

/**
 * Reads what a proxy sent and received from its Prometheus text: Istio's own metrics, which know the
 * workload that answered, where the proxy has them; else the counters of its clusters.
 */
export function readProxy(text: string, atMs: number): ProxyReading {
  const samples = parsePrometheusText(text, (name) => wantedNames.has(name));
  const standard = new Reading();
  const clusters = new Reading();
  for (const sample of samples) {
    if (sample.name.startsWith('istio_')) addStandard(standard, sample);
    else addCluster(clusters, sample);
  }
  // A cluster that only ever had connections carries TCP.
  for (const [key, connections] of clusters.connections) {
    const http = clusters.outbound.get(key);
    if (connections === 0 || (http !== undefined && http.requests > 0)) continue;
    clusters.outbound.delete(key);
    const tcp = { ...(JSON.parse(key) as OutboundKey), protocol: 'tcp' as const };
    clusters.outbound.set(JSON.stringify(tcp), { requests: connections, errors: 0, buckets: new Map() });
  }
  const outbound = standard.outbound.size > 0 ? standard.outbound : clusters.outbound;
  const useStandard = standard.inbound.requests > 0;
  const inbound = useStandard ? standard.inbound : clusters.inbound;
  return { atMs, outbound, inbound, hasInbound: useStandard || clusters.hasInbound };
}

class Reading {
  readonly outbound = new Map<string, Counters>();
  readonly connections = new Map<string, number>();
  readonly inbound = emptyCounters();
  hasInbound = false;

  to(key: OutboundKey): Counters {
    const id = JSON.stringify(key);
    let counters = this.outbound.get(id);
    if (counters === undefined) this.outbound.set(id, (counters = emptyCounters()));
    return counters;
  }
}

export function emptyCounters(): Counters {
  return { requests: 0, errors: 0, buckets: new Map() };
}

function addStandard(reading: Reading, { name, labels, value }: Sample): void {
  const isSource = labels['reporter'] === 'source';
  const host = labels['destination_service'] ?? '';
  const isTcp = name === 'istio_tcp_connections_opened_total';
  const workload = labels['destination_workload'] ?? 'unknown';
  const counters = isSource
    ? reading.to({
        protocol: isTcp ? 'tcp' : 'http',
        host: host === 'unknown' ? '' : host,
        subset: '',
        workload: workload === 'unknown' ? '' : `${labels['destination_workload_namespace']}/${workload}`,
      })
    : reading.inbound;
  if (name === 'istio_request_duration_milliseconds_bucket') {
    addBucket(counters, labels['le'], value);
    return;
  }
  counters.requests += value;
  const code = Number(labels['response_code'] ?? '200');
  // 0 is a request that was never answered.
  if (!isTcp && (code >= 500 || code === 0)) counters.errors += value;
}

function addCluster(reading: Reading, { name, labels, value }: Sample): void {
  if (name === 'envoy_http_downstream_rq_time_bucket') {
    const prefix = labels['http_conn_manager_prefix'] ?? labels['envoy_http_conn_manager_prefix'] ?? '';
    if (prefix.startsWith('inbound_')) addBucket(reading.inbound, labels['le'], value);
    return;
  }
  const cluster = labels['cluster_name'] ?? labels['envoy_cluster_name'] ?? '';
  const [direction, , subset = '', host = ''] = cluster.split('|');
  if (direction === 'inbound') {
    if (name !== 'envoy_cluster_upstream_rq_time_bucket' && name !== 'envoy_cluster_upstream_cx_total') {
      addCount(reading.inbound, name, labels, value);
      reading.hasInbound = true;
    }
    return;
  }
  if (direction !== 'outbound' || host === '') return;
  const key: OutboundKey = { protocol: 'http', host, subset, workload: '' };
  if (name === 'envoy_cluster_upstream_cx_total') {
    const id = JSON.stringify(key);
    reading.connections.set(id, (reading.connections.get(id) ?? 0) + value);
  } else if (name === 'envoy_cluster_upstream_rq_time_bucket') {
    addBucket(reading.to(key), labels['le'], value);
  } else {
    addCount(reading.to(key), name, labels, value);
  }
}

function addCount(counters: Counters, name: string, labels: Sample['labels'], value: number): void {
  const isServerError =
    name === 'envoy_cluster_upstream_rq_5xx' ||
    (name === 'envoy_cluster_upstream_rq_xx' && (labels['response_code_class'] ?? '').startsWith('5'));
  if (name === 'envoy_cluster_upstream_rq_total') counters.requests += value;
  else if (isServerError) counters.errors += value;
  else if (name === 'envoy_cluster_upstream_cx_none_healthy') {
    // These never became requests of the cluster.
    counters.requests += value;
    counters.errors += value;
  }
}

function addBucket(counters: Counters, bound: string | undefined, value: number): void {
  const upperMs = bound === '+Inf' ? Infinity : Number(bound);
  counters.buckets.set(upperMs, (counters.buckets.get(upperMs) ?? 0) + value);
}
