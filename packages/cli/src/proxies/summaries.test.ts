import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterRows, matchesCluster } from './cluster-summary.ts';
import { compareDumps } from './compare-dumps.ts';
import { readConfigDump } from './config-dump.ts';
import { endpointRows } from './endpoint-summary.ts';
import { listenerRows, matchesListener } from './listener-summary.ts';
import { inCamelCase } from './message-output.ts';
import { routeRows } from './route-summary.ts';
import { secretRows } from './secret-summary.ts';

const type = 'type.googleapis.com/envoy.';
const socket = (address: string, port: number) => ({ socket_address: { address, port_value: port } });
const istio = (config: string) => ({ filter_metadata: { istio: { config } } });
const http = (config: object) => ({
  name: 'h',
  typed_config: {
    '@type': `${type}extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    ...config,
  },
});
const tcp = (config: object) => ({
  name: 't',
  typed_config: { '@type': `${type}extensions.filters.network.tcp_proxy.v3.TcpProxy`, ...config },
});

const reviews = {
  '@type': `${type}config.cluster.v3.Cluster`,
  name: 'outbound|9080|v1|reviews.default.svc.cluster.local',
  type: 'EDS',
  connect_timeout: '10s',
  metadata: istio('/apis/networking.istio.io/v1/namespaces/default/destination-rule/reviews'),
};
const outbound = {
  name: '0.0.0.0_9080',
  address: socket('0.0.0.0', 9_080),
  filter_chains: [
    {
      filter_chain_match: { transport_protocol: 'raw_buffer', application_protocols: ['http/1.1', 'h2c'] },
      filters: [http({ rds: { route_config_name: '9080' } })],
    },
  ],
  default_filter_chain: { filter_chain_match: {}, filters: [tcp({ cluster: 'PassthroughCluster' })] },
};
const weighted = {
  name: '10.0.0.1_31400',
  address: socket('10.0.0.1', 31_400),
  filter_chains: [
    {
      filter_chain_match: {
        server_names: ['a.example'],
        prefix_ranges: [{ address_prefix: '10.0.0.1', prefix_len: 32 }],
      },
      filters: [
        tcp({
          weighted_clusters: {
            clusters: [
              { name: 'outbound|1||a', weight: 3 },
              { name: 'b', weight: 1 },
            ],
          },
        }),
      ],
    },
  ],
};
const route = {
  name: '9080',
  virtual_hosts: [
    {
      name: 'reviews:9080',
      domains: ['reviews.default.svc.cluster.local', 'reviews', '10.96.0.4'],
      routes: [
        {
          match: { prefix: '/' },
          metadata: istio('/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews'),
        },
        { match: { path: '/gone' }, direct_response: { status: 410 } },
        { match: { safe_regex: { regex: '/a.*' } } },
      ],
    },
    { name: 'empty', domains: ['*'] },
  ],
};

const dump = (version = '1') =>
  JSON.stringify({
    configs: [
      { '@type': `${type}admin.v3.BootstrapConfigDump`, bootstrap: { node: { id: 'me' } } },
      {
        '@type': `${type}admin.v3.ClustersConfigDump`,
        static_clusters: [{ cluster: { name: 'agent' } }],
        dynamic_active_clusters: [{ version_info: version, cluster: reviews }],
      },
      {
        '@type': `${type}admin.v3.ListenersConfigDump`,
        dynamic_listeners: [
          { name: outbound.name, active_state: { version_info: version, listener: outbound } },
          { name: weighted.name, active_state: { version_info: version, listener: weighted } },
          { name: 'refused', error_state: { details: 'why' } },
        ],
      },
      {
        '@type': `${type}admin.v3.RoutesConfigDump`,
        dynamic_route_configs: [{ version_info: version, route_config: route }],
      },
      {
        '@type': `${type}admin.v3.SecretsConfigDump`,
        dynamic_active_secrets: [
          { name: 'ROOTCA', secret: { validation_context: { trusted_ca: { inline_bytes: '' } } } },
        ],
        dynamic_warming_secrets: [{ name: 'default' }],
      },
    ],
  });

test('clusters are shown by host, port, subset, direction, type and DestinationRule', () => {
  const { clusters } = readConfigDump(dump());
  assert.deepEqual(clusterRows(clusters).slice(1), [
    ['agent', '-', '-', '-', 'STATIC', ''],
    ['reviews.default.svc.cluster.local', '9080', 'v1', 'outbound', 'EDS', 'reviews.default'],
  ]);
  const found = (filter: object) => clusters.filter((one) => matchesCluster(one, filter)).length;
  assert.equal(found({ fqdn: 'reviews' }), 1);
  assert.equal(found({ fqdn: 'reviews', port: '80' }), 0);
  assert.equal(found({ subset: 'v1', direction: 'outbound' }), 1);
});

test('clusters of gateways that carry SNI are taken apart too', () => {
  const rows = clusterRows([{ name: 'outbound_.443_.v1_.a.default.svc.cluster.local' }]);
  assert.deepEqual(rows[1]?.slice(0, 4), ['a.default.svc.cluster.local', '443', 'v1', 'outbound']);
});

test('each filter chain of a listener has a line with what it matches and where it leads', () => {
  const { listeners } = readConfigDump(dump());
  assert.deepEqual(listenerRows(listeners).slice(1), [
    ['0.0.0.0', '9080', 'Trans: raw_buffer; App: http/1.1,h2c', 'Route: 9080'],
    ['0.0.0.0', '9080', 'ALL', 'PassthroughCluster'],
    [
      '10.0.0.1',
      '31400',
      'SNI: a.example; Addr: 10.0.0.1/32',
      'Cluster: outbound|1||a (weight 3), b (weight 1)',
    ],
  ]);
  const found = (filter: object) => listeners.filter((one) => matchesListener(one, filter)).length;
  assert.equal(found({ port: '9080' }), 1);
  assert.equal(found({ type: 'tcp' }), 1);
  assert.equal(found({ address: '10.0.0.9' }), 0);
});

test('routes are shown with their VirtualService, hosts without any as 404', () => {
  const { routes } = readConfigDump(dump());
  assert.deepEqual(routeRows(routes).slice(1), [
    ['9080', 'reviews:9080', 'reviews, 10.96.0.4 + 1 more...', '/*', 'reviews.default'],
    ['9080', 'reviews:9080', 'reviews, 10.96.0.4 + 1 more...', '/gone (410)', ''],
    ['9080', 'reviews:9080', 'reviews, 10.96.0.4 + 1 more...', 'regex /a.*', ''],
    ['9080', 'empty', '*', '/*', '404'],
  ]);
});

test('endpoints are shown with their health and whether they are ejected', () => {
  const status = {
    cluster_statuses: [
      {
        name: 'c',
        host_statuses: [
          { address: socket('10.0.0.1', 80), health_status: { eds_health_status: 'HEALTHY' } },
          { address: socket('10.0.0.2', 80), health_status: { failed_outlier_check: true } },
          { address: { pipe: { path: '/s' } }, health_status: { failed_active_health_check: true } },
        ],
      },
      { name: 'd' },
    ],
  };
  assert.deepEqual(endpointRows(status, {}).slice(1), [
    ['10.0.0.1:80', 'HEALTHY', 'OK', 'c'],
    ['10.0.0.2:80', 'HEALTHY', 'FAILED', 'c'],
    ['unix:///s', 'UNHEALTHY', 'OK', 'c'],
  ]);
  assert.equal(endpointRows(status, { status: 'unhealthy' }).length, 2);
  assert.equal(endpointRows(status, { cluster: 'd' }).length, 1);
});

test('secrets that have not come are warming, what is no certificate is not valid', () => {
  assert.deepEqual(secretRows(readConfigDump(dump()).secrets, 0).slice(1), [
    ['ROOTCA', 'CA', 'ACTIVE', 'false', '', '', ''],
    ['default', 'Cert Chain', 'WARMING', 'false', '', '', ''],
  ]);
});

test('messages for programs have their fields in camelCase; what is not known stays as it came', async () => {
  const [known, unknown] = await inCamelCase([reviews, { '@type': 'x/of.tomorrow', a_b: 1 }]);
  assert.equal(known?.['connectTimeout'], '10s');
  assert.equal(known['@type'], undefined);
  assert.deepEqual(unknown, { '@type': 'x/of.tomorrow', a_b: 1 });
});

test('what the control plane sent and what a proxy has are compared by version', () => {
  const sent = (version: string) =>
    JSON.stringify({
      configs: [
        {
          '@type': `${type}admin.v3.ClustersConfigDump`,
          dynamicActiveClusters: [
            { versionInfo: version, cluster: { name: reviews.name } },
            { versionInfo: '1', cluster: { name: 'new' } },
          ],
        },
        {
          '@type': `${type}admin.v3.ListenersConfigDump`,
          dynamicListeners: [
            { name: outbound.name, activeState: { versionInfo: '1', listener: {} } },
            { name: weighted.name, activeState: { versionInfo: '1', listener: {} } },
            { name: 'refused', activeState: { versionInfo: '1', listener: {} } },
          ],
        },
        {
          '@type': `${type}admin.v3.RoutesConfigDump`,
          dynamicRouteConfigs: [{ versionInfo: '1', routeConfig: { name: '9080' } }],
        },
      ],
    });
  assert.deepEqual(compareDumps(sent('2'), dump()), [
    "Clusters Don't Match",
    '  - new has not come to the proxy',
    `  - ${reviews.name} is of another version`,
    "Listeners Don't Match",
    '  - refused is refused: why',
    'Routes Match',
  ]);
});

test('what is no configuration dump is refused', () => {
  assert.throws(() => readConfigDump('not found'), /is no JSON/);
  assert.throws(() => readConfigDump('{}'), /has no parts/);
});
