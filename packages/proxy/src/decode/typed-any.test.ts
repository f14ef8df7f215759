import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBootstrap, type ProxyBootstrap } from '../bootstrap/bootstrap.ts';

type Json = Readonly<Record<string, unknown>>;

const extensions = 'envoy.extensions';
const envelopes = ['xds.type.v3.TypedStruct', 'udpa.type.v1.TypedStruct'];
const address = { socket_address: { address: '127.0.0.1', port_value: 1 } };

function typed(type: string, value: Json = {}): Json {
  return { '@type': `type.googleapis.com/${extensions}.${type}`, ...value };
}

function struct(type: string, value: Json = {}, envelope = envelopes[0]): Json {
  return {
    '@type': `type.googleapis.com/${envelope}`,
    type_url: `type.googleapis.com/${extensions}.${type}`,
    value,
  };
}

const router = { name: 'r', typed_config: typed('filters.http.router.v3.Router') };
const limitType = 'filters.http.local_ratelimit.v3.LocalRateLimit';
const limit = { stat_prefix: 'l', token_bucket: { max_tokens: 3, fill_interval: '60s' } };

/** A listener with these, and a cluster with these. */
function decoded(listener: Json, cluster: Json = {}): ReturnType<typeof decodeBootstrap> {
  return decodeBootstrap({
    static_resources: {
      listeners: [{ name: 'l', address, ...listener }],
      clusters: [{ name: 'c', ...cluster }],
    },
  });
}

function managerJson(filters: readonly Json[], route: Json = {}, more: Json = {}): Json {
  const routes = [{ match: { prefix: '/' }, route: { cluster: 'c' }, ...route }];
  return {
    stat_prefix: 'h',
    route_config: { virtual_hosts: [{ name: 'v', domains: ['*'], routes }] },
    http_filters: filters,
    ...more,
  };
}

const managerType = 'filters.network.http_connection_manager.v3.HttpConnectionManager';

function manager(filters: readonly Json[], route: Json = {}, more: Json = {}, cluster: Json = {}) {
  const typed_config = typed(managerType, managerJson(filters, route, more));
  return decoded({ filter_chains: [{ filters: [{ name: 'hcm', typed_config }] }] }, cluster);
}

function pathsOf(result: ReturnType<typeof decodeBootstrap>): string[] {
  return result.ok
    ? []
    : result.problems.map(({ path }) => path.replace('static_resources.listeners[0].filter_chains[0].', ''));
}

function modelOf(result: ReturnType<typeof decodeBootstrap>): ProxyBootstrap {
  assert.ok(result.ok, result.ok ? '' : JSON.stringify(result.problems));
  return result.value;
}

for (const envelope of envelopes) {
  test(`a filter's configuration may come as JSON in a ${envelope}`, () => {
    const [asMessage, asJson] = [typed(limitType, limit), struct(limitType, limit, envelope)].map(
      (typed_config) =>
        modelOf(manager([{ name: 'limit', typed_config }, router])).listeners[0]?.model.filterChains[0]
          ?.filters[0],
    );
    assert.ok(asJson?.kind === 'http_connection_manager');
    const config = asJson.httpFilters[0]?.config;
    assert.equal(config?.kind === 'local_rate_limit' && config.limit.bucket?.maxTokens, 3);
    const withoutPlaces = (value: unknown): string => JSON.stringify(value).replaceAll('.value"', '"');
    assert.equal(withoutPlaces(asJson), withoutPlaces(asMessage));
  });
}

