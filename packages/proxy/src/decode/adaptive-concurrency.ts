import * as adaptive from '@lateen/protocol/envoy/extensions/filters/http/adaptive_concurrency/v3';
import type { AdaptiveConcurrency, GradientRules } from '../model/adaptive-concurrency.ts';
import { fieldPolicy } from './field-policy.ts';
import { percentShare } from './percent.ts';
import { errorStatus } from './rate-limits.ts';
import type { Scope } from './scope.ts';

const filterPolicy = fieldPolicy(adaptive.AdaptiveConcurrency, [
  'gradientControllerConfig',
  'enabled',
  'concurrencyLimitExceededStatus',
]);
const gradientPolicy = fieldPolicy(adaptive.GradientControllerConfig, [
  'sampleAggregatePercentile',
  'concurrencyLimitParams',
  'minRttCalcParams',
]);
const limitPolicy = fieldPolicy(adaptive.GradientControllerConfig_ConcurrencyLimitCalculationParams, [
  'maxConcurrencyLimit',
  'concurrencyUpdateInterval',
]);
const minRttPolicy = fieldPolicy(adaptive.GradientControllerConfig_MinimumRTTCalculationParams, [
  'interval',
  'requestCount',
  'jitter',
  'minConcurrency',
  'buffer',
]);

export const adaptiveConcurrencyPolicies = [filterPolicy, gradientPolicy, limitPolicy, minRttPolicy];

function decodeGradient(scope: Scope, message: adaptive.GradientControllerConfig): GradientRules {
  scope.check(gradientPolicy, message);
  const { concurrencyLimitParams: limits = {}, minRttCalcParams: minRtt = {} } = message;
  const limitAt = scope.at('concurrencyLimitParams');
  const minRttAt = scope.at('minRttCalcParams');
  limitAt.check(limitPolicy, limits);
  minRttAt.check(minRttPolicy, minRtt);
  const { maxConcurrencyLimit = 1_000, concurrencyUpdateInterval = 0 } = limits;
  if (concurrencyUpdateInterval <= 0) limitAt.at('concurrencyUpdateInterval').fail('must be above 0');
  const { interval = 0, requestCount = 50, minConcurrency = 3 } = minRtt;
  if (interval < 1) minRttAt.at('interval').fail('must be at least 1 ms');
  for (const [at, field, value] of [
    [limitAt, 'maxConcurrencyLimit', maxConcurrencyLimit],
    [minRttAt, 'requestCount', requestCount],
    [minRttAt, 'minConcurrency', minConcurrency],
  ] as const) {
    if (value < 1) at.at(field).fail('must be at least 1');
  }
  return {
    percentile: percentShare(scope.at('sampleAggregatePercentile'), message.sampleAggregatePercentile, 50),
    maxConcurrency: maxConcurrencyLimit,
    updateIntervalMs: concurrencyUpdateInterval,
    minRttIntervalMs: interval,
    jitter: percentShare(minRttAt.at('jitter'), minRtt.jitter, 15),
    minRttRequests: requestCount,
    minConcurrency,
    buffer: percentShare(minRttAt.at('buffer'), minRtt.buffer, 25),
  };
}

/** How many requests may be under way. */
export function decodeAdaptiveConcurrency(
  scope: Scope,
  message: adaptive.AdaptiveConcurrency,
): AdaptiveConcurrency {
  scope.check(filterPolicy, message);
  const { enabled, gradientControllerConfig } = message;
  const at = scope.at('gradientControllerConfig');
  if (gradientControllerConfig === undefined) at.fail('must be set');
  return {
    enabled: enabled === undefined ? () => true : scope.flag(enabled),
    status: errorStatus(message.concurrencyLimitExceededStatus, 503),
    gradient: decodeGradient(at, gradientControllerConfig ?? {}),
  };
}
