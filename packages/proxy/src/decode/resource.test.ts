import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, fromJson } from '@lateen/protocol';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { messageValidator } from '@lateen/protocol/validate';
import { defaultCluster, type Route, type RouteConfiguration as RouteTableModel } from '../model/index.ts';
import { wholly } from '../timer/in-slices.ts';
import { knownTypes } from './known-types.ts';
import { clusterDecoder, listenerDecoder, routeDecoder, type ResourceDecoder } from './resource.ts';

/** A resource written as JSON, encoded and decoded again by the proxy. */
function decodeJson<M, T>(decoder: ResourceDecoder<M, T>, json: unknown) {
  const message = fromJson(decoder.type, json, { registry: knownTypes });
  assert.ok(message.ok, JSON.stringify(message));
  return decoder.fromBytes(encode(decoder.type, message.value));
}

function good<M, T>(decoder: ResourceDecoder<M, T>, json: unknown) {
  const result = decodeJson(decoder, json);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

function bad<M, T>(decoder: ResourceDecoder<M, T>, json: unknown): string[] {
  const result = decodeJson(decoder, json);
  assert.ok(!result.ok);
  return result.problems.map((p) => `${p.path}: ${p.message}`);
}

const routerFilter = {
  name: 'envoy.filters.http.router',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
};
const managerUrl =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

function listenerWith(manager: object, extra: object = {}): object {
  return {
    name: '0.0.0.0_9080',
    address: { socket_address: { address: '0.0.0.0', port_value: 9080 } },
    bind_to_port: false,
    traffic_direction: 'OUTBOUND',
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: { '@type': managerUrl, stat_prefix: 'outbound_0.0.0.0_9080', ...manager },
          },
        ],
      },
    ],
    ...extra,
  };
}

test('a cluster without anything set has the defaults of Envoy', () => {
  assert.deepEqual(good(clusterDecoder, { name: 'c' }).model, defaultCluster('c'));
});

test('a percentage of 0 is 0, not the default', () => {
  const zero = { value: 0 };
  const { model } = good(clusterDecoder, {
    name: 'c',
    common_lb_config: { healthy_panic_threshold: zero },
    circuit_breakers: { thresholds: [{ retry_budget: { budget_percent: zero } }] },
    round_robin_lb_config: { slow_start_config: { slow_start_window: '30s', min_weight_percent: zero } },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: {
          http2_protocol_options: { connection_keepalive: { timeout: '1s', interval_jitter: zero } },
        },
      },
    },
  });
  const { panicThresholdPercent, circuitBreakers, loadBalancing, http } = model;
  assert.equal(panicThresholdPercent, 0);
  assert.equal(circuitBreakers.default.retryBudget?.budgetPercent, 0);
  assert.equal(loadBalancing.kind === 'round_robin' && loadBalancing.slowStart?.minWeightPercent, 0);
  assert.equal(http.http2.keepalive?.jitterPercent, 0);
});

