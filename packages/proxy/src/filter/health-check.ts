import { messageOf, type Clock, type Problem } from '@lateen/core';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import { headerName } from '../codec/header-name.ts';
import { compileHeaderMatch, type RequestTest } from '../decide/header-match.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import { CounterGroup } from '../telemetry/counter-group.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { StatGroup } from '../telemetry/stats-registry.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

const checkedCluster = headerName('x-envoy-upstream-healthchecked-cluster');
const immediateFail = headerName('x-envoy-immediate-health-check-fail');
const degraded = headerName('x-envoy-degraded');

/** What the filter asks of the proxy that it is part of. */
export interface HealthCheckServices {
  readonly clock: Clock;
  readonly clusterRef: (name: string) => ClusterRef;
  /** True after `/healthcheck/fail`. */
  readonly healthCheckFailed: () => boolean;
  /** The name of the cluster that this proxy is of. */
  readonly nodeCluster: string;
  readonly statGroup: <T extends StatGroup>(key: string, create: () => T) => T;
}

/** What is answered: 200, or 503 with why; counted as `counter` besides. */
interface Verdict {
  readonly status: number;
  readonly details: string;
  readonly counter?: HealthCheckCounter;
}

const counters = [
  'request_total',
  'failed',
  'ok',
  'cached_response',
  'failed_cluster_not_found',
  'failed_cluster_empty',
  'failed_cluster_unhealthy',
  'degraded',
] as const;
type HealthCheckCounter = (typeof counters)[number];

/**
 * Answers requests that ask how the proxy is: of itself and of its clusters, or in the name of the application whose last
 * answer it keeps for a while (Envoy, health check filter). While `/healthcheck/fail` holds it always answers 503.
 */
export function healthCheckFilter(
  name: string,
  config: Extract<HttpFilterConfig, { kind: 'health_check' }>,
  statPrefix: string,
  services: HealthCheckServices,
  path: string,
  bad: Problem[],
): CompiledHttpFilter {
  const { clock } = services;
  const prefix = `http.${statPrefix}.health_check.`;
  const labels = { http_conn_manager_prefix: statPrefix };
  const { n } = services.statGroup(
    prefix,
    () => new CounterGroup(prefix, 'envoy_http_health_check_', labels, counters),
  );
  const tests: RequestTest[] = [];
  config.headers.forEach((header, i) => {
    try {
      tests.push(compileHeaderMatch(header));
    } catch (error) {
      bad.push({ path: `${path}.headers[${i}]`, message: messageOf(error) });
    }
  });
  const minimums = config.minHealthyPercents.map(({ cluster, percent }) => ({
    ref: services.clusterRef(cluster),
    percent,
  }));
  let cachedStatus = 200;
  let cachedDegraded = false;
  let cachedUntilMs = Number.NEGATIVE_INFINITY;

  function verdict(): Verdict {
    if (services.healthCheckFailed()) return { status: 503, details: 'health_check_failed' };
    if (clock.monotonicMs() < cachedUntilMs)
      return { status: cachedStatus, details: 'health_check_cached', counter: 'cached_response' };
    for (const { ref, percent } of minimums) {
      const stats = ref.cluster?.stats.n;
      if (stats === undefined)
        return {
          status: 503,
          details: 'health_check_failed_no_cluster_found',
          counter: 'failed_cluster_not_found',
        };
      const { membershipTotal, membershipHealthy, membershipDegraded } = stats;
      if (membershipTotal === 0) {
        if (percent > 0)
          return {
            status: 503,
            details: 'health_check_failed_cluster_empty',
            counter: 'failed_cluster_empty',
          };
      } else if (100 * (membershipHealthy + membershipDegraded) < percent * membershipTotal) {
        return {
          status: 503,
          details: 'health_check_failed_cluster_unhealthy',
          counter: 'failed_cluster_unhealthy',
        };
      }
    }
    return {
      status: 200,
      details: minimums.length > 0 ? 'health_check_ok_cluster_healthy' : 'health_check_ok',
    };
  }

  function answer(exchange: FilterExchange): void {
    const { status, details, counter } = verdict();
    n.request_total++;
    const isFailed = status < 200 || status >= 300;
    n[isFailed ? 'failed' : 'ok']++;
    if (counter !== undefined) n[counter]++;
    if (isFailed) exchange.addFlag(flag.failedLocalHealthCheck);
    const isDegraded = counter === 'cached_response' && cachedDegraded;
    if (isDegraded) n.degraded++;
    exchange.reply(status, '', details, isDegraded ? { headers: [['x-envoy-degraded', '']] } : undefined);
  }

  return {
    name,
    onRequest(exchange) {
      for (const test of tests) if (!test(exchange.head)) return 'continue';
      exchange.healthCheck = true;
      const own = !config.passThrough || services.healthCheckFailed() || clock.monotonicMs() < cachedUntilMs;
      if (!own) return 'continue';
      answer(exchange);
      return 'stop';
    },
    onResponse(exchange, response) {
      if (services.healthCheckFailed()) response.headers.set(immediateFail, 'true');
      if (!exchange.healthCheck) return;
      if (config.cacheMs > 0 && clock.monotonicMs() >= cachedUntilMs && !services.healthCheckFailed()) {
        cachedStatus = response.status;
        cachedDegraded = response.headers.has(degraded);
        cachedUntilMs = clock.monotonicMs() + config.cacheMs;
      }
      response.headers.set(checkedCluster, services.nodeCluster);
    },
  };
}
