import type { Setup } from '../../case.ts';
import {
  asks,
  clustersSetup,
  hostAt,
  locality,
  unhealthy,
  withValues,
  type ClusterSetup,
} from '../../cluster-setup.ts';
import { get, sends } from '../../request.ts';

const wants = (values: object, more: object = {}): object => ({
  metadata_match: { filter_metadata: { 'envoy.lb': values } },
  ...more,
});
const to = (path: string, cluster: string, values?: object): object => ({
  match: { path },
  route: { cluster, ...(values === undefined ? {} : wants(values)) },
});

const v1 = { version: 'v1' };
const v2 = { version: 'v2' };
const v3 = { version: 'v3' };

export const subsets: Setup = clustersSetup(
  'subsets',
  ({ up, up2, up3 }) => {
    const inZones = [
      locality([hostAt(up, withValues(v1)), hostAt(up2, withValues(v2))], {
        locality: { zone: 'a' },
        load_balancing_weight: 3,
      }),
      locality([hostAt(up3, withValues(v1))], { locality: { zone: 'b' }, load_balancing_weight: 1 }),
    ];
    const hosts = (config: object, more: object = {}): ClusterSetup => ({
      localities: [
        locality([
          hostAt(up, withValues({ version: 'v1', stage: 'prod', list: ['a', 'b'], number: 3, flag: true })),
          hostAt(up2, withValues({ version: 'v2', stage: 'prod', list: ['b'], number: 4 })),
          hostAt(up3, withValues({ version: 'v2', stage: 'test' })),
        ]),
      ],
      more: {
        lb_subset_config: { subset_selectors: [{ keys: ['version'] }], ...config },
        ...more,
      },
    });
    return {
      none: hosts({ fallback_policy: 'NO_FALLBACK' }),
      any: hosts({ fallback_policy: 'ANY_ENDPOINT' }),
      fallback: hosts({ fallback_policy: 'DEFAULT_SUBSET', default_subset: { stage: 'test' } }),
      fallbacknone: hosts({ fallback_policy: 'DEFAULT_SUBSET', default_subset: { stage: 'other' } }),
      panicany: hosts({ fallback_policy: 'NO_FALLBACK', panic_mode_any: true }),
      panicanydefault: hosts({
        fallback_policy: 'DEFAULT_SUBSET',
        default_subset: { stage: 'other' },
        panic_mode_any: true,
      }),
      two: hosts({ subset_selectors: [{ keys: ['version', 'stage'] }, { keys: ['stage'] }] }),
      single: hosts({ subset_selectors: [{ keys: ['version'], single_host_per_subset: true }] }),
      selectors: hosts({
        fallback_policy: 'NO_FALLBACK',
        default_subset: { version: 'v1' },
        subset_selectors: [
          { keys: ['version'], fallback_policy: 'ANY_ENDPOINT' },
          { keys: ['stage'], fallback_policy: 'DEFAULT_SUBSET' },
          { keys: ['version', 'stage'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['version'] },
          { keys: ['number'], fallback_policy: 'NO_FALLBACK' },
        ],
      }),
      list: hosts({ subset_selectors: [{ keys: ['list'] }], list_as_any: true }),
      listwhole: hosts({ subset_selectors: [{ keys: ['list'] }] }),
      number: hosts({ subset_selectors: [{ keys: ['number'] }] }),
      flag: hosts({ subset_selectors: [{ keys: ['flag'] }] }),
      falllist: hosts({ metadata_fallback_policy: 'FALLBACK_LIST' }),
      weak: {
        localities: [
          locality([
            hostAt(up, { ...withValues(v1), ...unhealthy }),
            hostAt(up2, { ...withValues(v1), ...unhealthy }),
            hostAt(up3, withValues(v2)),
          ]),
        ],
        more: {
          lb_subset_config: { subset_selectors: [{ keys: ['version'] }], fallback_policy: 'ANY_ENDPOINT' },
        },
      },
      weakcalm: {
        localities: [
          locality([hostAt(up, { ...withValues(v1), ...unhealthy }), hostAt(up3, withValues(v2))]),
        ],
        more: {
          common_lb_config: { healthy_panic_threshold: { value: 0 } },
          lb_subset_config: { subset_selectors: [{ keys: ['version'] }], fallback_policy: 'ANY_ENDPOINT' },
        },
      },
      priorities: {
        localities: [
          locality([hostAt(up, { ...withValues(v1), ...unhealthy }), hostAt(up2, withValues(v2))]),
          locality([hostAt(up3, withValues(v1))], { priority: 1 }),
        ],
        more: { lb_subset_config: { subset_selectors: [{ keys: ['version'] }] } },
      },
      empty: { localities: [], more: { lb_subset_config: { subset_selectors: [{ keys: ['version'] }] } } },
      zones: {
        localities: inZones,
        more: {
          common_lb_config: { locality_weighted_lb_config: {} },
          lb_subset_config: { subset_selectors: [{ keys: ['version'] }], locality_weight_aware: true },
        },
      },
      zonesscaled: {
        localities: inZones,
        more: {
          common_lb_config: { locality_weighted_lb_config: {} },
          lb_subset_config: {
            subset_selectors: [{ keys: ['version'] }],
            locality_weight_aware: true,
            scale_locality_weight: true,
          },
        },
      },
    };
  },
  [
    asks('of one', '/none/v1', 6, { shares: { up: [100, 100] } }),
    asks('of two', '/none/v2', 6, { round: 2 }),
    asks('a subset that there is not', '/none/v3', 1),
    asks('nothing asked for', '/none', 1),
    asks('another key', '/none/other', 1),
    asks('any: a subset that there is not', '/any/v3', 6, { round: 3 }),
    asks('any: nothing asked for', '/any', 6, { round: 3 }),
    asks('default: a subset that there is not', '/fallback/v3', 6, { shares: { up3: [100, 100] } }),
    asks('default: nothing asked for', '/fallback', 6, { shares: { up3: [100, 100] } }),
    asks('default that there is not', '/fallbacknone', 1),
    asks('panic any', '/panicany/v3', 1),
    asks('panic any: nothing asked for', '/panicany', 1),
    asks('panic any after a default that there is not', '/panicanydefault/v3', 6, { round: 3 }),
    asks('two keys', '/two/v2prod', 6, { shares: { up2: [100, 100] } }),
    asks('two keys, in another order', '/two/prodv2', 6, { shares: { up2: [100, 100] } }),
    asks('one key of two', '/two/v2', 1),
    asks('one key', '/two/prod', 6, { round: 2 }),
    asks('one host of a subset', '/single/v2', 6, { round: 1 }),
    asks('one host of a subset of one', '/single/v1', 6, { round: 1 }),
    asks("a selector's fallback: any", '/selectors/v3', 6, { round: 3 }),
    asks("a selector's fallback: default", '/selectors/other', 6, { round: 1 }),
    asks("a selector's fallback: fewer keys", '/selectors/v2none', 6, { round: 2 }),
    asks("a selector's fallback: fewer keys that there are not", '/selectors/v3none', 6, { round: 3 }),
    asks("a selector's fallback: none", '/selectors/number', 1),
    asks('a list as any', '/list/b', 6, { round: 2 }),
    asks('a list as any, one', '/list/a', 6, { round: 1 }),
    asks('a list as a whole', '/listwhole/b', 1),
    asks('a list as a whole that is equal', '/listwhole/ab', 6, { round: 1 }),
    asks('a number', '/number/3', 6, { round: 1 }),
    asks('a number as text', '/number/text', 1),
    asks('a flag', '/flag/true', 6, { round: 1 }),
    asks('a list of fallbacks', '/falllist', 6, { round: 2 }),
    asks('a subset that is down', '/weak/v1', 6, { round: 2 }),
    asks('a subset that is down, and no panic', '/weakcalm/v1', 1),
    asks('a subset with priorities', '/priorities/v1', 6, { round: 1 }),
    asks('a subset with zones', '/zones/v1', 40, { round: 4 }),
    asks('a subset with zones, scaled', '/zonesscaled/v1', 40, { round: 3 }),
    asks('no hosts', '/empty/v1', 1),
    asks('weighted clusters', '/weighted', 20, { round: 1 }),
    asks('weighted clusters and a route', '/weightedboth', 20, { round: 1 }),
    sends('from the filters', get('/none/filter', 'x-version: v1')),
  ],
  () => ({
    filters: [],
    routes: [
      to('/none/v1', 'none', v1),
      to('/none/v2', 'none', v2),
      to('/none/v3', 'none', v3),
      to('/none/other', 'none', { stage: 'prod' }),
      to('/none/filter', 'none'),
      to('/any/v3', 'any', v3),
      to('/fallback/v3', 'fallback', v3),
      to('/panicany/v3', 'panicany', v3),
      to('/panicanydefault/v3', 'panicanydefault', v3),
      to('/two/v2prod', 'two', { version: 'v2', stage: 'prod' }),
      to('/two/prodv2', 'two', { stage: 'prod', version: 'v2' }),
      to('/two/v2', 'two', v2),
      to('/two/prod', 'two', { stage: 'prod' }),
      to('/single/v2', 'single', v2),
      to('/single/v1', 'single', v1),
      to('/selectors/v3', 'selectors', v3),
      to('/selectors/other', 'selectors', { stage: 'other' }),
      to('/selectors/v2none', 'selectors', { version: 'v2', stage: 'none' }),
      to('/selectors/v3none', 'selectors', { version: 'v3', stage: 'none' }),
      to('/selectors/number', 'selectors', { number: 9 }),
      to('/list/a', 'list', { list: 'a' }),
      to('/list/b', 'list', { list: 'b' }),
      to('/listwhole/b', 'listwhole', { list: 'a' }),
      to('/listwhole/ab', 'listwhole', { list: ['a', 'b'] }),
      to('/number/3', 'number', { number: 3 }),
      to('/number/text', 'number', { number: '3' }),
      to('/flag/true', 'flag', { flag: true }),
      to('/falllist', 'falllist', { fallback_list: [v3, v2, v1] }),
      to('/weak/v1', 'weak', v1),
      to('/weakcalm/v1', 'weakcalm', v1),
      to('/priorities/v1', 'priorities', v1),
      to('/zones/v1', 'zones', v1),
      to('/zonesscaled/v1', 'zonesscaled', v1),
      to('/empty/v1', 'empty', v1),
      {
        match: { path: '/weighted' },
        route: { weighted_clusters: { clusters: [{ name: 'none', weight: 1, ...wants(v1) }] } },
      },
      {
        match: { path: '/weightedboth' },
        route: {
          ...wants({ version: 'v2', stage: 'prod' }),
          weighted_clusters: { clusters: [{ name: 'two', weight: 1, ...wants({ stage: 'test' }) }] },
        },
      },
    ],
  }),
);
