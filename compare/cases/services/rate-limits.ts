import { RateLimitRequest, RateLimitResponse } from '@lateen/protocol/envoy/service/ratelimit/v3';
import { clusterOf, http2Cluster, httpBootstrap, typeOf, type HttpSetup } from '../../bootstrap.ts';
import type { CompareCase, Setup } from '../../case.ts';
import { grpcFailure, grpcReply } from '../../grpc.ts';
import { get, post, sends } from '../../request.ts';

const filterName = 'envoy.filters.http.ratelimit';
const perRoute = (config: object): object => ({
  [filterName]: { '@type': typeOf('filters.http.ratelimit.v3.RateLimitPerRoute'), ...config },
});
const answers = (value: RateLimitResponse): Partial<CompareCase> => ({
  up2: [grpcReply(RateLimitResponse, value)],
});
const ok = answers({ overallCode: 'OK' });

const generic = (value: string, more: object = {}): object => ({
  actions: [{ generic_key: { descriptor_value: value } }],
  ...more,
});

const setup = (name: string, config: object, cases: readonly CompareCase[], http: HttpSetup = {}): Setup => ({
  name: `rate-limit-${name}`,
  endpointMessages: { up2: RateLimitRequest },
  bootstrap: httpBootstrap(({ up2, closed }) => ({
    filters: [
      {
        name: filterName,
        typed_config: {
          '@type': typeOf('filters.http.ratelimit.v3.RateLimit'),
          domain: 'shop',
          timeout: '2s',
          rate_limit_service: {
            transport_api_version: 'V3',
            grpc_service: { envoy_grpc: { cluster_name: 'limits' } },
          },
          ...config,
        },
      },
    ],
    routes: [{ match: { prefix: '/' }, route: { cluster: 'up', rate_limits: [generic('all')] } }],
    ...http,
    clusters: [clusterOf('limits', [up2], http2Cluster), clusterOf('gone', [closed], http2Cluster)],
    top: { node: { id: 'n', cluster: 'mesh' }, ...http.top },
  })),
  cases,
});

const statuses: RateLimitResponse = {
  statuses: [
    {
      code: 'OK',
      currentLimit: { requestsPerUnit: 10, unit: 'MINUTE', name: 'per minute' },
      limitRemaining: 4,
      durationUntilReset: 33_500,
    },
    { code: 'OVER_LIMIT', currentLimit: { requestsPerUnit: 3, unit: 'HOUR' }, durationUntilReset: 60_000 },
    { code: 'OK' },
  ],
};
const full: RateLimitResponse = {
  ...statuses,
  overallCode: 'OVER_LIMIT',
  responseHeadersToAdd: [
    { key: 'x-told', value: 'a' },
    { key: 'x-told', value: 'b' },
    { key: 'content-type', value: 'a/b' },
  ],
  requestHeadersToAdd: [{ key: 'x-user', value: 'jason' }],
  rawBody: Buffer.from('slow down'),
};
const rpc = post('', 'content-type: application/grpc', 'content-length: 0');
const verdicts: readonly CompareCase[] = [
  sends('OK', get('/'), ok),
  sends('OK with all', get('/', 'x-user: mallory'), answers({ ...full, overallCode: 'OK' })),
  sends('over', get('/'), answers({ overallCode: 'OVER_LIMIT' })),
  sends('over with all', get('/', 'x-user: mallory'), answers(full)),
  sends('over, HEAD', get('/').replace('GET', 'HEAD'), answers(full)),
  sends('over, gRPC', rpc, answers(full)),
  sends('unknown', get('/'), answers({})),
  sends('a code that is none', get('/'), answers({ overallCode: 7 })),
  sends('fails', get('/'), { up2: [grpcFailure(14)] }),
  sends('refuses', get('/'), { up2: [grpcFailure(8)] }),
  sends('resets', get('/'), { up2: [{ send: [{ reset: true }] }] }),
];
const late: CompareCase = sends('too late', get('/'), { up2: [{ send: [] }], quietMs: 400 });

const route = (path: string, limits: readonly object[], more: object = {}, config?: object): object => ({
  match: { prefix: path },
  route: { cluster: 'up', rate_limits: limits, ...more },
  metadata: { filter_metadata: { a: { b: { c: 'd', n: 3 } } } },
  ...(config === undefined ? {} : { typed_per_filter_config: perRoute(config) }),
});
const metadata = (more: object): object => ({
  metadata: {
    descriptor_key: 'm',
    metadata_key: { key: 'a', path: [{ key: 'b' }, { key: 'c' }] },
    source: 'ROUTE_ENTRY',
    ...more,
  },
});
const header = (name: string, more: object = {}): object => ({
  request_headers: { header_name: name, descriptor_key: name.replace(':', ''), ...more },
});
const one = (name: string): object => ({ name, string_match: { exact: '1' } });
/** Actions of a path each. */
const actions: Readonly<Record<string, readonly object[]>> = {
  source: [{ source_cluster: {} }],
  destination: [{ destination_cluster: {} }],
  remote: [{ remote_address: {} }],
  masked: [{ masked_remote_address: { v4_prefix_mask_len: 16 } }],
  'masked-default': [{ masked_remote_address: {} }],
  header: [header('x-a')],
  path: [header(':path'), header(':authority'), header(':method')],
  skip: [header('x-a', { skip_if_absent: true }), { generic_key: { descriptor_value: 'v' } }],
  'skip-alone': [header('x-a', { skip_if_absent: true })],
  key: [{ generic_key: { descriptor_key: 'k', descriptor_value: 'v' } }],
  match: [{ header_value_match: { descriptor_value: 'v', headers: [one('x-a'), one('x-b')] } }],
  unmatched: [
    {
      header_value_match: {
        descriptor_key: 'k',
        descriptor_value: 'v',
        expect_match: false,
        headers: [one('x-a')],
      },
    },
  ],
  query: [{ query_parameter_value_match: { descriptor_value: 'v', query_parameters: [one('a'), one('b')] } }],
  'no-query': [
    {
      query_parameter_value_match: {
        descriptor_key: 'k',
        descriptor_value: 'v',
        expect_match: false,
        query_parameters: [one('a')],
      },
    },
  ],
  metadata: [metadata({})],
  'metadata-default': [
    metadata({ metadata_key: { key: 'a', path: [{ key: 'x' }] }, default_value: 'default' }),
  ],
  'metadata-skip': [
    metadata({ metadata_key: { key: 'a', path: [{ key: 'x' }] }, skip_if_absent: true }),
    { generic_key: { descriptor_value: 'v' } },
  ],
  'metadata-none': [metadata({ metadata_key: { key: 'a', path: [{ key: 'x' }] } })],
  'metadata-number': [metadata({ metadata_key: { key: 'a', path: [{ key: 'b' }, { key: 'n' }] } })],
  'metadata-dynamic': [metadata({ source: 'DYNAMIC' })],
};

