import { typeOf } from '../../bootstrap.ts';
import type { Ports, Setup } from '../../case.ts';
import { asks, clustersSetup, hostAt, locality, unhealthy, type ClusterSetup } from '../../cluster-setup.ts';

const named = (name: string, port: number): object => ({
  endpoint: { address: { socket_address: { address: name, port_value: port } } },
});
const aggregate = (...clusters: readonly string[]): ClusterSetup => ({
  localities: [],
  more: {
    load_assignment: undefined,
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: {
      name: 'envoy.clusters.aggregate',
      typed_config: { '@type': typeOf('clusters.aggregate.v3.ClusterConfig'), clusters },
    },
  },
});
const original = (config?: object): ClusterSetup => ({
  localities: [],
  more: {
    load_assignment: undefined,
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    ...(config === undefined ? {} : { original_dst_lb_config: config }),
  },
});
const dns = (type: string, ...hosts: readonly object[]): ClusterSetup => ({
  localities: [locality(hosts)],
  more: { type, dns_lookup_family: 'V4_ONLY', dns_refresh_rate: '3600s' },
});

const metadata = (address: string): object => ({
  name: 'meta',
  typed_config: {
    '@type': typeOf('filters.http.set_metadata.v3.Config'),
    metadata: [{ metadata_namespace: 'to', value: { at: { here: address } } }],
  },
});
const withHeader = (path: string, cluster: string, name: string, value: string): object => ({
  match: { path },
  route: { cluster },
  request_headers_to_add: [{ header: { key: name, value } }],
});

const clustersOf = ({ up, up2, up3, closed }: Ports): Readonly<Record<string, ClusterSetup>> => ({
  first: { localities: [locality([hostAt(up)])] },
  down: { localities: [locality([hostAt(up, unhealthy)])] },
  half: { localities: [locality([hostAt(up), hostAt(closed, unhealthy)])] },
  second: { localities: [locality([hostAt(up2)])] },
  nobody: { localities: [] },
  aggregatefirst: aggregate('first', 'second'),
  aggregatedown: aggregate('down', 'second'),
  aggregatehalf: aggregate('half', 'second'),
  aggregatenobody: aggregate('nobody', 'second'),
  aggregatenone: aggregate('nobody'),
  aggregatealldown: aggregate('down'),
  header: original({ use_http_header: true }),
  otherheader: original({ use_http_header: true, http_header_name: 'x-to' }),
  port: original({ use_http_header: true, upstream_port_override: up2 }),
  meta: original({ metadata_key: { key: 'to', path: [{ key: 'at' }, { key: 'here' }] } }),
  nothing: original(),
  strict: dns('STRICT_DNS', named('localhost', up)),
  strictboth: dns('STRICT_DNS', named('localhost', up), named('localhost', up2)),
  logical: dns('LOGICAL_DNS', named('localhost', up)),
  strictip: dns('STRICT_DNS', named('127.0.0.1', up)),
  weighedfirst: { localities: [locality([hostAt(up)])] },
  weighedsecond: { localities: [locality([hostAt(up3)])] },
});

const looksAt = (name: string): object => ({
  tables: [`/clusters?filter=^${name}$`, `/stats?filter=^cluster.${name}.(membership|original_dst|update)`],
});

export const kinds: Setup = clustersSetup(
  'kinds',
  clustersOf,
  [
    asks('aggregate: the first', '/aggregatefirst', 6, {
      shares: { up: [100, 100] },
      ...looksAt('aggregatefirst'),
    }),
    asks('aggregate: the first is down', '/aggregatedown', 6, { shares: { up2: [100, 100] } }),
    asks('aggregate: half of the first', '/aggregatehalf', 200, { shares: { up: [58, 82], up2: [18, 42] } }),
    asks('aggregate: the first has no hosts', '/aggregatenobody', 6, { shares: { up2: [100, 100] } }),
    asks('aggregate: one that is down', '/aggregatealldown', 2),
    asks('aggregate: none', '/aggregatenone', 1),
    asks('original destination of a header', '/header', 2, looksAt('header')),
    asks('original destination of another header', '/otherheader', 2),
    asks('original destination with a port', '/port', 2),
    asks('original destination that is none', '/headernone', 1),
    asks('original destination without a header', '/header/without', 1),
    asks('original destination of metadata', '/meta', 2),
    asks('original destination that nobody knows', '/nothing', 1),
    asks('strict DNS', '/strict', 2, { tables: ['/clusters?filter=^strict$'] }),
    asks('strict DNS of two', '/strictboth', 6, { round: 2, tables: ['/clusters?filter=^strictboth$'] }),
    asks('logical DNS', '/logical', 2, { tables: ['/clusters?filter=^logical$'] }),
    asks('strict DNS of an address', '/strictip', 2, { tables: ['/clusters?filter=^strictip$'] }),
    asks('a cluster of a header', '/byheader', 1, {}, 'x-cluster: second'),
    asks('a cluster of a header that is not there', '/byheader', 1),
    asks('a cluster of a header that nobody knows', '/byheader', 1, {}, 'x-cluster: unknown'),
    asks('weighted clusters', '/weighed', 300, { shares: { up: [65, 85], up3: [15, 35] } }),
    asks('weighted clusters, a random value of a header', '/weighedby', 1, {}, 'x-random: 99'),
    asks('weighted clusters, another value', '/weighedby', 1, {}, 'x-random: 3'),
    asks('weighted clusters, a weight of none', '/weighednone', 20, { shares: { up: [100, 100] } }),
    asks('weighted clusters of headers', '/weighedheader', 1, {}, 'x-cluster: second'),
    asks('weighted clusters of headers that are not there', '/weighedheader', 1),
    {
      what: 'names of statistics',
      clients: [],
      tables: [
        ...['first', 'aggregatefirst', 'header', 'logical', 'strict'].map(
          (name) => `/stats?filter=^cluster.${name}.&type=Counters`,
        ),
        '/stats?filter=^cluster.first.&type=Gauges',
      ],
    },
  ],
  ({ up, closed }) => ({
    routeConfig: { validate_clusters: false },
    filters: [metadata(`127.0.0.1:${up}`)],
    routes: [
      withHeader('/header', 'header', 'x-envoy-original-dst-host', `127.0.0.1:${up}`),
      withHeader('/otherheader', 'otherheader', 'x-to', `127.0.0.1:${up}`),
      withHeader('/port', 'port', 'x-envoy-original-dst-host', `127.0.0.1:${closed}`),
      withHeader('/headernone', 'header', 'x-envoy-original-dst-host', 'nonsense'),
      { match: { path: '/header/without' }, route: { cluster: 'header' } },
      { match: { path: '/byheader' }, route: { cluster_header: 'x-cluster' } },
      {
        match: { path: '/weighed' },
        route: {
          weighted_clusters: {
            clusters: [
              { name: 'weighedfirst', weight: 3 },
              { name: 'weighedsecond', weight: 1 },
            ],
          },
        },
      },
      {
        match: { path: '/weighedby' },
        route: {
          weighted_clusters: {
            header_name: 'x-random',
            clusters: [
              { name: 'weighedfirst', weight: 90 },
              { name: 'weighedsecond', weight: 10 },
            ],
          },
        },
      },
      {
        match: { path: '/weighednone' },
        route: {
          weighted_clusters: {
            clusters: [
              { name: 'weighedfirst', weight: 1 },
              { name: 'weighedsecond', weight: 0 },
            ],
          },
        },
      },
      {
        match: { path: '/weighedheader' },
        route: { weighted_clusters: { clusters: [{ cluster_header: 'x-cluster', weight: 1 }] } },
      },
    ],
  }),
);
