import { clusterOf, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Setup, Theme } from '../../case.ts';
import { get, post, sends } from '../../request.ts';
import { reasons } from './reasons.ts';

const filter = (name: string, config: object = {}): object => ({
  name: `envoy.filters.http.${name}`,
  typed_config: { '@type': typeOf(`filters.http.${name}.v3.${config && names[name]}`), ...config },
});
const names: Readonly<Record<string, string>> = {
  fault: 'HTTPFault',
  cors: 'Cors',
  buffer: 'Buffer',
  local_ratelimit: 'LocalRateLimit',
  csrf: 'CsrfPolicy',
  grpc_stats: 'FilterConfig',
  header_mutation: 'HeaderMutation',
  health_check: 'HealthCheck',
  rbac: 'RBAC',
  compressor: 'Compressor',
};
const perRoute = (name: string, type: string, config: object): object => ({
  [`envoy.filters.http.${name}`]: { '@type': typeOf(`filters.http.${name}.v3.${type}`), ...config },
});
const to = (path: string, config: object = {}): object => ({
  match: { prefix: path },
  route: { cluster: 'up' },
  typed_per_filter_config: config,
});
const all = { numerator: 100 };
const rpc = (path: string): string =>
  post('', 'content-type: application/grpc', 'content-length: 0').replace(' / ', ` ${path} `);

const fault: Setup = {
  name: 'fault',
  bootstrap: httpBootstrap({
    filters: [
      filter('fault', {
        delay: { header_delay: {}, percentage: all },
        abort: { header_abort: {}, percentage: all },
        max_active_faults: 5,
      }),
    ],
    routes: [
      to('/abort', perRoute('fault', 'HTTPFault', { abort: { http_status: 418, percentage: all } })),
      to('/grpc', perRoute('fault', 'HTTPFault', { abort: { grpc_status: 5, percentage: all } })),
      to('/delay', perRoute('fault', 'HTTPFault', { delay: { fixed_delay: '0.1s', percentage: all } })),
      to(
        '/both',
        perRoute('fault', 'HTTPFault', {
          delay: { fixed_delay: '0.1s', percentage: all },
          abort: { http_status: 503, percentage: all },
        }),
      ),
      to(
        '/never',
        perRoute('fault', 'HTTPFault', { abort: { http_status: 503, percentage: { numerator: 0 } } }),
      ),
      to(
        '/headers',
        perRoute('fault', 'HTTPFault', {
          abort: { http_status: 503, percentage: all },
          headers: [{ name: 'x', string_match: { exact: 'y' } }],
        }),
      ),
      to('/'),
    ],
  }),
  cases: [
    ...['/abort', '/grpc', '/delay', '/both', '/never', '/headers', '/'].map((path) =>
      sends(path, get(path), { quietMs: 300 }),
    ),
    sends('/abort to gRPC', rpc('/abort')),
    sends('/grpc to gRPC', rpc('/grpc')),
    sends('/headers with them', get('/headers', 'x: y')),
    sends('by header', get('/', 'x-envoy-fault-abort-request: 429')),
    sends('by header, gRPC', rpc('/').replace('host', 'x-envoy-fault-abort-grpc-request: 7\r\nhost')),
    sends(
      'by header, percentage of none',
      get('/', 'x-envoy-fault-abort-request: 429', 'x-envoy-fault-abort-request-percentage: 0'),
    ),
    sends('by header, a status that is none', get('/', 'x-envoy-fault-abort-request: 99')),
    sends('delay by header', get('/', 'x-envoy-fault-delay-request: 100'), { quietMs: 300 }),
    {
      what: 'client gone in the delay',
      clients: [{ send: [get('/delay'), { waitMs: 30 }, { close: true }] }],
      quietMs: 300,
    },
  ],
};

const compressor: Setup = {
  name: 'compressor',
  bootstrap: httpBootstrap({
    filters: [
      {
        name: 'envoy.filters.http.compressor',
        typed_config: {
          '@type': typeOf('filters.http.compressor.v3.Compressor'),
          response_direction_config: {
            common_config: { content_type: ['text/plain'], min_content_length: 30 },
            disable_on_etag_header: true,
          },
          compressor_library: {
            name: 'text',
            typed_config: { '@type': typeOf('compression.gzip.compressor.v3.Gzip') },
          },
        },
      },
    ],
  }),
  cases: ['gzip', 'br', '*', 'identity', 'gzip;q=0'].flatMap((accepted) =>
    ['content-type: text/plain', 'content-type: image/png', 'etag: "a"', 'content-encoding: x'].map((line) =>
      sends(`${accepted}, ${line}`, get('/', `accept-encoding: ${accepted}`), {
        up: [{ send: [`HTTP/1.1 200 OK\r\n${line}\r\ncontent-length: 40\r\n\r\n${'a'.repeat(40)}`] }],
        differs: {
          'client1.1.body': 'another zlib',
          'log.1.sent': 'another zlib',
          'stat.http.main.compressor.text.gzip.response.total_compressed_bytes': 'another zlib',
        },
      }),
    ),
  ),
};

