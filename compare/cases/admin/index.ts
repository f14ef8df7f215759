import { clusterOf, httpBootstrap } from '../../bootstrap.ts';
import type { CompareCase, Setup, Theme } from '../../case.ts';

/** Paths are looked at without any traffic. */
const looks = (what: string, ...admin: readonly string[]): CompareCase => ({ what, clients: [], admin });

const paths: Setup = {
  name: 'paths',
  bootstrap: httpBootstrap((ports) => ({
    clusters: [
      clusterOf('ab', [ports.closed], { alt_stat_name: 'another' }),
      clusterOf('a', [ports.closed]),
      { name: 'empty' },
    ],
    top: { node: { id: 'n1', cluster: 'c1' } },
  })),
  cases: [
    looks('state', '/ready', '/listeners', '/init_dump'),
    looks('what takes POST only', '/quitquitquit', '/logging', '/reset_counters', '/drain_listeners'),
    looks('one list of the dump', '/config_dump?resource=dynamic_listeners', '/config_dump?resource=nothing'),
    looks('a field that is no list', '/config_dump?resource=bootstrap', '/config_dump?resource=version_info'),
    looks(
      'names',
      '/config_dump?resource=static_clusters&mask=cluster.name',
      '/config_dump?resource=static_clusters&mask=cluster.name&name_regex=a',
      '/config_dump?resource=static_clusters&mask=cluster.name&name_regex=a.*',
    ),
    looks(
      'masks',
      '/config_dump?mask=bootstrap.node.id',
      '/config_dump?mask=bootstrap.node.cluster,version_info',
      '/config_dump?mask=version_info',
      '/config_dump?mask=nothing',
      '/config_dump?mask=static_clusters.cluster',
    ),
    looks('filters of clusters', '/clusters?filter=nothing', '/clusters?filter=empty'),
    looks('nothing of clusters', '/clusters?filter=nothing&format=json', '/init_dump?mask=listener'),
    looks(
      'statistics',
      '/stats?filter=cluster.ab.membership_t',
      '/stats?filter=another.membership_t&format=json',
      '/stats?filter=%5Ecluster.a.membership_total%24&format=prometheus',
      '/stats?type=nothing',
    ),
  ],
};

export const admin: Theme = { name: 'admin', setups: [paths] };
