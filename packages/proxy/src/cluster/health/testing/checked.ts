import assert from 'node:assert/strict';
import { TestClock } from '@lateen/core';
import type { Cluster, HealthCheck } from '../../../model/index.ts';
import type { DataPlane, DataPlaneOptions } from '../../../data-plane.ts';
import { startDataPlane, type Closers } from '../../../testing/harness.ts';

/** By HTTP, at long intervals. */
export const check: HealthCheck = {
  timeoutMs: 1_000,
  intervalMs: 5_000,
  initialJitterMs: 0,
  intervalJitterMs: 0,
  intervalJitterPercent: 0,
  noTrafficIntervalMs: 60_000,
  noTrafficHealthyIntervalMs: 40_000,
  unhealthyIntervalMs: 5_000,
  unhealthyEdgeIntervalMs: 5_000,
  healthyEdgeIntervalMs: 5_000,
  unhealthyThreshold: 2,
  healthyThreshold: 2,
  check: {
    kind: 'http',
    host: '',
    path: '/healthz',
    method: 'GET',
    protocol: 'http1',
    expectedStatuses: [{ start: 200, end: 201 }],
    retriableStatuses: [{ start: 429, end: 430 }],
  },
};

export interface Checked {
  readonly clock: TestClock;
  readonly dataPlane: DataPlane;
  /** Lets time pass until the next check, and waits for what it finds: as many checks as that are over then. */
  readonly next: (ms: number) => Promise<void>;
  readonly healthy: () => boolean;
  readonly stat: (name: string) => number;
}

/** Starts a data plane with this cluster, whose name is `checked`. */
export async function checked(t: Closers, model: Cluster, options: DataPlaneOptions = {}): Promise<Checked> {
  const clock = new TestClock();
  const dataPlane = startDataPlane(t, { clock, random: () => 0, ...options });
  await dataPlane.update({ clusters: { set: [model] } });
  const stat = (name: string): number => {
    const line = new RegExp(`^cluster\\.checked\\.${name.replaceAll('.', '\\.')}: (\\d+)$`, 'm');
    return Number(line.exec(dataPlane.stats.text())?.[1] ?? Number.NaN);
  };
  const next = async (ms: number): Promise<void> => {
    const before = stat('health_check.attempt');
    clock.advance(ms);
    assert.equal(stat('health_check.attempt'), before + 1, `no check after ${ms} ms`);
    const over = (): boolean =>
      stat('health_check.success') + stat('health_check.failure') === stat('health_check.attempt');
    for (let i = 0; !over() && i < 100_000; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const healthy = (): boolean =>
    dataPlane.clusters()[0]?.endpoints.every((one) => !one.failedActiveHealthCheck) === true;
  return { clock, dataPlane, next, healthy, stat };
}
