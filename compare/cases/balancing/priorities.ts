import type { Setup } from '../../case.ts';
import { asks, clustersSetup, degraded, hostAt, locality, unhealthy } from '../../cluster-setup.ts';

const first = (...hosts: readonly object[]): object => locality(hosts);
const second = (...hosts: readonly object[]): object => locality(hosts, { priority: 1 });
const third = (...hosts: readonly object[]): object => locality(hosts, { priority: 2 });
const threshold = (percent: number): object => ({
  common_lb_config: { healthy_panic_threshold: { value: percent } },
});

export const priorities: Setup = clustersSetup(
  'priorities',
  ({ up, up2, up3 }) => ({
    half: { localities: [first(hostAt(up), hostAt(up2, unhealthy)), second(hostAt(up3))] },
    half100: {
      localities: [first(hostAt(up), hostAt(up2, unhealthy)), second(hostAt(up3))],
      policy: { overprovisioning_factor: 100 },
    },
    none: { localities: [first(hostAt(up, unhealthy), hostAt(up2, unhealthy)), second(hostAt(up3))] },
    empty: { localities: [first(), second(hostAt(up2))] },
    gap: { localities: [first(hostAt(up, unhealthy)), third(hostAt(up2))] },
    total: {
      localities: [first(hostAt(up, unhealthy), hostAt(up2, unhealthy)), second(hostAt(up3, unhealthy))],
    },
    third: {
      localities: [first(hostAt(up, unhealthy)), second(hostAt(up2, unhealthy)), third(hostAt(up3))],
    },
    panic: { localities: [first(hostAt(up), hostAt(up2, unhealthy), hostAt(up3, unhealthy))] },
    calm: {
      localities: [first(hostAt(up), hostAt(up2, unhealthy), hostAt(up3, unhealthy))],
      more: threshold(30),
    },
    zero: { localities: [first(hostAt(up, unhealthy)), second(hostAt(up2, unhealthy))], more: threshold(0) },
    zerohalf: {
      localities: [first(hostAt(up), hostAt(up2, unhealthy), hostAt(up3, unhealthy))],
      more: threshold(0),
    },
    fail: {
      localities: [first(hostAt(up), hostAt(up2, unhealthy), hostAt(up3, unhealthy))],
      more: { common_lb_config: { zone_aware_lb_config: { fail_traffic_on_panic: true } } },
    },
    degraded: { localities: [first(hostAt(up), hostAt(up2, degraded))] },
    worse: { localities: [first(hostAt(up, degraded), hostAt(up2, unhealthy)), second(hostAt(up3))] },
    lastdegraded: { localities: [first(hostAt(up, unhealthy)), second(hostAt(up2, degraded))] },
    both: {
      localities: [first(hostAt(up), hostAt(up2, unhealthy)), second(hostAt(up3, unhealthy))],
    },
    draining: {
      localities: [
        first(hostAt(up, { health_status: 'DRAINING' }), hostAt(up2, { health_status: 'HEALTHY' })),
      ],
    },
    timeout: {
      localities: [
        first(hostAt(up, { health_status: 'TIMEOUT' }), hostAt(up2, { health_status: 'UNKNOWN' })),
      ],
    },
  }),
  [
    asks('half of the first', '/half', 300, { shares: { up: [60, 80], up3: [20, 40] } }),
    asks('half of the first, not overprovisioned', '/half100', 300, {
      shares: { up: [40, 60], up3: [40, 60] },
    }),
    asks('none of the first', '/none', 30, { shares: { up3: [100, 100] } }),
    asks('no host at the first', '/empty', 30, { shares: { up2: [100, 100] } }),
    asks('a priority is left out', '/gap', 30, { shares: { up2: [100, 100] } }),
    asks('none of all', '/total', 300, { shares: { up: [25, 42], up2: [25, 42], up3: [25, 42] } }),
    asks('only the third', '/third', 30, { shares: { up3: [100, 100] } }),
    asks('a third is healthy', '/panic', 30, { shares: { up: [30, 37], up2: [30, 37], up3: [30, 37] } }),
    asks('a third is healthy, which is enough', '/calm', 30, { shares: { up: [100, 100] } }),
    asks('none, and no panic', '/zero', 1),
    asks('a third, and no panic', '/zerohalf', 30, { shares: { up: [100, 100] } }),
    asks('nobody is asked in panic', '/fail', 1),
    asks('degraded hosts help', '/degraded', 300, { shares: { up: [60, 80], up2: [20, 40] } }),
    asks('degraded hosts before the next priority', '/worse', 300, {
      shares: { up: [0, 40], up3: [60, 100] },
    }),
    asks('degraded hosts are all', '/lastdegraded', 30, { shares: { up2: [100, 100] } }),
    asks('healthy hosts are not enough anywhere', '/both', 300, {
      shares: { up: [80, 100], up2: [0, 5], up3: [0, 10] },
    }),
    asks('draining', '/draining', 30, { shares: { up2: [100, 100] } }),
    asks('timed out', '/timeout', 30, { shares: { up2: [100, 100] } }),
    {
      what: 'clusters',
      clients: [],
      tables: ['/clusters?filter=draining', '/clusters?filter=timeout', '/clusters?filter=worse'],
    },
  ],
);
