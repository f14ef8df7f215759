import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import type { OutlierDetection } from '../../model/cluster.ts';
import { OutlierStats } from '../../telemetry/endpoint-choice-stats.ts';
import { Host } from '../host.ts';
import { httpStatusOfGrpc } from './grpc-status.ts';
import { OutlierDetector } from './outlier-detector.ts';

const defaults: OutlierDetection = {
  consecutive5xx: 5,
  consecutiveGatewayFailure: 5,
  consecutiveLocalOriginFailure: 5,
  enforcingConsecutive5xx: 100,
  enforcingConsecutiveGatewayFailure: 0,
  enforcingConsecutiveLocalOriginFailure: 100,
  enforcingSuccessRate: 100,
  successRateMinimumHosts: 5,
  successRateRequestVolume: 100,
  successRateStdevFactor: 1_900,
  failurePercentageThreshold: 85,
  enforcingFailurePercentage: 0,
  enforcingLocalOriginSuccessRate: 100,
  enforcingLocalOriginFailurePercentage: 0,
  failurePercentageMinimumHosts: 5,
  failurePercentageRequestVolume: 50,
  splitExternalLocalOriginErrors: false,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionTimeMs: 300_000,
  maxEjectionTimeJitterMs: 0,
  maxEjectionPercent: 100,
  alwaysEjectOneHost: false,
  healthCheckUnejects: true,
};

function setUp(count: number, more: Partial<OutlierDetection> = {}) {
  const clock = new TestClock();
  const stats = new OutlierStats();
  const hosts = Array.from({ length: count }, (_, i) => {
    const address = { kind: 'socket', address: `10.0.0.${i + 1}`, port: 80 } as const;
    const endpoint = { address, hostname: '', healthStatus: 'healthy', weight: 1, metadata: {} } as const;
    return new Host(endpoint, { region: '', zone: '', subZone: '' }, 0, 0);
  });
  let changes = 0;
  const detector = new OutlierDetector(
    { ...defaults, ...more },
    { clock, random: () => 0.5, stats, hosts: () => hosts, onChange: () => changes++ },
  );
  return { clock, stats, hosts, detector, first: hosts[0] as Host, changes: () => changes };
}

function times(count: number, run: () => void): void {
  for (let i = 0; i < count; i++) run();
}

test('a host is ejected at the fifth 5xx in a row, and a success in between starts the count again', () => {
  const { detector, first, stats, changes } = setUp(2);
  times(4, () => detector.onStatus(first, 500));
  detector.onStatus(first, 200);
  times(4, () => detector.onStatus(first, 500));
  assert.equal(first.ejected, false);
  detector.onStatus(first, 500);
  assert.equal(first.ejected, true);
  assert.equal(changes(), 1);
  assert.equal(stats.n.enforcedTotal, 1);
  assert.equal(stats.n.enforcedConsecutive5xx, 1);
  assert.equal(stats.n.detectedConsecutive5xx, 1);
  assert.equal(stats.n.active, 1);
  // What still comes from requests under way changes nothing.
  times(9, () => detector.onStatus(first, 500));
  assert.equal(stats.n.enforcedTotal, 1);
});

test('an ejection lasts longer each time, up to its maximum, and good intervals shorten it again', () => {
  const { detector, first, clock } = setUp(2, { maxEjectionTimeMs: 60_000 });
  const ejectedForMs = (): number => {
    times(5, () => detector.onStatus(first, 503));
    assert.equal(first.ejected, true);
    const startMs = clock.now();
    while (first.ejected && clock.now() - startMs < 200_000) clock.advance(1_000);
    return clock.now() - startMs;
  };
  assert.equal(ejectedForMs(), 30_000);
  assert.equal(ejectedForMs(), 60_000);
  assert.equal(ejectedForMs(), 60_000);
  clock.advance(30_000);
  assert.equal(ejectedForMs(), 30_000);
});

test('no more than the maximum share is ejected, except the first where that is asked for', () => {
  const strict = setUp(5, { maxEjectionPercent: 40 });
  for (const host of strict.hosts) times(5, () => strict.detector.onStatus(host, 500));
  assert.equal(strict.hosts.filter((host) => host.ejected).length, 2);
  assert.equal(strict.stats.n.overflow, 3);
  const never = setUp(2, { maxEjectionPercent: 10 });
  times(5, () => never.detector.onStatus(never.first, 500));
  assert.equal(never.first.ejected, false);
  const one = setUp(2, { maxEjectionPercent: 10, alwaysEjectOneHost: true });
  for (const host of one.hosts) times(5, () => one.detector.onStatus(host, 500));
  assert.deepEqual(
    one.hosts.map((host) => host.ejected),
    [true, false],
  );
});

test('gateway errors count by themselves, and are only noticed where they are not enforced', () => {
  const { detector, first, stats } = setUp(2, { consecutiveGatewayFailure: 3 });
  times(2, () => detector.onStatus(first, 503));
  detector.onStatus(first, 500);
  times(1, () => detector.onStatus(first, 502));
  assert.equal(stats.n.detectedGatewayFailure, 0);
  detector.onStatus(first, 200);
  times(3, () => detector.onStatus(first, 504));
  assert.equal(stats.n.detectedGatewayFailure, 1);
  assert.equal(stats.n.enforcedGatewayFailure, 0);
  assert.equal(first.ejected, false);
  const enforced = setUp(2, { consecutiveGatewayFailure: 3, enforcingConsecutiveGatewayFailure: 100 });
  times(3, () => enforced.detector.onStatus(enforced.first, 504));
  assert.equal(enforced.first.ejected, true);
});

