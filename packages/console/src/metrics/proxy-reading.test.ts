import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProxy, type Counters, type OutboundKey } from './proxy-reading.ts';

const reviews = 'reviews.default.svc.cluster.local';

function list(outbound: ReadonlyMap<string, Counters>): [OutboundKey, number, number][] {
  return [...outbound].map(([key, { requests, errors }]) => [
    JSON.parse(key) as OutboundKey,
    requests,
    errors,
  ]);
}

test("Istio's metrics name the workload that answered, and its errors", () => {
  const labels = (workload: string, code: string): string =>
    `reporter="source",destination_service="${reviews}",destination_workload="${workload}",destination_workload_namespace="default",response_code="${code}"`;
  const { outbound } = readProxy(
    `istio_requests_total{${labels('reviews-v1', '200')}} 8
istio_requests_total{${labels('reviews-v1', '503')}} 2
istio_requests_total{${labels('unknown', '0')}} 1
istio_requests_total{reporter="source",destination_service="unknown",response_code="200"} 5
envoy_cluster_upstream_rq_total{cluster_name="outbound|9080||${reviews}"} 10`,
    0,
  );
  const key = { protocol: 'http', host: reviews, subset: '' } as const;
  assert.deepEqual(list(outbound), [
    [{ ...key, workload: 'default/reviews-v1' }, 10, 2],
    [{ ...key, workload: '' }, 1, 1],
    [{ ...key, host: '', workload: '' }, 5, 0],
  ]);
});

test('without them the clusters of the proxy tell, by subset, with those that found no endpoint', () => {
  const cluster = `{cluster_name="outbound|9080|v2|${reviews}"}`;
  const { outbound } = readProxy(
    `envoy_cluster_upstream_rq_total${cluster} 10
envoy_cluster_upstream_rq_5xx${cluster} 1
envoy_cluster_upstream_cx_none_healthy${cluster} 4
envoy_cluster_upstream_cx_total${cluster} 2
envoy_cluster_upstream_rq_total{cluster_name="BlackHoleCluster"} 9`,
    0,
  );
  assert.deepEqual(list(outbound), [
    [{ protocol: 'http', host: reviews, subset: 'v2', workload: '' }, 14, 5],
  ]);
});

test("a cluster that only ever had connections carries TCP, and Envoy's classes of answers count, too", () => {
  const { outbound } = readProxy(
    `envoy_cluster_upstream_cx_total{cluster_name="outbound|3306||db.default.svc.cluster.local"} 3
envoy_cluster_upstream_rq_total{cluster_name="outbound|3306||db.default.svc.cluster.local"} 0
envoy_cluster_upstream_rq_total{cluster_name="outbound|80||web.default.svc.cluster.local"} 4
envoy_cluster_upstream_rq_xx{response_code_class="5xx",cluster_name="outbound|80||web.default.svc.cluster.local"} 3`,
    0,
  );
  assert.deepEqual(
    list(outbound).map(([{ protocol, host }, requests, errors]) => [protocol, host, requests, errors]),
    [
      ['http', 'web.default.svc.cluster.local', 4, 3],
      ['tcp', 'db.default.svc.cluster.local', 3, 0],
    ],
  );
});

test('what arrives is counted by the inbound clusters, with its durations', () => {
  const { inbound, hasInbound } = readProxy(
    `envoy_cluster_upstream_rq_total{cluster_name="inbound|9080||"} 7
envoy_http_downstream_rq_time_bucket{http_conn_manager_prefix="inbound_0.0.0.0_9080",le="10"} 4
envoy_http_downstream_rq_time_bucket{http_conn_manager_prefix="inbound_0.0.0.0_9080",le="+Inf"} 7
envoy_http_downstream_rq_time_bucket{http_conn_manager_prefix="outbound_0.0.0.0_9080",le="+Inf"} 99`,
    0,
  );
  assert.equal(hasInbound, true);
  assert.equal(inbound.requests, 7);
  assert.deepEqual(
    [...inbound.buckets],
    [
      [10, 4],
      [Infinity, 7],
    ],
  );
});
