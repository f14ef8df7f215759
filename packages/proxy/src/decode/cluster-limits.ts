import type {
  CircuitBreakers_Thresholds,
  OutlierDetection as OutlierMessage,
} from '@lateen/protocol/envoy/config/cluster/v3';
import * as cluster from '@lateen/protocol/envoy/config/cluster/v3';
import {
  defaultThresholds,
  type CircuitBreakerThresholds,
  type Cluster,
  type OutlierDetection,
} from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { percentOf } from './percent.ts';
import type { Scope } from './scope.ts';

const thresholdsPolicy = fieldPolicy(
  cluster.CircuitBreakers_Thresholds,
  [
    'priority',
    'maxConnections',
    'maxPendingRequests',
    'maxRequests',
    'maxRetries',
    'retryBudget',
    'trackRemaining',
  ],
  { maxConnectionPools: 'there is one pool an endpoint' },
);
const circuitBreakersPolicy = fieldPolicy(cluster.CircuitBreakers, ['thresholds', 'perHostThresholds']);
const outlierPolicy = fieldPolicy(cluster.OutlierDetection, [
  'consecutive5xx',
  'interval',
  'baseEjectionTime',
  'maxEjectionPercent',
  'enforcingConsecutive5xx',
  'enforcingSuccessRate',
  'successRateMinimumHosts',
  'successRateRequestVolume',
  'successRateStdevFactor',
  'consecutiveGatewayFailure',
  'enforcingConsecutiveGatewayFailure',
  'splitExternalLocalOriginErrors',
  'consecutiveLocalOriginFailure',
  'enforcingConsecutiveLocalOriginFailure',
  'failurePercentageThreshold',
  'enforcingFailurePercentage',
  'failurePercentageMinimumHosts',
  'failurePercentageRequestVolume',
  'maxEjectionTime',
  'enforcingLocalOriginSuccessRate',
  'enforcingFailurePercentageLocalOrigin',
  'maxEjectionTimeJitter',
  'successfulActiveHealthCheckUnejectHost',
  'alwaysEjectOneHost',
]);
export const clusterLimitPolicies = [thresholdsPolicy, circuitBreakersPolicy, outlierPolicy];

/** The limits of a cluster for each priority; what is not set has Envoy's default. */
export function decodeCircuitBreakers(
  scope: Scope,
  message: cluster.CircuitBreakers,
): Cluster['circuitBreakers'] {
  scope.check(circuitBreakersPolicy, message);
  const result = { default: defaultThresholds, high: defaultThresholds };
  for (const [i, thresholds] of (message.thresholds ?? []).entries()) {
    const priority = thresholds.priority === 'HIGH' ? 'high' : 'default';
    result[priority] = decodeThresholds(scope.at('thresholds').at(i), thresholds);
  }
  return result;
}

function decodeThresholds(scope: Scope, message: CircuitBreakers_Thresholds): CircuitBreakerThresholds {
  scope.check(thresholdsPolicy, message);
  const budget = message.retryBudget;
  return {
    maxConnections: message.maxConnections ?? defaultThresholds.maxConnections,
    maxPendingRequests: message.maxPendingRequests ?? defaultThresholds.maxPendingRequests,
    maxRequests: message.maxRequests ?? defaultThresholds.maxRequests,
    maxRetries: message.maxRetries ?? defaultThresholds.maxRetries,
    ...(budget === undefined
      ? {}
      : {
          retryBudget: {
            budgetPercent: percentOf(budget.budgetPercent, 20),
            minRetryConcurrency: budget.minRetryConcurrency ?? 3,
          },
        }),
    trackRemaining: message.trackRemaining ?? false,
  };
}

/** When hosts are left alone for a while. Defaults are Envoy's (envoy.config.cluster.v3.OutlierDetection). */
export function decodeOutlier(scope: Scope, message: OutlierMessage): OutlierDetection {
  scope.check(outlierPolicy, message);
  const baseEjectionTimeMs = message.baseEjectionTime ?? 30_000;
  if (message.maxEjectionTime !== undefined && message.maxEjectionTime < baseEjectionTimeMs) {
    scope.at('maxEjectionTime').fail('must not be less than base_ejection_time');
  }
  return {
    consecutive5xx: message.consecutive5xx ?? 5,
    consecutiveGatewayFailure: message.consecutiveGatewayFailure ?? 5,
    consecutiveLocalOriginFailure: message.consecutiveLocalOriginFailure ?? 5,
    enforcingConsecutive5xx: message.enforcingConsecutive5xx ?? 100,
    enforcingConsecutiveGatewayFailure: message.enforcingConsecutiveGatewayFailure ?? 0,
    enforcingConsecutiveLocalOriginFailure: message.enforcingConsecutiveLocalOriginFailure ?? 100,
    enforcingSuccessRate: message.enforcingSuccessRate ?? 100,
    successRateMinimumHosts: message.successRateMinimumHosts ?? 5,
    successRateRequestVolume: message.successRateRequestVolume ?? 100,
    successRateStdevFactor: message.successRateStdevFactor ?? 1_900,
    failurePercentageThreshold: message.failurePercentageThreshold ?? 85,
    enforcingFailurePercentage: message.enforcingFailurePercentage ?? 0,
    failurePercentageMinimumHosts: message.failurePercentageMinimumHosts ?? 5,
    failurePercentageRequestVolume: message.failurePercentageRequestVolume ?? 50,
    splitExternalLocalOriginErrors: message.splitExternalLocalOriginErrors ?? false,
    intervalMs: message.interval ?? 10_000,
    baseEjectionTimeMs,
    maxEjectionTimeMs: message.maxEjectionTime ?? Math.max(baseEjectionTimeMs, 300_000),
    maxEjectionPercent: message.maxEjectionPercent ?? 10,
    enforcingLocalOriginSuccessRate: message.enforcingLocalOriginSuccessRate ?? 100,
    enforcingLocalOriginFailurePercentage: message.enforcingFailurePercentageLocalOrigin ?? 0,
    maxEjectionTimeJitterMs: message.maxEjectionTimeJitter ?? 0,
    alwaysEjectOneHost: message.alwaysEjectOneHost ?? false,
    healthCheckUnejects: message.successfulActiveHealthCheckUnejectHost ?? true,
  };
}

/** The most connections of one endpoint; the only limit that Envoy takes here, and only of the default priority. */
export function decodeHostConnections(scope: Scope, message: cluster.CircuitBreakers): number | undefined {
  let most: number | undefined;
  for (const [i, thresholds] of (message.perHostThresholds ?? []).entries()) {
    const at = scope.at('perHostThresholds').at(i);
    const { priority, maxConnections, ...others } = thresholds;
    for (const [name, value] of Object.entries(others))
      if (value !== undefined)
        at.at(name).fail('is not supported: only max_connections is a limit of endpoints');
    if (priority === undefined || priority === 'DEFAULT') most = maxConnections;
  }
  return most;
}
