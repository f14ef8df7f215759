import { clusterOf, http2Cluster, httpBootstrap, typeOf, type HttpSetup } from '../../bootstrap.ts';
import type { CompareCase, Ports, Reply, Setup, Theme } from '../../case.ts';
import { get, post, sends } from '../../request.ts';
import { reasons } from './reasons.ts';

const percent = (value: number): object => ({ value });
const traceId = '463ac35c9f6413ad48485a3953bb6124';
const spanId = 'a2fb4a1d1a96d312';
const parentId = '0020000000000001';
const requestId = (reason: string): string => `x-request-id: 12345678-0000-${reason}000-8000-000000000001`;

const taken: Reply = { send: ['HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n'] };
const answers = (...lines: readonly string[]): Reply => ({
  send: [`HTTP/1.1 ${lines.map((line) => `${line}\r\n`).join('')}content-length: 0\r\n\r\n`],
});

const asked = (what: string, bytes: string, more: Partial<CompareCase> = {}): CompareCase =>
  sends(what, bytes, { collector: 'up3', up3: [taken], ...more });

interface TracedSetup extends Omit<HttpSetup, 'manager'> {
  /** Laid over `tracing` of the connection manager, over its Zipkin, and over the connection manager. */
  readonly tracing?: object;
  readonly zipkin?: object;
  readonly manager?: object;
  readonly traffic?: 'INBOUND' | 'OUTBOUND';
}

function traced(name: string, of: TracedSetup, ...cases: readonly CompareCase[]): Setup {
  const { tracing = {}, zipkin = {}, manager = {}, traffic, ...more } = of;
  return {
    name,
    cases,
    bootstrap: httpBootstrap((ports: Ports) => ({
      manager: {
        tracing: {
          provider: {
            name: 'zipkin',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig',
              collector_cluster: 'collector',
              collector_endpoint: '/api/v2/spans',
              collector_endpoint_version: 'HTTP_JSON',
              ...zipkin,
            },
          },
          ...tracing,
        },
        internal_address_config: { cidr_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }] },
        ...manager,
      },
      clusters: [
        clusterOf('collector', [ports.up3]),
        clusterOf('closed', [ports.closed]),
        clusterOf('h2', [ports.up2], http2Cluster),
        clusterOf('renamed', [ports.up2], {
          alt_stat_name: 'other_name',
          metadata: { filter_metadata: { a: { b: 'of the cluster' } } },
        }),
      ],
      ...more,
      listener: { ...(traffic === undefined ? {} : { traffic_direction: traffic }), ...more.listener },
      top: {
        node: { id: 'node-1', cluster: 'service-1', locality: { region: 'r', zone: 'z', sub_zone: 's' } },
        layered_runtime: {
          layers: [
            {
              name: 'static',
              static_layer: { tracing: { zipkin: { min_flush_spans: 1, flush_interval_ms: 600_000 } } },
            },
            { name: 'admin', admin_layer: {} },
          ],
        },
      },
    })),
  };
}

const routes = [
  { match: { prefix: '/closed' }, route: { cluster: 'closed' } },
  { match: { prefix: '/h2' }, route: { cluster: 'h2' } },
  { match: { prefix: '/renamed' }, route: { cluster: 'renamed' } },
  { match: { prefix: '/direct' }, direct_response: { status: 403, body: { inline_string: 'no' } } },
  { match: { prefix: '/redirect' }, redirect: { host_redirect: 'b' } },
  {
    match: { prefix: '/rewrite' },
    route: { cluster: 'up', prefix_rewrite: '/new', host_rewrite_literal: 'new.host' },
  },
  { match: { prefix: '/decorated' }, route: { cluster: 'up' }, decorator: { operation: 'the-op' } },
  {
    match: { prefix: '/quiet-op' },
    route: { cluster: 'up' },
    decorator: { operation: 'the-op', propagate: false },
  },
  {
    match: { prefix: '/retried' },
    route: {
      cluster: 'up',
      retry_policy: { retry_on: '5xx', num_retries: 2, retry_back_off: { base_interval: '0.001s' } },
    },
  },
  {
    match: { prefix: '/never' },
    route: { cluster: 'up' },
    tracing: {
      client_sampling: { numerator: 0 },
      random_sampling: { numerator: 0 },
      overall_sampling: { numerator: 0 },
    },
  },
  {
    match: { prefix: '/tagged' },
    route: { cluster: 'up' },
    metadata: { filter_metadata: { a: { b: 'of the route', n: 3, t: true, o: { x: [1, 'y'] } } } },
    tracing: {
      custom_tags: [
        { tag: 'literal', literal: { value: 'of the route' } },
        { tag: 'only route', literal: { value: 'r' } },
      ],
    },
  },
  { match: { prefix: '/slow' }, route: { cluster: 'up', timeout: '0.1s' } },
  { match: { prefix: '/' }, route: { cluster: 'up' } },
];

