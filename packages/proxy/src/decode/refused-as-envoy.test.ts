import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBootstrap } from '../bootstrap/bootstrap.ts';

type Json = Record<string, unknown>;

const at = 'type.googleapis.com/envoy.extensions';
const address = { socket_address: { address: '127.0.0.1', port_value: 1 } };
const router = { name: 'router', typed_config: { '@type': `${at}.filters.http.router.v3.Router` } };
const tcp = {
  name: 'tcp',
  typed_config: {
    '@type': `${at}.filters.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: 'tcp',
    cluster: 'c',
  },
};

/** Paths of what is wrong with a listener of these fields. */
function listener(fields: Json): string[] {
  return pathsOf({ listeners: [{ name: 'l', address, filter_chains: [{ filters: [tcp] }], ...fields }] });
}

function manager(fields: Json, route: Json = { cluster: 'c' }): string[] {
  const virtual = { name: 'v', domains: ['*'], routes: [{ match: { prefix: '/' }, route }] };
  const hcm = {
    '@type': `${at}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'h',
    route_config: { virtual_hosts: [virtual] },
    http_filters: [router],
    ...fields,
  };
  return listener({ filter_chains: [{ filters: [{ name: 'hcm', typed_config: hcm }] }] });
}

function cluster(fields: Json): string[] {
  return pathsOf({ clusters: [{ name: 'c', ...fields }] });
}

function pathsOf(statics: Json, bootstrap: Json = {}): string[] {
  const decoded = decodeBootstrap({ static_resources: statics, ...bootstrap });
  return decoded.ok ? [] : decoded.problems.map(({ path }) => path.split('.').slice(-2).join('.'));
}

const chain = (match: Json): Json => ({ filter_chain_match: match, filters: [tcp] });
const check = (kind: Json): Json => ({
  health_checks: [{ timeout: '1s', interval: '1s', unhealthy_threshold: 1, healthy_threshold: 1, ...kind }],
});
test('a listener whose chains could not be told apart is refused', () => {
  const names = (...server_names: string[]): Json => chain({ server_names });
  assert.deepEqual(listener({ filter_chains: [names('a', 'b'), names('c'), names('c', 'b')] }), [
    'filter_chains[2].filter_chain_match',
  ]);
  const block = (address_prefix: string, more: Json = {}): Json =>
    chain({ prefix_ranges: [{ address_prefix, prefix_len: 32 }], server_names: ['a'], ...more });
  for (const apart of [
    [names('a'), names('b')],
    [names('a'), names()],
    [names('a'), chain({ server_names: ['a'], destination_port: 1 })],
    [names('a'), chain({ server_names: ['a'], transport_protocol: 'tls' })],
    [names('a'), chain({ server_names: ['a'], application_protocols: ['h2'] })],
    [names('a'), chain({ server_names: ['a'], source_type: 'EXTERNAL' })],
    [names('a'), chain({ server_names: ['a'], source_ports: [1] })],
    [block('10.0.0.1'), block('10.0.0.2')],
  ])
    assert.deepEqual(listener({ filter_chains: apart }), []);
  assert.equal(listener({ filter_chains: [block('10.0.0.1'), block('10.0.0.1')] }).length, 1);
});

test('names of servers are whole or of the form *.example.com', () => {
  assert.deepEqual(listener({ filter_chains: [chain({ server_names: ['*.a', 'b', ''] })] }), []);
  for (const name of ['*', 'a*.b', '*.*.b', '*a'])
    assert.equal(listener({ filter_chains: [chain({ server_names: [name] })] }).length, 1, name);
  assert.deepEqual(listener({ address: { pipe: { path: `/${'a'.repeat(107)}` } } }), ['pipe.path']);
  assert.deepEqual(listener({ address: { pipe: { path: `/${'a'.repeat(106)}` } } }), []);
});

test('what excludes each other in a connection manager and its routes is refused', () => {
  assert.deepEqual(manager({}), []);
  assert.deepEqual(manager({ strip_any_host_port: true, strip_matching_host_port: true }), [
    'typed_config.strip_any_host_port',
  ]);
  const upgrades = ['websocket', 'WebSocket'].map((upgrade_type) => ({ upgrade_type }));
  assert.deepEqual(manager({ upgrade_configs: upgrades }), ['upgrade_configs[1].upgrade_type']);
  const both = { prefix_rewrite: '/', regex_rewrite: { pattern: { regex: 'a' }, substitution: 'b' } };
  assert.equal(manager({}, { cluster: 'c', ...both }).length, 1);
  assert.equal(manager({}, { cluster: 'c', timeout: '-1s' }).length, 1);
  const bucket = { max_tokens: 1, fill_interval: '0.049s' };
  const limit = {
    '@type': `${at}.filters.http.local_ratelimit.v3.LocalRateLimit`,
    stat_prefix: 'l',
    token_bucket: bucket,
  };
  assert.deepEqual(manager({ http_filters: [{ name: 'l', typed_config: limit }, router] }), [
    'token_bucket.fill_interval',
  ]);
});