const cors: Setup = {
  name: 'cors',
  bootstrap: httpBootstrap({
    filters: [filter('cors')],
    routes: [
      to(
        '/plain',
        perRoute('cors', 'CorsPolicy', {
          allow_origin_string_match: [{ exact: 'http://a' }],
          allow_methods: 'GET',
          allow_headers: 'x',
          expose_headers: 'y',
          max_age: '7',
          allow_credentials: true,
        }),
      ),
      to(
        '/any',
        perRoute('cors', 'CorsPolicy', {
          allow_origin_string_match: [{ safe_regex: { regex: '.*' } }],
          allow_private_network_access: true,
        }),
      ),
      to(
        '/star',
        perRoute('cors', 'CorsPolicy', { allow_origin_string_match: [{ safe_regex: { regex: '\\*' } }] }),
      ),
      to(
        '/forward',
        perRoute('cors', 'CorsPolicy', {
          allow_origin_string_match: [{ prefix: 'http://a' }],
          forward_not_matching_preflights: false,
        }),
      ),
      to('/'),
    ],
  }),
  cases: ['/plain', '/any', '/star', '/forward', '/'].flatMap((path): CompareCase[] => [
    sends(`${path} without origin`, get(path)),
    sends(`${path} of the origin`, get(path, 'origin: http://a')),
    sends(`${path} of another origin`, get(path, 'origin: http://b')),
    sends(
      `${path} before, of the origin`,
      get(
        path,
        'origin: http://a',
        'access-control-request-method: GET',
        'access-control-request-headers: x',
        'access-control-request-private-network: true',
      ).replace('GET', 'OPTIONS'),
    ),
    sends(
      `${path} before, of another origin`,
      get(path, 'origin: http://b', 'access-control-request-method: GET').replace('GET', 'OPTIONS'),
    ),
    sends(`${path} before, without method`, get(path, 'origin: http://a').replace('GET', 'OPTIONS')),
  ]),
};

const bucket = {
  token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: '60s' },
  filter_enabled: { default_value: all },
  filter_enforced: { default_value: all },
};
const limits: Setup = {
  name: 'limits',
  bootstrap: httpBootstrap({
    filters: [
      filter('local_ratelimit', { stat_prefix: 'limit', token_bucket: bucket.token_bucket }),
      filter('buffer', { max_request_bytes: 100 }),
    ],
    routes: [
      to('/limit', perRoute('local_ratelimit', 'LocalRateLimit', { stat_prefix: 'limit', ...bucket })),
      to(
        '/status',
        perRoute('local_ratelimit', 'LocalRateLimit', {
          stat_prefix: 'limit',
          ...bucket,
          status: { code: 'ServiceUnavailable' },
          response_headers_to_add: [{ header: { key: 'x', value: 'limited' } }],
          enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
        }),
      ),
      to(
        '/shadow',
        perRoute('local_ratelimit', 'LocalRateLimit', {
          stat_prefix: 'limit',
          ...bucket,
          filter_enforced: { default_value: { numerator: 0 } },
        }),
      ),
      to(
        '/grpc',
        perRoute('local_ratelimit', 'LocalRateLimit', {
          stat_prefix: 'limit',
          ...bucket,
          rate_limited_as_resource_exhausted: true,
        }),
      ),
      to('/'),
    ],
  }),
  cases: [
    ...['/limit', '/status', '/shadow'].map((path) => sends(`${path} twice`, get(path) + get(path))),
    sends('/grpc twice', rpc('/grpc') + rpc('/grpc')),
    sends('a body that fits', post('a'.repeat(100), 'content-length: 100')),
    sends('a body that does not', post('a'.repeat(101), 'content-length: 101')),
    sends('chunks that do not', post(`65\r\n${'a'.repeat(101)}\r\n0\r\n\r\n`, 'transfer-encoding: chunked')),
    sends('chunks that fit', post('3\r\nabc\r\n0\r\n\r\n', 'transfer-encoding: chunked')),
  ],
};

