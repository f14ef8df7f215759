import { typeOf } from '../../bootstrap.ts';
import type { Setup } from '../../case.ts';
import { asks, clustersSetup, degraded, hostAt, locality, unhealthy } from '../../cluster-setup.ts';

const weigh = (weight: number): object => ({ load_balancing_weight: weight });
const byLocality = { common_lb_config: { locality_weighted_lb_config: {} } };
const zone = (name: string, weight?: number): object => ({
  locality: { region: 'r', zone: name },
  ...(weight === undefined ? {} : weigh(weight)),
});
const policy = (name: string, config: object): object => ({
  load_balancing_policy: {
    policies: [{ typed_extension_config: { name, typed_config: config } }],
  },
});

export const turns: Setup = clustersSetup(
  'turns',
  ({ up, up2, up3 }) => {
    const three = [locality([hostAt(up), hostAt(up2), hostAt(up3)])];
    const weighted = [locality([hostAt(up, weigh(1)), hostAt(up2, weigh(2)), hostAt(up3, weigh(3))])];
    return {
      alike: { localities: three },
      weighted: { localities: weighted },
      five: { localities: [locality([hostAt(up, weigh(5)), hostAt(up2, weigh(1)), hostAt(up3, weigh(1))])] },
      same: { localities: [locality([hostAt(up, weigh(7)), hostAt(up2, weigh(7))])] },
      random: { localities: three, more: { lb_policy: 'RANDOM' } },
      least: { localities: three, more: { lb_policy: 'LEAST_REQUEST' } },
      leastweighted: { localities: weighted, more: { lb_policy: 'LEAST_REQUEST' } },
      slowstart: {
        localities: weighted,
        more: { round_robin_lb_config: { slow_start_config: { slow_start_window: '3600s' } } },
      },
      zones: {
        localities: [locality([hostAt(up)], zone('a', 3)), locality([hostAt(up2)], zone('b', 1))],
        more: byLocality,
      },
      zonesoff: {
        localities: [locality([hostAt(up)], zone('a', 3)), locality([hostAt(up2)], zone('b', 1))],
      },
      zonedown: {
        localities: [locality([hostAt(up, unhealthy)], zone('a', 3)), locality([hostAt(up2)], zone('b', 1))],
        more: byLocality,
      },
      zonehalf: {
        localities: [
          locality([hostAt(up), hostAt(up2, unhealthy)], zone('a', 1)),
          locality([hostAt(up3)], zone('b', 1)),
        ],
        more: byLocality,
      },
      zonenone: {
        localities: [locality([hostAt(up)], zone('a')), locality([hostAt(up2)], zone('b', 1))],
        more: byLocality,
      },
      zonesnone: {
        localities: [locality([hostAt(up)], zone('a')), locality([hostAt(up2)], zone('b'))],
        more: byLocality,
      },
      zonepanic: {
        localities: [
          locality([hostAt(up, unhealthy), hostAt(up2, unhealthy)], zone('a', 3)),
          locality([hostAt(up3)], zone('b', 1)),
        ],
        more: byLocality,
      },
      zonedegraded: {
        localities: [
          locality([hostAt(up), hostAt(up2, degraded)], zone('a', 1)),
          locality([hostAt(up3)], zone('b', 1)),
        ],
        more: byLocality,
      },
      policyrandom: {
        localities: three,
        more: policy('random', { '@type': typeOf('load_balancing_policies.random.v3.Random') }),
      },
      policyround: {
        localities: weighted,
        more: policy('rr', { '@type': typeOf('load_balancing_policies.round_robin.v3.RoundRobin') }),
      },
      policyzones: {
        localities: [locality([hostAt(up)], zone('a', 3)), locality([hostAt(up2)], zone('b', 1))],
        more: policy('rr', {
          '@type': typeOf('load_balancing_policies.round_robin.v3.RoundRobin'),
          locality_lb_config: { locality_weighted_lb_config: {} },
        }),
      },
    };
  },
  [
    asks('all weigh the same', '/alike', 30, { round: 3 }),
    asks('weights', '/weighted', 36, { round: 6 }),
    asks('one weighs much more', '/five', 42, { round: 7 }),
    asks('equal weights', '/same', 30, { round: 2 }),
    asks('at random', '/random', 300, { shares: { up: [24, 43], up2: [24, 43], up3: [24, 43] } }),
    asks('the least busy', '/least', 300, { shares: { up: [24, 43], up2: [24, 43], up3: [24, 43] } }),
    asks('the least busy, by weight', '/leastweighted', 60, { round: 6 }),
    asks('slow start of all at once', '/slowstart', 60, {
      shares: { up: [14, 19], up2: [30, 36], up3: [47, 53] },
    }),
    asks('zones by weight', '/zones', 40, { round: 4 }),
    asks('zones whose weights do not count', '/zonesoff', 40, { round: 2 }),
    asks('a zone that is down', '/zonedown', 20, { shares: { up2: [100, 100] } }),
    asks('a zone that is half down', '/zonehalf', 340, { shares: { up: [38, 44], up3: [56, 62] } }),
    asks('a zone without weight', '/zonenone', 20, { shares: { up2: [100, 100] } }),
    asks('no zone with a weight', '/zonesnone', 20, { shares: { up: [45, 55], up2: [45, 55] } }),
    asks('panic with zones', '/zonepanic', 30, { shares: { up: [30, 37], up2: [30, 37], up3: [30, 37] } }),
    asks('degraded hosts in a zone', '/zonedegraded', 200, {
      shares: { up: [30, 46], up2: [0, 12], up3: [50, 64] },
    }),
    asks('policy at random', '/policyrandom', 300, {
      shares: { up: [24, 43], up2: [24, 43], up3: [24, 43] },
    }),
    asks('policy by turns', '/policyround', 36, { round: 6 }),
    asks('policy with zones', '/policyzones', 40, { round: 4 }),
  ],
);