test('a cluster chooses its endpoints as its type does', () => {
  const own = { lb_policy: 'CLUSTER_PROVIDED' };
  const original = { type: 'ORIGINAL_DST', ...own };
  assert.deepEqual(cluster(original), []);
  // Names of enumerations are taken in any case.
  assert.deepEqual(cluster({ lb_policy: 'round-robin' }), []);
  assert.deepEqual(cluster({ type: 'ORIGINAL_DST' }), ['clusters[0].lb_policy']);
  assert.deepEqual(cluster({ type: 'STATIC', ...own }), ['clusters[0].lb_policy']);
  assert.deepEqual(cluster({ ...original, lb_subset_config: { subset_selectors: [{ keys: ['a'] }] } }), [
    'clusters[0].lb_policy',
  ]);
  assert.deepEqual(cluster({ ...original, load_assignment: { cluster_name: 'c' } }), [
    'clusters[0].load_assignment',
  ]);
  const drop = { category: 'x', drop_percentage: { numerator: 101 } };
  assert.equal(
    cluster({ load_assignment: { cluster_name: 'c', policy: { drop_overloads: [drop] } } }).length,
    1,
  );
  assert.deepEqual(cluster({ outlier_detection: { base_ejection_time: '2s', max_ejection_time: '1s' } }), [
    'outlier_detection.max_ejection_time',
  ]);
});

test('health checks ask for statuses that there are, and by gRPC over HTTP/2 only', () => {
  const statuses = (start: number, end: number): string[] =>
    cluster(check({ http_health_check: { path: '/', expected_statuses: [{ start, end }] } }));
  assert.deepEqual(statuses(200, 300), []);
  for (const [start, end] of [
    [50, 60],
    [300, 200],
    [200, 700],
  ] as const)
    assert.ok(statuses(start, end).length > 0, `${start} to ${end}`);
  assert.deepEqual(cluster(check({ grpc_health_check: {} })), ['health_checks[0].grpc_health_check']);
});

test('what the bootstrap asks of labels and of control planes is refused where it cannot be', () => {
  const tags = ['x', 'y'].map((fixed_value) => ({ tag_name: 'a', fixed_value }));
  assert.deepEqual(pathsOf({}, { stats_config: { stats_tags: tags } }), ['stats_tags[1].tag_name']);
  const source = {
    api_config_source: {
      api_type: 'GRPC',
      transport_api_version: 'V2',
      grpc_services: [{ envoy_grpc: { cluster_name: 'c' } }],
    },
  };
  assert.ok(
    pathsOf({ clusters: [{ name: 'c' }] }, { dynamic_resources: { cds_config: source } }).includes(
      'api_config_source.transport_api_version',
    ),
  );
});

test('ranges of addresses begin with one', () => {
  const match = (address_prefix: string): string[] =>
    listener({
      filter_chains: [
        { filter_chain_match: { prefix_ranges: [{ address_prefix, prefix_len: 8 }] }, filters: [tcp] },
      ],
    });
  assert.deepEqual(match('10.0.0.0'), []);
  assert.deepEqual(match('fe80::'), []);
  for (const address of ['300.1.1.1', 'here', ''])
    assert.deepEqual(match(address), ['prefix_ranges[0].address_prefix'], address);
});

test('rules of connections that look at headers, and ranges of ports that have none, are refused', () => {
  const rules = (permission: Json, principal: Json = { any: true }): string[] => {
    const policies = { p: { permissions: [permission], principals: [principal] } };
    const rbac = { '@type': `${at}.filters.network.rbac.v3.RBAC`, stat_prefix: 'r', rules: { policies } };
    return listener({ filter_chains: [{ filters: [{ name: 'rbac', typed_config: rbac }, tcp] }] });
  };
  const header = { header: { name: 'a', present_match: true } };
  for (const permission of [header, { not_rule: header }, { and_rules: { rules: [{ any: true }, header] } }])
    assert.deepEqual(rules(permission), ['typed_config.rules']);
  assert.deepEqual(rules({ any: true }, { or_ids: { ids: [header] } }), ['typed_config.rules']);
  assert.deepEqual(rules({ url_path: { path: { exact: '/' } } }), []);
  const range = (start: number, end: number): string[] => rules({ destination_port_range: { start, end } });
  assert.deepEqual(range(80, 81), []);
  assert.deepEqual(range(0, 65_536), []);
  for (const [start, end] of [
    [80, 80],
    [81, 80],
    [80, 65_537],
    [-1, 80],
  ] as const)
    assert.deepEqual(range(start, end), ['permissions[0].destination_port_range'], `${start}-${end}`);
});
