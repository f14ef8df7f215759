import { clusterOf, socketAddress } from '../../bootstrap.ts';
import type { Ports, Setup } from '../../case.ts';
import { asks, redisSetup } from './setup.ts';

/** Three servers that are placed by names, since ports differ. */
const three =
  (more: object) =>
  ({ up, up2, up3 }: Ports): readonly object[] => [
    {
      name: 'up',
      load_assignment: {
        cluster_name: 'up',
        endpoints: [
          {
            lb_endpoints: [up, up2, up3].map((port, i) => ({
              endpoint: { address: socketAddress(port) },
              metadata: { filter_metadata: { 'envoy.lb': { hash_key: `server-${i}` } } },
            })),
          },
        ],
      },
      ...more,
    },
  ];
const keys = (pattern: string): string[] =>
  Array.from({ length: 24 }, (_, i) => `GET ${pattern.replaceAll('#', `${i}`)}`);
const tagged = [
  'GET {1}a',
  'GET {1}b',
  'GET a{2}b',
  'GET c{2}d{3}',
  'GET {}e',
  'GET f{',
  'GET g}{4}h',
  'GET {{5}}i',
];
const clusters = ({ up, up2, up3 }: Ports): readonly object[] => [
  clusterOf('up', [up]),
  clusterOf('two', [up2]),
  clusterOf('three', [up3]),
];
const routes = (...all: readonly object[]): object => ({ prefix_routes: { routes: all } });
const everything = { cluster: 'up' };

/** Which server a key is asked of, and by which name. */
export const places: readonly Setup[] = [
  redisSetup(
    'ring',
    { clusters: three({ lb_policy: 'RING_HASH' }) },
    asks('keys', keys('key-#')),
    asks('tags', tagged),
    asks('several', ['MGET k1 k2 k3 k4', 'DEL k1 k2 k3 k4', 'FLUSHALL']),
  ),
  redisSetup('maglev', { clusters: three({ lb_policy: 'MAGLEV' }) }, asks('keys', keys('key-#'))),
  redisSetup(
    'tags',
    { clusters: three({ lb_policy: 'MAGLEV' }), settings: { enable_hashtagging: true } },
    asks('tags', tagged),
    asks('keys', keys('{user-#}name')),
  ),
  redisSetup(
    'prefixes',
    {
      clusters,
      filter: {
        prefix_routes: {
          routes: [
            { prefix: 'a', cluster: 'two' },
            { prefix: 'ab', cluster: 'three', remove_prefix: true },
            { prefix: 'x:', cluster: 'two', remove_prefix: true },
          ],
          catch_all_route: everything,
        },
      },
    },
    asks('longest', ['GET a', 'GET abc', 'GET ab', 'GET A', 'GET other', 'GET x:1', 'GET X:1']),
    asks('several', ['MGET abc x:1 other', 'DEL abc x:1', 'MSET abc 1 x:2 2', 'EVAL s 1 x:1']),
    asks('of all servers', ['FLUSHALL', 'KEYS *']),
  ),
  redisSetup(
    'no catch-all',
    { clusters, filter: routes({ prefix: 'a', cluster: 'two' }) },
    asks('no route', ['GET b', 'GET a']),
    asks('one of several without a route', ['MGET a b', 'DEL a b', 'MSET a 1 b 2', 'EVAL s 1 b']),
  ),
  redisSetup(
    'prefixes of any case',
    {
      clusters,
      filter: {
        prefix_routes: {
          routes: [{ prefix: 'Ab', cluster: 'two', remove_prefix: true }],
          case_insensitive: true,
          catch_all_route: everything,
        },
      },
    },
    asks('any case', ['GET abX', 'GET ABX', 'GET aX']),
  ),
  redisSetup(
    'removed from all',
    {
      clusters,
      filter: { prefix_routes: { catch_all_route: { ...everything, remove_prefix: true, prefix: 'q' } } },
    },
    asks('a prefix of the catch-all', ['GET qa', 'GET a']),
  ),
  redisSetup(
    'mirrors',
    {
      clusters,
      filter: {
        prefix_routes: {
          catch_all_route: {
            ...everything,
            request_mirror_policy: [{ cluster: 'two' }, { cluster: 'three', exclude_read_commands: true }],
          },
        },
      },
    },
    asks('reads and writes', ['GET a', 'SET a 1', 'MGET a b', 'DEL a', 'EVAL s 1 a', 'FLUSHALL']),
  ),
  redisSetup(
    'reads elsewhere',
    {
      clusters,
      filter: {
        prefix_routes: { catch_all_route: { ...everything, read_command_policy: { cluster: 'two' } } },
      },
    },
    asks('reads and writes', ['GET a', 'SET a 1', 'MGET a b', 'EXISTS a', 'TTL a']),
  ),
];
