import { CheckRequest, CheckResponse } from '@lateen/protocol/envoy/service/auth/v3';
import { clusterOf, http2Cluster, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Setup } from '../../case.ts';
import { grpcFailure, grpcReply } from '../../grpc.ts';
import { get, post, sends } from '../../request.ts';
import { exact, perRoute } from './http-authz.ts';

const answers = (value: CheckResponse): Partial<CompareCase> => ({ up2: [grpcReply(CheckResponse, value)] });
const allows = (okResponse: CheckResponse['okResponse'] = {}) => answers({ status: { code: 0 }, okResponse });
const denies = (deniedResponse: CheckResponse['deniedResponse']) =>
  answers({ status: { code: 7 }, deniedResponse });
const pair = (key: string, value: string, more: object = {}) => ({ header: { key, value }, ...more });

const setup = (
  name: string,
  config: object,
  cases: readonly CompareCase[],
  routes?: readonly object[],
): Setup => ({
  name: `authz-grpc-${name}`,
  endpointMessages: { up2: CheckRequest },
  bootstrap: httpBootstrap(({ up2, closed }) => ({
    filters: [
      {
        name: 'envoy.filters.http.ext_authz',
        typed_config: {
          '@type': typeOf('filters.http.ext_authz.v3.ExtAuthz'),
          transport_api_version: 'V3',
          grpc_service: { envoy_grpc: { cluster_name: 'authz' }, timeout: '2s' },
          ...config,
        },
      },
    ],
    ...(routes === undefined ? {} : { routes }),
    clusters: [clusterOf('authz', [up2], http2Cluster), clusterOf('gone', [closed], http2Cluster)],
  })),
  cases,
});

const client = ['x-user: mallory', 'x-list: a', 'x-gone: 1', 'x-there: 1', 'cookie: a=1', 'cookie: b=2'];
const changes = (action: 'headers' | 'responseHeadersToAdd', more: object = {}) =>
  allows({ [action]: [pair('x-user', 'jason', more), pair('x-user', 'j', more), pair('x-new', '1', more)] });

const plain = setup('plain', {}, [
  sends('allowed', get('/a?b=c', ...client), allows()),
  sends('OK without a response', get('/'), answers({ status: { code: 0 } })),
  sends('empty', get('/'), answers({})),
  sends('denied without a response', get('/'), answers({ status: { code: 7 } })),
  sends('OK with a refusal', get('/'), answers({ status: { code: 0 }, deniedResponse: { body: 'no' } })),
  sends('denied with leave', get('/', ...client), {
    ...answers({ status: { code: 16 }, okResponse: { headers: [pair('x-user', 'jason')] } }),
  }),
  ...[0, 99, 100, 200, 201, 302, 304, 400, 401, 403, 404, 429, 500, 503, 511, 600].map((code) =>
    sends(
      `denied by ${code}`,
      get('/'),
      denies({
        status: { code },
        headers: [pair('content-type', 'a/b'), pair('x-a', '1'), pair('x-a', '2'), pair('location', '/l')],
        body: 'said',
      }),
    ),
  ),
  sends('denied, empty', get('/'), denies({ status: { code: 403 }, headers: [pair('content-type', 'a/b')] })),
  sends('denied, HEAD', get('/').replace('GET', 'HEAD'), denies({ status: { code: 401 }, body: 'said' })),
  sends(
    'denied, gRPC',
    post('', 'content-type: application/grpc', 'content-length: 0'),
    denies({ status: { code: 401 }, body: 'said' }),
  ),
  sends(
    'denied, gRPC, with a type',
    post('', 'content-type: application/grpc', 'content-length: 0'),
    denies({ headers: [pair('content-type', 'a/b')], body: 'said' }),
  ),
  sends(
    'denied, actions',
    get('/'),
    denies({
      headers: [
        pair('x-a', '1'),
        pair('x-a', '2', { append: true }),
        pair('x-b', '1', { append: false }),
        pair('x-b', '2', { append: false }),
        pair('set-cookie', 'a'),
        pair('set-cookie', 'b'),
        pair('content-length', '1'),
        pair('transfer-encoding', 'chunked'),
        pair('connection', 'close'),
      ],
      body: 'said',
    }),
  ),
  ...(['headers', 'responseHeadersToAdd'] as const).flatMap((action) => [
    sends(action, get('/', ...client), changes(action)),
    ...([true, false] as const).map((append) =>
      sends(`${action}, append ${append}`, get('/', ...client), changes(action, { append })),
    ),
    ...(
      [
        'APPEND_IF_EXISTS_OR_ADD',
        'ADD_IF_ABSENT',
        'OVERWRITE_IF_EXISTS',
        'OVERWRITE_IF_EXISTS_OR_ADD',
      ] as const
    ).map((appendAction) =>
      sends(`${action}, ${appendAction}`, get('/', ...client), changes(action, { appendAction })),
    ),
  ]),
  sends(
    'raw value',
    get('/'),
    allows({ headers: [{ header: { key: 'x-raw', rawValue: Buffer.from('r') } }] }),
  ),
  sends('empty value', get('/', ...client), allows({ headers: [pair('x-user', '')] })),
  sends(
    'framing',
    get('/'),
    allows({
      headers: [pair('content-length', '7'), pair('transfer-encoding', 'chunked'), pair('x-a', '1')],
    }),
  ),
  sends('a name that is none', get('/'), allows({ headers: [pair('x a', '1'), pair('x-b', '1')] })),
  sends('a value of two lines', get('/'), allows({ headers: [pair('x-a', '1\r\nx-b: 2')] })),
  sends('refusal of two lines', get('/'), denies({ headers: [pair('x-a', '1\r\nx-b: 2')] })),
  sends('path', get('/'), allows({ headers: [pair(':path', '/other'), pair('host', 'b')] })),
  sends('method', get('/'), allows({ headers: [pair(':method', 'POST')] })),
  sends('removes', get('/', ...client), allows({ headersToRemove: ['x-gone', 'X-There', 'host', ':path'] })),
  sends(
    'sets and removes',
    get('/', ...client),
    allows({ headers: [pair('x-gone', 'new')], headersToRemove: ['x-gone'] }),
  ),
  sends(
    'query',
    get('/a?b=1&c=2&b=3'),
    allows({ queryParametersToSet: [{ key: 'b', value: 'x y&' }], queryParametersToRemove: ['c'] }),
  ),
  ...[1, 4, 7, 14, 16].map((status) => sends(`fails by ${status}`, get('/'), { up2: [grpcFailure(status)] })),
  sends('resets', get('/'), { up2: [{ send: [{ reset: true }] }] }),
  sends('claims an identity', get('/', 'x-envoy-downstream-service-cluster: admin'), allows()),
  sends('POST', post('hello', 'content-length: 5'), allows()),
  sends('a path of bytes', get('/%ff?q=%00'), allows()),
]);

