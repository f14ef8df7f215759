import * as healthCheck from '@lateen/protocol/envoy/extensions/filters/http/health_check/v3';
import type { HttpFilterConfig } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMatch } from './headers.ts';
import type { Scope } from './scope.ts';

const policy = fieldPolicy(healthCheck.HealthCheck, [
  'passThroughMode',
  'cacheTime',
  'clusterMinHealthyPercentages',
  'headers',
]);

export const healthCheckFilterPolicies = [policy];

/** Which requests ask how this proxy is, and who answers them. */
export function decodeHealthCheckFilter(scope: Scope, message: healthCheck.HealthCheck): HttpFilterConfig {
  scope.check(policy, message);
  const { passThroughMode, cacheTime = 0 } = message;
  if (passThroughMode === undefined) scope.at('passThroughMode').fail('must be set');
  const minHealthy = Object.entries(message.clusterMinHealthyPercentages ?? {});
  if (passThroughMode === true && minHealthy.length > 0) {
    scope.at('clusterMinHealthyPercentages').fail('is for filters that do not pass through');
  }
  if (passThroughMode !== true && cacheTime > 0) {
    scope.at('cacheTime').fail('is for filters that pass through');
  }
  return {
    kind: 'health_check',
    passThrough: passThroughMode ?? false,
    cacheMs: cacheTime,
    minHealthyPercents: minHealthy.map(([cluster, { value = 0 }]) => ({ cluster, percent: value })),
    headers: (message.headers ?? []).map((header, i) => decodeHeaderMatch(scope.at('headers').at(i), header)),
  };
}
