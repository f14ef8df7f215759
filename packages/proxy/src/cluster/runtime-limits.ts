import type { CircuitBreakerThresholds, OutlierDetection } from '../model/cluster.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** The limits of a cluster, as `circuit_breakers.CLUSTER.PRIORITY.…` of the runtime has them. */
export function thresholdsUnder(
  runtime: Runtime,
  cluster: string,
  priority: 'default' | 'high',
  limits: CircuitBreakerThresholds,
): CircuitBreakerThresholds {
  if (runtime.isEmpty) return limits;
  const number = (name: string, fallback: number): number =>
    runtime.number(`circuit_breakers.${cluster}.${priority}.${name}`, fallback);
  const { retryBudget } = limits;
  const budgetPercent = number('retry_budget.budget_percent', retryBudget?.budgetPercent ?? -1);
  const minRetryConcurrency = number(
    'retry_budget.min_retry_concurrency',
    retryBudget?.minRetryConcurrency ?? -1,
  );
  const hasBudget = budgetPercent >= 0 || minRetryConcurrency >= 0;
  return {
    ...limits,
    maxConnections: number('max_connections', limits.maxConnections),
    maxPendingRequests: number('max_pending_requests', limits.maxPendingRequests),
    maxRequests: number('max_requests', limits.maxRequests),
    maxRetries: number('max_retries', limits.maxRetries),
    // The key of one of the two makes a budget; the other has Envoy's default.
    ...(hasBudget
      ? {
          retryBudget: {
            budgetPercent: budgetPercent < 0 ? 20 : budgetPercent,
            minRetryConcurrency: minRetryConcurrency < 0 ? 3 : minRetryConcurrency,
          },
        }
      : {}),
  };
}

/** Envoy's runtime keys of outlier detection, below `outlier_detection.`; they hold for all clusters. */
const outlierKeys: { readonly [key in keyof OutlierDetection]?: string } = {
  consecutive5xx: 'consecutive_5xx',
  consecutiveGatewayFailure: 'consecutive_gateway_failure',
  consecutiveLocalOriginFailure: 'consecutive_local_origin_failure',
  enforcingConsecutive5xx: 'enforcing_consecutive_5xx',
  enforcingConsecutiveGatewayFailure: 'enforcing_consecutive_gateway_failure',
  enforcingConsecutiveLocalOriginFailure: 'enforcing_consecutive_local_origin_failure',
  enforcingSuccessRate: 'enforcing_success_rate',
  enforcingLocalOriginSuccessRate: 'enforcing_local_origin_success_rate',
  successRateMinimumHosts: 'success_rate_minimum_hosts',
  successRateRequestVolume: 'success_rate_request_volume',
  successRateStdevFactor: 'success_rate_stdev_factor',
  failurePercentageThreshold: 'failure_percentage_threshold',
  enforcingFailurePercentage: 'enforcing_failure_percentage',
  enforcingLocalOriginFailurePercentage: 'enforcing_failure_percentage_local_origin',
  failurePercentageMinimumHosts: 'failure_percentage_minimum_hosts',
  failurePercentageRequestVolume: 'failure_percentage_request_volume',
  intervalMs: 'interval_ms',
  baseEjectionTimeMs: 'base_ejection_time_ms',
  maxEjectionTimeMs: 'max_ejection_time_ms',
  maxEjectionTimeJitterMs: 'max_ejection_time_jitter_ms',
  maxEjectionPercent: 'max_ejection_percent',
};

/** The rules of outlier detection, as `outlier_detection.…` of the runtime has them. */
export function outlierUnder(runtime: Runtime, rules: OutlierDetection): OutlierDetection {
  if (runtime.isEmpty) return rules;
  const changed: Record<string, number> = {};
  for (const [field, key] of Object.entries(outlierKeys)) {
    const number = runtime.values.get(`outlier_detection.${key}`)?.number;
    if (number !== undefined) changed[field] = number;
  }
  return { ...rules, ...changed };
}

/** The share of healthy hosts below which all are used, as `upstream.healthy_panic_threshold` has it. */
export function panicThresholdUnder(runtime: Runtime, percent: number): number {
  return Math.min(100, runtime.number('upstream.healthy_panic_threshold', percent));
}

/** Changes when, and only when, a key that clusters look at does. */
export function clusterKeysOf(runtime: Runtime): string {
  return [...runtime.values]
    .filter(([key]) => /^(circuit_breakers|outlier_detection|upstream)\./.test(key))
    .map(([key, { text }]) => `${key}=${text}`)
    .sort()
    .join('\n');
}