test("a cluster of Istio's control plane is taken whole", () => {
  const { model, warmingTimeoutMs } = good(clusterDecoder, {
    name: 'outbound|9080|v1|reviews.default.svc.cluster.local',
    type: 'EDS',
    eds_cluster_config: {
      eds_config: { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' },
      service_name: 'outbound|9080|v1|reviews.default.svc.cluster.local',
    },
    connect_timeout: '10s',
    lb_policy: 'LEAST_REQUEST',
    circuit_breakers: {
      thresholds: [{ max_connections: 7, max_retries: 4294967295, track_remaining: true }],
    },
    outlier_detection: { consecutive_5xx: 3, interval: '1s', base_ejection_time: '180s' },
    common_lb_config: { healthy_panic_threshold: {}, locality_weighted_lb_config: {} },
    metadata: { filter_metadata: { istio: { services: [{ host: 'reviews' }] } } },
    filters: [
      {
        name: 'istio.metadata_exchange',
        typed_config: {
          '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
          type_url: 'type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange',
          value: { enable_discovery: true },
        },
      },
    ],
    transport_socket_matches: [
      {
        name: 'tlsMode-istio',
        match: { tlsMode: 'istio' },
        transport_socket: {
          name: 'envoy.transport_sockets.tls',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
            sni: 'outbound_.9080_.v1_.reviews.default.svc.cluster.local',
            common_tls_context: {
              tls_certificate_sds_secret_configs: [
                { name: 'default', sds_config: { ads: {}, initial_fetch_timeout: '0s' } },
              ],
              combined_validation_context: {
                default_validation_context: {
                  match_typed_subject_alt_names: [
                    { san_type: 'URI', matcher: { exact: 'spiffe://cluster.local/ns/default/sa/reviews' } },
                  ],
                },
                validation_context_sds_secret_config: {
                  name: 'ROOTCA',
                  sds_config: { ads: {}, initial_fetch_timeout: '0s' },
                },
              },
              alpn_protocols: ['istio-peer-exchange', 'istio'],
            },
          },
        },
      },
      {
        name: 'tlsMode-disabled',
        match: {},
        transport_socket: {
          name: 'envoy.transport_sockets.raw_buffer',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
          },
        },
      },
    ],
  });
  assert.equal(warmingTimeoutMs, 0);
  assert.deepEqual(model.discovery, {
    kind: 'eds',
    serviceName: 'outbound|9080|v1|reviews.default.svc.cluster.local',
  });
  assert.equal(model.loadBalancing.kind, 'least_request');
  assert.equal(model.connectTimeoutMs, 10_000);
  assert.equal(model.circuitBreakers.default.maxConnections, 7);
  assert.equal(model.circuitBreakers.high.maxConnections, 1024);
  assert.equal(model.panicThresholdPercent, 0);
  assert.equal(model.outlierDetection?.consecutive5xx, 3);
  assert.equal(model.outlierDetection?.baseEjectionTimeMs, 180_000);
  const [mutual, plain] = model.transportMatches;
  assert.ok(mutual?.transport.kind === 'upstream_tls');
  assert.deepEqual(mutual.transport.options.certificateSecrets, ['default']);
  assert.equal(mutual.transport.options.validationSecret, 'ROOTCA');
  assert.deepEqual(mutual.transport.options.validation?.sanMatches, [
    { type: 'uri', match: { kind: 'exact', value: 'spiffe://cluster.local/ns/default/sa/reviews' } },
  ]);
  assert.deepEqual(plain?.transport, { kind: 'raw' });
});

test('every problem of a resource is found, each with its path', () => {
  assert.deepEqual(
    bad(clusterDecoder, {
      name: 'c',
      type: 'EDS',
      connect_timeout: '-1s',
      lb_policy: 'LOAD_BALANCING_POLICY_CONFIG',
      lb_subset_config: { panic_mode_any: true },
      upstream_config: { name: 'x', typed_config: { '@type': managerUrl } },
      load_assignment: {
        cluster_name: 'c',
        endpoints: [{ lb_endpoints: [{ endpoint: { address: {} } }] }],
      },
    }).sort(),
    [
      'connect_timeout: must be more than 0s',
      'eds_cluster_config.eds_config: must say where the resource comes from: ads, api_config_source, path_config_source or self',
      'lb_policy: LOAD_BALANCING_POLICY_CONFIG is not supported',
      'load_assignment.endpoints[0].lb_endpoints[0].endpoint.address: must be a socket_address or a pipe',
      'upstream_config: is not supported by this proxy',
    ],
  );
});

test('a listener says what it waits for, and a filter that is not known refuses it', () => {
  const rds = { config_source: { ads: {}, initial_fetch_timeout: '0s' }, route_config_name: '9080' };
  const { model, warmingTimeoutMs } = good(
    listenerDecoder,
    listenerWith({ rds, http_filters: [routerFilter] }),
  );
  const filter = model.filterChains[0]?.filters[0];
  assert.ok(filter?.kind === 'http_connection_manager');
  assert.deepEqual(filter.routes, { kind: 'rds', name: '9080' });
  assert.equal(warmingTimeoutMs, 0);
  assert.equal(model.bindToPort, false);
  assert.deepEqual(bad(listenerDecoder, listenerWith({ rds, http_filters: [{ name: 'x' }, routerFilter] })), [
    'filter_chains[0].filters[0].typed_config.http_filters[0]: HTTP filter "x" (no configuration) is not supported',
  ]);
  assert.deepEqual(bad(listenerDecoder, listenerWith({ rds, http_filters: [] })), [
    'filter_chains[0].filters[0].typed_config.http_filters: the last filter must be envoy.filters.http.router',
  ]);
});

test("Istio's own filters are taken whatever their configuration, and statistics know the side", () => {
  const program = 'envoy.extensions.filters.http.wasm.v3.Wasm';
  const ofIstio = {
    'istio.metadata_exchange': program,
    'istio.alpn': program,
    'istio.stats': 'stats.PluginConfig',
  };
  const filters = (direction: string) => {
    const listener = listenerWith(
      {
        route_config: {},
        http_filters: [
          ...Object.entries(ofIstio).map(([name, type]) => ({
            name,
            typed_config: {
              '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
              type_url: `type.googleapis.com/${type}`,
              value: {},
            },
          })),
          routerFilter,
        ],
      },
      { traffic_direction: direction },
    );
    const filter = good(listenerDecoder, listener).model.filterChains[0]?.filters[0];
    assert.ok(filter?.kind === 'http_connection_manager');
    return filter.httpFilters.map((f) => f.config);
  };
  assert.deepEqual(
    filters('INBOUND').map((config) => (config.kind === 'istio_stats' ? config.reporter : config.kind)),
    ['peer_metadata', 'none', 'server', 'router'],
  );
  const options = { hostHeaderFallback: true, reportIntervalMs: 5_000, overrides: {} };
  assert.deepEqual(filters('OUTBOUND')[2], { kind: 'istio_stats', reporter: 'client', options });
});