const late: CompareCase = sends('too late', get('/'), { up2: [{ send: [] }], quietMs: 400 });
const short = { grpc_service: { envoy_grpc: { cluster_name: 'authz' }, timeout: '0.1s' } };
const body = { max_request_bytes: 20 };
const bodyCases = [
  sends('none', get('/'), allows()),
  sends('small', post('h\u00e4llo', 'content-length: 5'), allows()),
  sends('in chunks', post('5\r\nhello\r\n0\r\n\r\n', 'transfer-encoding: chunked'), allows()),
  sends('one more', post('x'.repeat(21), 'content-length: 21'), allows()),
  sends('denied', post('hello', 'content-length: 5'), denies({ body: 'no' })),
];

/** External authorization by gRPC. */
export const grpcAuthz: readonly Setup[] = [
  plain,
  setup('late', short, [late]),
  setup('late-allow', { ...short, failure_mode_allow: true }, [late]),
  setup('gone', { grpc_service: { envoy_grpc: { cluster_name: 'gone' } } }, [sends('gone', get('/'))]),
  setup('body', { with_request_body: body }, bodyCases),
  setup('body-partial', { with_request_body: { ...body, allow_partial_message: true } }, bodyCases),
  setup('body-bytes', { with_request_body: { ...body, pack_as_bytes: true } }, bodyCases),
  setup('raw', { encode_raw_headers: true }, [sends('allowed', get('/', ...client), allows())]),
  setup(
    'settings',
    {
      allowed_headers: exact('x-user', 'x-list'),
      disallowed_headers: exact('x-list'),
      clear_route_cache: true,
    },
    [
      sends('context', get('/settings', ...client), allows()),
      sends('to another route', get('/', ...client), allows({ headers: [pair('x-user', 'admin')] })),
      sends('by path to another route', get('/', ...client), allows({ headers: [pair(':path', '/open')] })),
    ],
    [
      { match: { prefix: '/open' }, direct_response: { status: 417 } },
      {
        match: { prefix: '/settings' },
        route: { cluster: 'up' },
        typed_per_filter_config: perRoute({ check_settings: { context_extensions: { a: 'b', 'X-C': 'd' } } }),
      },
      {
        match: { prefix: '/', headers: [{ name: 'x-user', string_match: { exact: 'admin' } }] },
        direct_response: { status: 418 },
      },
      { match: { prefix: '/' }, route: { cluster: 'up' } },
    ],
  ),
];