const b3 = (sampled: string): string[] => [
  `x-b3-traceid: ${traceId}`,
  `x-b3-spanid: ${spanId}`,
  `x-b3-parentspanid: ${parentId}`,
  ...(sampled === '' ? [] : [`x-b3-sampled: ${sampled}`]),
];

const internal = 'x-forwarded-for: 10.1.1.1';
const plain: readonly CompareCase[] = [
  asked('a request', get('/a?b=c', 'user-agent: u', 'x-envoy-downstream-service-cluster: down')),
  asked('a body', post('abc', 'content-length: 3')),
  asked('an error', get('/'), { up: [answers('503 No', 'x: y')] }),
  asked('not found', get('/'), { up: [answers('404 No')] }),
  asked('nobody listens', get('/closed')),
  asked('HTTP/2 upstream', get('/h2')),
  asked('another name in statistics', get('/renamed')),
  asked('a direct response', get('/direct')),
  asked('a redirect', get('/redirect')),
  asked('a rewritten path', get('/rewrite/x?q')),
  asked('a long path', get(`/${'0123456789'.repeat(30)}?q=z`)),
  asked('a decorator', get('/decorated')),
  asked('a decorator that is not told', get('/quiet-op')),
  asked('an operation from the client', get('/', 'x-envoy-decorator-operation: their-op')),
  asked(
    'an operation from the client, and a decorator',
    get('/decorated', 'x-envoy-decorator-operation: their-op'),
  ),
  asked('an operation from the endpoint', get('/'), {
    up: [answers('200 OK', 'x-envoy-decorator-operation: its-op')],
  }),
  asked('retries', get('/retried'), { up: [answers('503 No'), answers('500 No'), answers('200 OK')] }),
  asked('a time limit', get('/slow'), { up: [{ send: [{ waitMs: 400 }] }], quietMs: 400 }),
  asked('the endpoint resets', get('/'), { up: [{ send: [{ reset: true }] }] }),
  asked(
    'gRPC',
    post('', 'content-type: application/grpc', 'grpc-timeout: 5S', 'content-length: 0', 'te: trailers'),
    {
      up: [answers('200 OK', 'content-type: application/grpc', 'grpc-status: 5', 'grpc-message: gone')],
    },
  ),
  asked('tags of a route', get('/tagged', 'x-who: me')),
  asked('a route that is not traced', get('/never')),
  asked('a route that is not traced, by force', get('/never', 'x-envoy-force-trace: 1', internal)),
  asked('forced', get('/', 'x-envoy-force-trace: 1', internal)),
  asked('asked for by the client', get('/', 'x-client-trace-id: c-1')),
  ...['1', '0', '', 'd', 'true', 'x'].map((one) => asked(`B3, sampled ${one}`, get('/', ...b3(one)))),
  asked(
    'B3 of 64 bits',
    get('/', `x-b3-traceid: ${traceId.slice(16)}`, `x-b3-spanid: ${spanId}`, 'x-b3-sampled: 1'),
  ),
  asked('B3, debug', get('/', `x-b3-traceid: ${traceId}`, `x-b3-spanid: ${spanId}`, 'x-b3-flags: 1')),
  asked('only a flag, 0', get('/', 'x-b3-sampled: 0')),
  asked('only a flag, 1', get('/', 'x-b3-sampled: 1')),
  asked('only debug', get('/', 'x-b3-flags: 1')),
  asked('only a trace id', get('/', `x-b3-traceid: ${traceId}`)),
  asked('an id that cannot be read', get('/', 'x-b3-traceid: zz', `x-b3-spanid: ${spanId}`)),
  ...['1', '0', 'd'].map((one) => asked(`b3, ${one}`, get('/', `b3: ${traceId}-${spanId}-${one}`))),
  asked('b3 with a parent', get('/', `b3: ${traceId}-${spanId}-1-${parentId}`)),
  asked('b3 without a flag', get('/', `b3: ${traceId}-${spanId}`)),
  asked('b3 that is 0', get('/', 'b3: 0')),
  asked('b3 that is 1', get('/', 'b3: 1')),
  asked('b3 that cannot be read', get('/', 'b3: zz')),
  asked(
    'b3 and several',
    get('/', `b3: ${traceId}-${spanId}-1`, 'x-b3-traceid: 1111111111111111', 'x-b3-spanid: 2222222222222222'),
  ),
  asked('W3C, sampled', get('/', `traceparent: 00-${traceId}-${spanId}-01`, 'tracestate: a=b')),
  asked('W3C, not sampled', get('/', `traceparent: 00-${traceId}-${spanId}-00`)),
  ...['4', '9', 'a', 'b'].map((one) => asked(`an id with the digit ${one}`, get('/', requestId(one)))),
  asked('an id that is no UUID', get('/', 'x-request-id: mine')),
];

