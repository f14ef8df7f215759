import type { CompareCase, Setup } from '../../case.ts';
import { asks, clustersSetup, locality, keyed, unhealthy } from '../../cluster-setup.ts';
import { get, sends } from '../../request.ts';

const ring = (config: object = {}): object => ({
  lb_policy: 'RING_HASH',
  ring_hash_lb_config: config,
});
const maglev = (config: object = {}): object => ({
  lb_policy: 'MAGLEV',
  maglev_lb_config: config,
});

const hashed = (path: string, cluster: string, ...policies: readonly object[]): object => ({
  match: { path },
  route: { cluster, hash_policy: policies },
});
const byHeader = (name: string, more: object = {}): object => ({ header: { header_name: name }, ...more });

/** Chance decides. */
const anywhere = { shares: { up: [0, 100], up2: [0, 100], up3: [0, 100] } } as const;

/** Where each of many values of a header goes. */
const many = (what: string, path: string, lines: (i: number) => readonly string[]): CompareCase =>
  sends(what, Array.from({ length: 24 }, (_, i) => get(path, ...lines(i))).join(''), { order: true });
const value = (i: number): readonly string[] => [`x-user: user-${i * 7919}`];

export const hashing: Setup = clustersSetup(
  'hashing',
  ({ up, up2, up3 }) => {
    const three = [locality([keyed('one', up), keyed('two', up2), keyed('three', up3)])];
    const weighted = [
      locality([
        keyed('one', up, { load_balancing_weight: 1 }),
        keyed('two', up2, { load_balancing_weight: 2 }),
        keyed('three', up3, { load_balancing_weight: 5 }),
      ]),
    ];
    const down = [locality([keyed('one', up), keyed('two', up2, unhealthy), keyed('three', up3)])];
    return {
      ring: { localities: three, more: ring() },
      ringweighted: { localities: weighted, more: ring() },
      ringmurmur: { localities: three, more: ring({ hash_function: 'MURMUR_HASH_2' }) },
      ringsmall: { localities: weighted, more: ring({ minimum_ring_size: 4, maximum_ring_size: 8 }) },
      ringdown: { localities: down, more: ring() },
      maglev: { localities: three, more: maglev() },
      maglevweighted: { localities: weighted, more: maglev() },
      maglevsmall: { localities: weighted, more: maglev({ table_size: 11 }) },
      maglevdown: { localities: down, more: maglev() },
      ringpriorities: {
        localities: [
          locality([keyed('one', up), keyed('two', up2, unhealthy)]),
          locality([keyed('three', up3)], { priority: 1 }),
        ],
        more: ring(),
      },
      bounded: {
        localities: three,
        more: {
          lb_policy: 'RING_HASH',
          common_lb_config: {
            consistent_hashing_lb_config: { hash_balance_factor: 120 },
          },
        },
      },
    };
  },
  [
    many('ring', '/h/ring', value),
    many('ring with weights', '/h/ringweighted', value),
    many('ring by murmur', '/h/ringmurmur', value),
    many('small ring', '/h/ringsmall', value),
    many('ring without one', '/h/ringdown', value),
    many('ring and priorities', '/h/ringpriorities', value),
    many('bounded ring', '/h/bounded', value),
    many('table', '/h/maglev', value),
    many('table with weights', '/h/maglevweighted', value),
    many('small table', '/h/maglevsmall', value),
    many('table without one', '/h/maglevdown', value),
    many('a header twice', '/h/ring', (i) => [`x-user: a${i}`, `x-user: b${i}`]),
    many('a header twice, in another order', '/h/ring', (i) => [`x-user: b${i}`, `x-user: a${i}`]),
    many('a cookie that is there', '/cookie', (i) => [`cookie: a=b; who=${i}`]),
    sends('a cookie that is made', get('/cookie'), anywhere),
    sends('a cookie that is made, with attributes', get('/attributes'), anywhere),
    sends('a cookie for the session', get('/session'), anywhere),
    sends('a cookie that is not made', get('/nottl'), anywhere),
    sends('a cookie that is empty', get('/cookie', 'cookie: who='), anywhere),
    ...['who', 'WHO', 'other'].map((name) =>
      sends(
        `query ${name}`,
        Array.from({ length: 12 }, (_, i) => get(`/query?a=1&${name}=${i}&who=z`)).join(''),
        { order: true },
      ),
    ),
    asks('nothing to hash', '/h/ring', 300, { shares: { up: [15, 55], up2: [15, 55], up3: [15, 55] } }),
    many('two headers', '/two', (i) => [`x-user: ${i}`, `x-other: ${i * 3}`]),
    many('the second header only', '/two', (i) => [`x-other: ${i * 3}`]),
    many('terminal', '/terminal', (i) => [`x-user: ${i}`, `x-other: ${i * 3}`]),
    many('terminal that is not there', '/terminal', (i) => [`x-other: ${i * 3}`]),
    many('a header rewritten', '/rewrite', (i) => [`x-user: user-${i % 4}-${i}`]),
    many('metadata of filters', '/state', () => []),
    many('the address', '/address', () => []),
    many('a table by the address', '/addressmaglev', () => []),
  ],
  () => ({
    routes: [
      ...[
        'ring',
        'ringweighted',
        'ringmurmur',
        'ringsmall',
        'ringdown',
        'ringpriorities',
        'bounded',
        'maglev',
        'maglevweighted',
        'maglevsmall',
        'maglevdown',
      ].map((name) => hashed(`/h/${name}`, name, byHeader('x-user'))),
      hashed('/cookie', 'ring', { cookie: { name: 'who', ttl: '60s', path: '/p' } }),
      hashed('/attributes', 'ring', {
        cookie: {
          name: 'who',
          ttl: '60s',
          path: '/',
          attributes: [{ name: 'SameSite', value: 'Strict' }, { name: 'Secure' }],
        },
      }),
      hashed('/session', 'ring', { cookie: { name: 'who', ttl: '0s' } }),
      hashed('/nottl', 'ring', { cookie: { name: 'who' } }),
      hashed('/query', 'ring', { query_parameter: { name: 'who' } }),
      hashed('/two', 'ring', byHeader('x-user'), byHeader('x-other')),
      hashed('/terminal', 'ring', byHeader('x-user', { terminal: true }), byHeader('x-other')),
      hashed('/rewrite', 'ring', {
        header: {
          header_name: 'x-user',
          regex_rewrite: { pattern: { regex: '^(user-\\d)-\\d+$' }, substitution: '\\1' },
        },
      }),
      hashed('/state', 'ring', { filter_state: { key: 'nothing' } }, byHeader('host')),
      hashed('/address', 'ring', { connection_properties: { source_ip: true } }),
      hashed('/addressmaglev', 'maglev', { connection_properties: { source_ip: true } }),
    ],
  }),
);
