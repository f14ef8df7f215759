import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, fromJson } from '@lateen/protocol';
import { HealthCheck } from '@lateen/protocol/envoy/extensions/filters/http/health_check/v3';
import { decodeHealthCheckFilter } from './health-check-filter.ts';
import { Scope } from './scope.ts';

function decodeFilter(json: Record<string, unknown>) {
  const message = fromJson(HealthCheck, json);
  assert.ok(message.ok, JSON.stringify(message));
  const scope = Scope.root();
  const decoded = scope.read(HealthCheck, encode(HealthCheck, message.value));
  assert.ok(decoded !== undefined);
  return scope.result(decodeHealthCheckFilter(scope, decoded));
}

test('names of clusters are keys of a map, not fields', () => {
  const result = decodeFilter({
    pass_through_mode: false,
    cluster_min_healthy_percentages: { 'outbound|80||reviews': { value: 50 }, value: { value: 12.5 } },
  });
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(result.value.kind === 'health_check' && result.value.minHealthyPercents, [
    { cluster: 'outbound|80||reviews', percent: 50 },
    { cluster: 'value', percent: 12.5 },
  ]);
});