const external = 'x-forwarded-for: 8.8.8.8';
const few: readonly CompareCase[] = [
  asked('a request', get('/')),
  asked('forced', get('/', 'x-envoy-force-trace: 1', internal)),
  asked('asked for by the client', get('/', 'x-client-trace-id: c-1')),
  asked('sampled by another', get('/', ...b3('1'))),
  asked('not sampled by another', get('/', ...b3('0'))),
  ...['4', '9', 'a', 'b'].map((one) => asked(`an id with the digit ${one}`, get('/', requestId(one)))),
  asked('an id that is no UUID', get('/', 'x-request-id: mine')),
];

const tags = [
  { tag: 'literal', literal: { value: 'l' } },
  { tag: 'env', environment: { name: 'LATEEN_COMPARE_NOT_THERE', default_value: 'unset' } },
  { tag: 'no env', environment: { name: 'LATEEN_COMPARE_NOT_THERE' } },
  { tag: 'who', request_header: { name: 'x-who', default_value: 'nobody' } },
  { tag: 'none', request_header: { name: 'x-none' } },
  ...['b', 'n', 't', 'o', 'z'].map((key) => ({
    tag: `route ${key}`,
    metadata: { kind: { route: {} }, metadata_key: { key: 'a', path: [{ key }] }, default_value: 'd' },
  })),
  {
    tag: 'cluster b',
    metadata: { kind: { cluster: {} }, metadata_key: { key: 'a', path: [{ key: 'b' }] } },
  },
  {
    tag: 'request b',
    metadata: { kind: { request: {} }, metadata_key: { key: 'a', path: [{ key: 'b' }] }, default_value: 'd' },
  },
];

const idExtension = (more: object): object => ({
  request_id_extension: {
    typed_config: { '@type': typeOf('request_id.uuid.v3.UuidRequestIdConfig'), ...more },
  },
});
const sampling = (client: number, random: number, overall: number): object => ({
  client_sampling: percent(client),
  random_sampling: percent(random),
  overall_sampling: percent(overall),
});

export const tracing: Theme = {
  name: 'tracing',
  reasons,
  setups: [
    traced('plain', { routes }, ...plain),
    traced('spans of tries', { routes, tracing: { spawn_upstream_span: true } }, ...plain.slice(0, 27)),
    traced('outbound', { routes, traffic: 'OUTBOUND' }, ...plain.slice(0, 28)),
    traced(
      'outbound, spans of tries',
      { routes, traffic: 'OUTBOUND', tracing: { spawn_upstream_span: true } },
      ...plain.slice(0, 2),
      ...few.slice(3, 5),
    ),
    traced('inbound', { routes, traffic: 'INBOUND' }, ...plain.slice(0, 2), ...plain.slice(12, 17)),
    traced('ids of 128 bits', { zipkin: { trace_id_128bit: true } }, ...few.slice(0, 5)),
    traced('no shared spans', { zipkin: { shared_span_context: false } }, ...few.slice(0, 5)),
    traced(
      'tags',
      { routes, tracing: { custom_tags: tags, max_path_tag_length: 20, verbose: true } },
      asked('a request', get('/tagged/and/a/long/path/that/is/cut', 'x-who: me')),
      asked('no header', get('/')),
      asked('a cluster with metadata', get('/renamed')),
    ),
    traced('no chance', { tracing: sampling(100, 0, 100) }, ...few),
    traced('no clients', { tracing: sampling(0, 0, 100) }, ...few),
    traced('nothing at all', { tracing: sampling(100, 100, 0) }, ...few),
    traced('digit not written', { manager: idExtension({ pack_trace_reason: false }) }, ...few),
    traced(
      'ids are not used',
      { tracing: sampling(100, 0, 100), manager: idExtension({ use_request_id_for_trace_sampling: false }) },
      ...few,
    ),
    traced(
      'ids are answered',
      { manager: { always_set_request_id_in_response: true } },
      asked('a request', get('/')),
      asked('an id', get('/', requestId('4'))),
    ),
    traced(
      'edge',
      { manager: { use_remote_address: true } },
      asked('an id', get('/', requestId('9'))),
      asked('forced', get('/', 'x-envoy-force-trace: 1', external)),
      asked('an operation', get('/', 'x-envoy-decorator-operation: op')),
    ),
    traced(
      'edge that keeps ids',
      {
        tracing: sampling(100, 0, 100),
        manager: { use_remote_address: true, preserve_external_request_id: true },
      },
      ...few,
    ),
    traced(
      'no ids are made',
      { manager: { generate_request_id: false } },
      asked('a request', get('/')),
      asked('an id', get('/', requestId('4'))),
    ),
  ],
};