test('connections that fail and answers that do not come count as 5xx unless they are split', () => {
  const joined = setUp(2);
  times(3, () => joined.detector.onConnectFailure(joined.first));
  times(2, () => joined.detector.onTimeout(joined.first));
  assert.equal(joined.first.ejected, true);
  assert.equal(joined.stats.n.enforcedConsecutive5xx, 1);

  const split = setUp(2, { splitExternalLocalOriginErrors: true });
  times(4, () => split.detector.onConnectFailure(split.first));
  times(4, () => split.detector.onStatus(split.first, 500));
  assert.equal(split.first.ejected, false);
  split.detector.onConnected(split.first);
  times(4, () => split.detector.onTimeout(split.first));
  assert.equal(split.first.ejected, false);
  split.detector.onTimeout(split.first);
  assert.equal(split.first.ejected, true);
  assert.equal(split.stats.n.enforcedLocalOrigin, 1);
});

test('a host whose success rate lies far below that of the others is ejected at the end of the interval', () => {
  const { detector, hosts, clock, stats } = setUp(6, { consecutive5xx: 1_000 });
  hosts.forEach((host, i) => {
    for (let n = 0; n < 100; n++) detector.onStatus(host, n < (i === 5 ? 60 : 98) ? 200 : 500);
  });
  clock.advance(9_999);
  assert.equal(hosts[5]?.ejected, false);
  clock.advance(1);
  assert.deepEqual(
    hosts.map((host) => host.ejected),
    [false, false, false, false, false, true],
  );
  assert.equal(stats.n.enforcedSuccessRate, 1);
  assert.equal(hosts[5]?.monitor?.externalSuccessRate, 60);
});

test('success rates are not compared among too few hosts or requests', () => {
  for (const [count, requests] of [
    [4, 100],
    [6, 99],
  ] as const) {
    const { detector, hosts, clock, stats } = setUp(count, { consecutive5xx: 1_000 });
    hosts.forEach((host, i) => times(requests, () => detector.onStatus(host, i === 0 ? 500 : 200)));
    clock.advance(10_000);
    assert.equal(stats.n.detectedSuccessRate, 0);
  }
});

test('the failure percentage is a bound of its own', () => {
  const { detector, hosts, clock, stats } = setUp(5, {
    consecutive5xx: 1_000,
    enforcingSuccessRate: 0,
    enforcingFailurePercentage: 100,
    failurePercentageThreshold: 50,
  });
  hosts.forEach((host, i) => {
    for (let n = 0; n < 50; n++) detector.onStatus(host, n < (i < 2 ? 25 : 30) ? 200 : 500);
  });
  clock.advance(10_000);
  assert.deepEqual(
    hosts.map((host) => host.ejected),
    [true, true, false, false, false],
  );
  assert.equal(stats.n.enforcedFailurePercentage, 2);
});

test('a health check that succeeds ends an ejection', () => {
  const { detector, first, stats } = setUp(2);
  times(5, () => detector.onStatus(first, 500));
  detector.onHealthCheckSuccess(first);
  assert.equal(first.ejected, false);
  assert.equal(stats.n.active, 0);
});

test('ejected hosts that leave their cluster are not counted any more', () => {
  const { detector, first, hosts, stats, clock } = setUp(3);
  const second = hosts[1] as Host;
  for (const host of [first, second]) times(5, () => detector.onStatus(host, 500));
  assert.equal(stats.n.active, 2);
  hosts.shift();
  detector.onHealthCheckSuccess(second);
  assert.equal(stats.n.active, 0);
  times(5, () => detector.onStatus(second, 500));
  assert.equal(stats.n.active, 1);
  hosts.shift();
  clock.advance(10_000);
  assert.equal(stats.n.active, 0);
});

test('a detector that is closed leaves no timer', () => {
  const { detector, clock } = setUp(1);
  detector.close();
  assert.equal(clock.pending, 0);
});

test('gRPC statuses count as the HTTP statuses that they stand for', () => {
  assert.equal(httpStatusOfGrpc('0'), 200);
  assert.equal(httpStatusOfGrpc('14'), 503);
  assert.equal(httpStatusOfGrpc('5'), 404);
  assert.equal(httpStatusOfGrpc('nonsense'), 500);
});

test('the statistics of before have what they had with Envoy: outliers of two reasons, enforced or not', () => {
  const seen = (stats: OutlierStats): Record<string, number> => {
    const numbers: Record<string, number> = {};
    stats.visit((name, _, value) => (numbers[name.replace('outlier_detection.ejections_', '')] = value));
    return numbers;
  };
  const unenforced = setUp(2, { enforcingConsecutive5xx: 0, consecutiveGatewayFailure: 9 });
  times(5, () => unenforced.detector.onStatus(unenforced.first, 503));
  const { total, consecutive_5xx, enforced_total } = seen(unenforced.stats);
  assert.deepEqual([total, consecutive_5xx, enforced_total], [1, 1, 0]);
  const gateway = setUp(2, { consecutiveGatewayFailure: 2, enforcingConsecutiveGatewayFailure: 100 });
  times(2, () => gateway.detector.onStatus(gateway.first, 503));
  const others = seen(gateway.stats);
  assert.deepEqual([others['total'], others['consecutive_5xx'], others['enforced_total']], [0, 0, 1]);
  const overflow = setUp(2, { maxEjectionPercent: 10 });
  times(5, () => overflow.detector.onStatus(overflow.first, 500));
  const most = seen(overflow.stats);
  assert.deepEqual([most['total'], most['consecutive_5xx'], most['overflow']], [0, 1, 1]);
});