const others: Setup = {
  name: 'others',
  bootstrap: httpBootstrap({
    clusters: [clusterOf('none', [])],
    filters: [
      {
        name: 'envoy.filters.http.csrf',
        typed_config: {
          '@type': typeOf('filters.http.csrf.v3.CsrfPolicy'),
          filter_enabled: { default_value: all },
          additional_origins: [{ suffix: '.b' }],
        },
      },
      {
        name: 'envoy.filters.http.health_check',
        typed_config: {
          '@type': typeOf('filters.http.health_check.v3.HealthCheck'),
          pass_through_mode: false,
          headers: [{ name: ':path', string_match: { exact: '/healthz' } }],
        },
      },
      ...['nowhere', 'none', 'up'].map((cluster) => ({
        name: 'envoy.filters.http.health_check',
        typed_config: {
          '@type': typeOf('filters.http.health_check.v3.HealthCheck'),
          pass_through_mode: false,
          headers: [{ name: ':path', string_match: { exact: `/healthz/${cluster}` } }],
          cluster_min_healthy_percentages: { [cluster]: { value: 50 } },
        },
      })),
      {
        name: 'envoy.filters.http.health_check',
        typed_config: {
          '@type': typeOf('filters.http.health_check.v3.HealthCheck'),
          pass_through_mode: true,
          headers: [{ name: ':path', string_match: { exact: '/healthz/app' } }],
        },
      },
      {
        name: 'envoy.filters.http.rbac',
        typed_config: {
          '@type': typeOf('filters.http.rbac.v3.RBAC'),
          rules: {
            action: 'DENY',
            policies: {
              no: {
                permissions: [{ url_path: { path: { prefix: '/denied' } } }],
                principals: [{ any: true }],
              },
            },
          },
        },
      },
      {
        name: 'envoy.filters.http.compressor',
        typed_config: {
          '@type': typeOf('filters.http.compressor.v3.Compressor'),
          compressor_library: {
            name: 'gzip',
            typed_config: { '@type': typeOf('compression.gzip.compressor.v3.Gzip') },
          },
        },
      },
    ],
  }),
  cases: [
    sends('csrf without origin', post('', 'content-length: 0')),
    sends('csrf of the host', post('', 'content-length: 0', 'origin: http://a')),
    sends('csrf of another', post('', 'content-length: 0', 'origin: http://c')),
    sends('csrf of an additional one', post('', 'content-length: 0', 'origin: http://c.b')),
    sends('csrf with GET', get('/', 'origin: http://c')),
    sends('health check', get('/healthz')),
    sends('health check of a cluster that is not there', get('/healthz/nowhere')),
    sends('health check of a cluster without endpoints', get('/healthz/none')),
    sends('health check of a cluster', get('/healthz/up')),
    sends('health check of the application', get('/healthz/app')),
    sends('denied', get('/denied')),
    sends('denied gRPC', rpc('/denied').replace('host', 'origin: http://a\r\nhost')),
    sends('compressed', get('/', 'accept-encoding: gzip'), {
      up: [
        {
          send: [
            `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\netag: "a"\r\ncontent-length: 100\r\n\r\n${'a'.repeat(100)}`,
          ],
        },
      ],
      differs: {
        'client1.1.body': 'another zlib',
        'log.1.sent': 'another zlib',
        'stat.http.main.compressor.gzip.gzip.total_compressed_bytes': 'another zlib',
      },
    }),
    sends('not compressed, too small', get('/', 'accept-encoding: gzip'), {
      up: [{ send: ['HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nab'] }],
    }),
    sends('not compressed, not accepted', get('/'), {
      up: [
        {
          send: [
            `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\n${'a'.repeat(100)}`,
          ],
        },
      ],
    }),
  ],
};

/** A configuration as the JSON of its message. */
const struct = (type: string, value: object, envelope = 'xds.type.v3'): object => ({
  '@type': `type.googleapis.com/${envelope}.TypedStruct`,
  type_url: typeOf(type),
  value,
});
const limitType = 'filters.http.local_ratelimit.v3.LocalRateLimit';

const structs: Setup = {
  name: 'structs',
  bootstrap: httpBootstrap({
    cluster: {
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': struct(
          'upstreams.http.v3.HttpProtocolOptions',
          { explicitHttpConfig: { httpProtocolOptions: { headerKeyFormat: { properCaseWords: {} } } } },
        ),
      },
    },
    filters: [
      // Limits are those of routes: the filter has none of its own.
      { name: 'any', typed_config: struct(limitType, { statPrefix: 'limit' }, 'udpa.type.v1') },
      {
        name: 'headers',
        typed_config: struct('filters.http.header_mutation.v3.HeaderMutation', {
          mutations: { request_mutations: [{ append: { header: { key: 'x-struct', value: 'yes' } } }] },
        }),
      },
    ],
    routes: [
      to('/limit', { any: struct(limitType, { stat_prefix: 'limit', ...bucket }) }),
      to('/wrapped', {
        any: {
          '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig',
          config: struct(limitType, { stat_prefix: 'limit', ...bucket }),
        },
      }),
      to('/'),
    ],
  }),
  cases: [
    ...['/limit', '/wrapped', '/'].map((path) => sends(`${path} twice`, get(path) + get(path))),
    {
      what: 'as the dump shows them',
      clients: [],
      admin: [
        '/config_dump?resource=static_clusters&mask=cluster.name,cluster.typed_extension_protocol_options&name_regex=up',
        '/config_dump?mask=static_listeners.listener.filter_chains',
        '/config_dump?mask=static_route_configs.route_config',
      ],
    },
  ],
};

export const filters: Theme = {
  name: 'filters',
  reasons,
  setups: [fault, cors, compressor, limits, others, structs],
};