test('whatever opens an Any takes JSON in its place', () => {
  const nested = struct(
    managerType,
    managerJson([{ name: 'l', typed_config: struct(limitType, limit) }, router]),
  );
  modelOf(decoded({ filter_chains: [{ filters: [{ name: 'any', typed_config: nested }] }] }));
  const perFilter = {
    '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig',
    config: struct(limitType, limit),
  };
  const ofRoute = { typed_per_filter_config: { l: struct(limitType, limit), m: perFilter } };
  const log = struct('access_loggers.file.v3.FileAccessLog', { path: '/dev/null' });
  const options = 'upstreams.http.v3.HttpProtocolOptions';
  const tls = struct('transport_sockets.tls.v3.UpstreamTlsContext', { sni: 'a.b' });
  const ring = struct('load_balancing_policies.ring_hash.v3.RingHash', { minimum_ring_size: 10 });
  const { clusters, listeners } = modelOf(
    manager(
      [router],
      ofRoute,
      { access_log: [{ name: 'any', typed_config: log }] },
      {
        transport_socket: { name: 'any', typed_config: tls },
        typed_extension_protocol_options: {
          [`${extensions}.${options}`]: struct(options, {
            explicit_http_config: { http2_protocol_options: {} },
          }),
        },
        load_balancing_policy: {
          policies: [{ typed_extension_config: { name: 'any', typed_config: ring } }],
        },
      },
    ),
  );
  const cluster = clusters[0]?.model;
  assert.equal(cluster?.transport.kind, 'upstream_tls');
  assert.equal(cluster.loadBalancing.kind, 'ring_hash');
  assert.equal(listeners[0]?.model.filterChains[0]?.filters[0]?.kind, 'http_connection_manager');
  const inspector = struct('filters.listener.tls_inspector.v3.TlsInspector');
  const filters = modelOf(
    decoded({
      listener_filters: [{ name: 'any', typed_config: inspector }],
      filter_chains: [
        {
          filters: [
            {
              name: 'any',
              typed_config: struct('filters.network.tcp_proxy.v3.TcpProxy', {
                stat_prefix: 't',
                cluster: 'c',
              }),
            },
          ],
        },
      ],
    }),
  ).listeners[0]?.model.listenerFilters;
  assert.equal(filters?.[0]?.kind, 'tls_inspector');
});

test('what is wrong in the JSON is refused by its path in it', () => {
  const at = 'filters[0].typed_config.http_filters[0]';
  const problemsOf = (value: Json, type = limitType) =>
    pathsOf(manager([{ name: 'l', typed_config: struct(type, value) }, router]));
  assert.deepEqual(problemsOf(limit, 'foo.v3.Bar'), [at]);
  assert.deepEqual(problemsOf({ ...limit, nonsense: 1 }), [`${at}.typed_config.value.nonsense`]);
  assert.deepEqual(problemsOf({ ...limit, stat_prefix: [1] }), [`${at}.typed_config.value.stat_prefix`]);
  const fast = { max_tokens: 1, fill_interval: '0.01s' };
  assert.deepEqual(problemsOf({ ...limit, token_bucket: fast }), [
    `${at}.typed_config.value.token_bucket.fill_interval`,
  ]);
  // Rules of the message, and what only a decoder knows.
  assert.deepEqual(problemsOf({ token_bucket: limit.token_bucket }), [
    `${at}.typed_config.value.stat_prefix`,
  ]);
});

test('an extension is known by the type of its configuration, which must be there; its name is free', () => {
  const at = 'filters[0].typed_config.http_filters';
  assert.deepEqual(pathsOf(manager([{ name: 'envoy.filters.http.cors' }, router])), [`${at}[0]`]);
  assert.deepEqual(pathsOf(manager([{ name: 'envoy.filters.http.grpc_stats' }, router])), [`${at}[0]`]);
  assert.equal(pathsOf(manager([{ name: 'envoy.filters.http.router' }]))[0], `${at}[0]`);
  assert.deepEqual(
    pathsOf(decoded({ filter_chains: [{ filters: [{ name: 'envoy.filters.network.tcp_proxy' }] }] })),
    ['filters[0]'],
  );
  const inspector = decoded({ listener_filters: [{ name: 'envoy.filters.listener.tls_inspector' }] });
  assert.equal(pathsOf(inspector).at(-1), 'static_resources.listeners[0].listener_filters[0]');
  const raw = decoded({}, { transport_socket: { name: 'envoy.transport_sockets.raw_buffer' } });
  assert.equal(pathsOf(raw).at(-1), 'static_resources.clusters[0].transport_socket.typed_config');

  const retries = (predicate: Json) =>
    manager([router], {
      route: { cluster: 'c', retry_policy: { retry_on: '5xx', retry_host_predicate: [predicate] } },
    });
  const previous = typed('retry.host.previous_hosts.v3.PreviousHostsPredicate');
  assert.deepEqual(pathsOf(retries({ name: 'any', typed_config: previous })), []);
  assert.match(
    pathsOf(retries({ name: 'envoy.retry_host_predicates.previous_hosts' }))[0] ?? '',
    /retry_host_predicate\[0\]$/,
  );
});
