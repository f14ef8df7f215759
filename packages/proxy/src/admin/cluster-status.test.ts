import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clustersJson, clustersText } from './cluster-status.ts';
import { oneCluster } from './testing/one-cluster.ts';

test('what discovery says of the health of a host has its flag', () => {
  for (const [edsHealth, flags, word] of [
    ['unknown', 'healthy', 'HEALTHY'],
    ['unhealthy', '/failed_outlier_check/failed_eds_health', 'UNHEALTHY'],
    ['timeout', '/failed_outlier_check/failed_eds_health', 'UNHEALTHY'],
    ['draining', '/failed_outlier_check/eds_status_draining', 'DRAINING'],
    ['degraded', '/failed_outlier_check/degraded_eds_health', 'DEGRADED'],
  ] as const) {
    const endpoints = oneCluster.endpoints.map((one) => ({
      ...one,
      ejected: edsHealth !== 'unknown',
      edsHealth,
    }));
    const shown = [{ ...oneCluster, endpoints }];
    assert.ok(clustersText(shown, () => false).includes(`::health_flags::${flags}\n`), edsHealth);
    assert.ok(JSON.stringify(clustersJson(shown, () => false)).includes(`"eds_health_status":"${word}"`));
  }
});