const descriptors = setup(
  'descriptors',
  {},
  Object.keys(actions).flatMap((name) => [
    sends(name, get(`/do/${name}`), ok),
    sends(
      `${name}, with values`,
      get(`/do/${name}?a=1&b=1`, 'x-a: 1', 'x-a: 2', 'x-b: 1', 'x-forwarded-for: 203.0.113.9'),
      ok,
    ),
    sends(`${name}, with one`, get(`/do/${name}?a=1&a=2`, 'x-a: 1', 'x-b: 1'), ok),
    sends(`${name}, with nothing`, get(`/do/${name}?a=&b`, 'x-a:', 'x-b: 2'), ok),
  ]),
  {
    routes: Object.entries(actions)
      .map(([name, list]) => route(`/do/${name}`, [{ actions: list }]))
      .toReversed(),
  },
);

const places = setup(
  'places',
  { stage: 1 },
  [
    '/none',
    '/own',
    '/stage',
    '/both',
    '/two',
    '/disabled-key',
    '/override',
    '/include',
    '/ignore',
    '/ignore-none',
    '/override-none',
    '/domain',
    '/flag-and-ignore',
    '/direct',
  ].map((path) => sends(path, get(path), ok)),
  {
    virtualHost: { rate_limits: [generic('host', { stage: 1 }), generic('host-0')] },
    routes: [
      route('/none', []),
      route('/own', [generic('own', { stage: 1 })]),
      route('/stage', [generic('own')]),
      route('/both', [generic('own', { stage: 1 })], { include_vh_rate_limits: true }),
      route('/two', [generic('a', { stage: 1 }), generic('b', { stage: 1 }), generic('c', { stage: 2 })]),
      route('/disabled-key', [generic('own', { stage: 1, disable_key: 'off' })]),
      route('/override-none', [], {}, { vh_rate_limits: 'OVERRIDE' }),
      route('/override', [generic('own', { stage: 1 })], {}, { vh_rate_limits: 'OVERRIDE' }),
      route('/include', [generic('own', { stage: 1 })], {}, { vh_rate_limits: 'INCLUDE' }),
      route('/ignore-none', [], {}, { vh_rate_limits: 'IGNORE' }),
      route('/ignore', [generic('own', { stage: 1 })], {}, { vh_rate_limits: 'IGNORE' }),
      route('/domain', [generic('own', { stage: 1 })], {}, { domain: 'other' }),
      route(
        '/flag-and-ignore',
        [generic('own', { stage: 1 })],
        { include_vh_rate_limits: true },
        { vh_rate_limits: 'IGNORE' },
      ),
      { match: { prefix: '/direct' }, direct_response: { status: 418 } },
    ],
  },
);

/** Global rate limits. */
export const rateLimits: readonly Setup[] = [
  setup('plain', {}, verdicts),
  setup(
    'strict',
    {
      failure_mode_deny: true,
      status_on_error: { code: 'ServiceUnavailable' },
      rate_limited_status: { code: 'ServiceUnavailable' },
      response_headers_to_add: [{ header: { key: 'x-limited', value: 'yes' } }],
      enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
      disable_x_envoy_ratelimited_header: true,
      rate_limited_as_resource_exhausted: true,
      stat_prefix: 'outer',
    },
    verdicts,
  ),
  setup('late', { timeout: '0.1s' }, [late]),
  setup('late-denied', { timeout: '0.1s', failure_mode_deny: true }, [late]),
  setup('internal', { request_type: 'internal' }, [
    sends('of nowhere', get('/'), ok),
    sends('claims', get('/', 'x-envoy-internal: true'), ok),
    sends('from outside', get('/', 'x-forwarded-for: 203.0.113.9'), ok),
  ]),
  setup('external', { request_type: 'external' }, [
    sends('of nowhere', get('/'), ok),
    sends('claims', get('/', 'x-envoy-internal: true'), ok),
    sends('from outside', get('/', 'x-forwarded-for: 203.0.113.9'), ok),
  ]),
  descriptors,
  places,
];