function routesOf({ virtualHosts: [host] }: RouteTableModel): readonly Route[] {
  return host === undefined ? [] : wholly(host.read()).routes;
}

test('a route table keeps weights, matches, rewrites, retries and header operations', () => {
  const { model } = good(routeDecoder, {
    name: '9080',
    validate_clusters: false,
    virtual_hosts: [
      {
        name: 'reviews.default.svc.cluster.local:9080',
        domains: ['reviews.default.svc.cluster.local', 'reviews'],
        include_request_attempt_count: true,
        routes: [
          {
            match: {
              prefix: '/',
              case_sensitive: true,
              headers: [{ name: 'End-User', string_match: { exact: 'jason' } }],
            },
            route: {
              cluster: 'outbound|9080|v2|reviews.default.svc.cluster.local',
              timeout: '0s',
              retry_policy: {
                retry_on: 'connect-failure,refused-stream',
                num_retries: 2,
                retry_host_predicate: [
                  {
                    name: 'envoy.retry_host_predicates.previous_hosts',
                    typed_config: {
                      '@type':
                        'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
                    },
                  },
                ],
                host_selection_retry_max_attempts: '5',
              },
              max_stream_duration: { max_stream_duration: '0s', grpc_timeout_header_max: '0s' },
            },
            decorator: { operation: 'reviews:9080/*' },
            request_headers_to_add: [
              { header: { key: 'X-A', value: '1' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
            ],
            response_headers_to_remove: ['Server'],
          },
          {
            match: { path_separated_prefix: '/v1' },
            route: {
              weighted_clusters: {
                clusters: [
                  { name: 'a', weight: 75 },
                  { name: 'b', weight: 25, request_headers_to_remove: ['x-b'] },
                ],
              },
              prefix_rewrite: '/',
              auto_host_rewrite: true,
            },
          },
          { match: { prefix: '/old' }, redirect: { https_redirect: true, response_code: 'FOUND' } },
          { match: { prefix: '/' }, direct_response: { status: 404 } },
        ],
      },
    ],
  });
  const [first, second, third, last] = routesOf(model);
  assert.ok(first?.action.kind === 'forward');
  assert.deepEqual(first.match.headers, [
    {
      name: 'end-user',
      match: { kind: 'string', string: { kind: 'exact', value: 'jason' } },
      invert: false,
      treatMissingAsEmpty: false,
    },
  ]);
  assert.equal(first.action.timeoutMs, 0);
  assert.equal(first.action.retryPolicy?.avoidPreviousHosts, true);
  assert.deepEqual(first.action.retryPolicy?.retryOn, ['connect-failure', 'refused-stream']);
  assert.deepEqual(first.requestHeaders.add, [
    { name: 'x-a', value: '1', action: 'overwrite', keepEmpty: false },
  ]);
  assert.deepEqual(first.responseHeaders.remove, ['server']);
  assert.ok(second?.action.kind === 'forward' && second.action.cluster.kind === 'weighted');
  assert.deepEqual(
    second.action.cluster.clusters.map((c) => c.weight),
    [75, 25],
  );
  assert.deepEqual(second.action.hostRewrite, { kind: 'endpoint' });
  assert.deepEqual(third?.action, { kind: 'redirect', scheme: 'https', status: 302, stripQuery: false });
  assert.deepEqual(last?.action, { kind: 'direct_response', status: 404 });
});

test('wrong routes are refused with the path of the field', () => {
  assert.deepEqual(
    bad(routeDecoder, {
      name: 'r',
      virtual_hosts: [
        {
          name: 'v',
          routes: [
            { match: {}, route: { weighted_clusters: { clusters: [{ name: 'a' }] } } },
            {
              match: { prefix: '/' },
              direct_response: { status: 99 },
              request_headers_to_add: [{ header: { key: ':path', value: 'x' } }],
            },
          ],
        },
      ],
    }),
    [
      'virtual_hosts[0].domains: must have at least one domain',
      'virtual_hosts[0].routes[0].match: must have one of prefix, path, safe_regex, path_separated_prefix, connect_matcher, path_match_policy',
      'virtual_hosts[0].routes[0].route.weighted_clusters.clusters: the sum of the weights must be more than 0',
      'virtual_hosts[0].routes[1].direct_response.status: 99 is not a status from 200 to 599',
      'virtual_hosts[0].routes[1].request_headers_to_add[0].header.key: :path cannot be changed: use a rewrite',
    ],
  );
});

test('a resource that comes under another name than its own, or is cut off, is refused', () => {
  const bytes = encode(RouteConfiguration, { name: 'a' });
  const named = routeDecoder.fromBytes(bytes, 'b');
  assert.ok(!named.ok);
  assert.equal(named.problems[0]?.path, 'name');
  assert.equal(clusterDecoder.fromBytes(encode(Cluster, { name: 'cluster' }).slice(0, -2)).ok, false);
  assert.equal(listenerDecoder.fromBytes(Buffer.from('not a listener')).ok, false);
});

test('the constraints of a table that is looked at in parts are those of the whole', () => {
  const table = {
    name: 'a',
    virtual_hosts: [
      { name: '', domains: [] },
      {
        name: 'b',
        domains: ['b'],
        routes: [{ match: {}, route: { cluster: 'c' } }, { match: { prefix: '/' } }],
      },
    ],
  };
  const message = fromJson(RouteConfiguration, table);
  assert.ok(message.ok);
  const whole = messageValidator.validate(RouteConfiguration, message.value);
  const found = bad(routeDecoder, table);
  assert.ok(whole.length >= 4);
  for (const { path } of whole) {
    const documented = path.replace('virtualHosts', 'virtual_hosts');
    assert.ok(
      found.some((text) => text.startsWith(`${documented}: `)),
      documented,
    );
  }
});

test('keys of session tickets that have not 80 bytes are refused by their place', () => {
  const typedConfig = {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
    session_ticket_keys: {
      keys: [{ inline_bytes: Buffer.alloc(80).toString('base64') }, { inline_string: 'x' }],
    },
  };
  const chain = { filters: [], transport_socket: { name: 'tls', typed_config: typedConfig } };
  assert.deepEqual(bad(listenerDecoder, listenerWith({}, { filter_chains: [chain] })), [
    'filter_chains[0].transport_socket.typed_config.session_ticket_keys.keys[1]: must have 80 bytes, has 1',
  ]);
});

test('what cannot be compiled of a route table is told with its place, also what only a request would need', () => {
  const forward = { match: { prefix: '/' }, route: { cluster: 'c' } };
  const added = (key: string, value: string) => [{ header: { key, value } }];
  const problems = bad(routeDecoder, {
    name: 'r',
    response_headers_to_add: added('x', '%NO_SUCH%'),
    virtual_hosts: [
      {
        name: 'one',
        domains: ['one'],
        routes: [{ match: { safe_regex: { regex: '[' } }, route: { cluster: 'c' } }, forward],
      },
      {
        name: 'two',
        domains: ['two'],
        request_headers_to_add: added('x', '%NO_SUCH%'),
        routes: [
          { ...forward, request_headers_to_add: added('bad name', 'x') },
          {
            match: { prefix: '/' },
            direct_response: { status: 200, body: { inline_string: 'x'.repeat(5_000) } },
          },
        ],
      },
    ],
  });
  assert.deepEqual(
    problems.map((problem) => problem.split(': ')[0]),
    [
      'response_headers_to_add[0]',
      'virtual_hosts[0].routes[0].match.safe_regex.regex',
      'virtual_hosts[1].request_headers_to_add[0]',
      'virtual_hosts[1].routes[0].request_headers_to_add[0].header.key',
      'virtual_hosts[1].routes[1].direct_response.body',
    ],
  );
});

test('a hash policy of the connection looks at the address only where it says so', () => {
  const table = (...hash_policy: readonly object[]) => ({
    name: 'r',
    virtual_hosts: [
      {
        name: 'h',
        domains: ['*'],
        routes: [{ match: { prefix: '/' }, route: { cluster: 'c', hash_policy } }],
      },
    ],
  });
  const policies = (connection_properties: object) => {
    const { model } = good(routeDecoder, table({ connection_properties }));
    const action = routesOf(model)[0]?.action;
    return action?.kind === 'forward' ? action.hashPolicies : undefined;
  };
  assert.deepEqual(policies({ source_ip: true }), [{ terminal: false, kind: 'source_ip' }]);
  assert.deepEqual(policies({ source_ip: false }), []);
  assert.match(
    bad(routeDecoder, table({ terminal: true }))[0] ?? '',
    /hash_policy\[0\]: must have one of header/,
  );
});
