import { clusterOf, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Setup } from '../../case.ts';
import { get, post, sends } from '../../request.ts';

const filterName = 'envoy.filters.http.ext_authz';
const filter = (config: object): object => ({
  name: filterName,
  typed_config: { '@type': typeOf('filters.http.ext_authz.v3.ExtAuthz'), ...config },
});
export const perRoute = (config: object): object => ({
  [filterName]: { '@type': typeOf('filters.http.ext_authz.v3.ExtAuthzPerRoute'), ...config },
});
const byHttp = (service: object = {}, cluster = 'authz', timeout = '2s'): object => ({
  http_service: { server_uri: { uri: 'http://authz.example:81', cluster, timeout }, ...service },
});

/** What an authorization service answers. */
const answers = (status: string, lines: readonly string[] = [], body = ''): Partial<CompareCase> => ({
  up2: [
    {
      send: [
        `HTTP/1.1 ${status}\r\n${lines.map((line) => `${line}\r\n`).join('')}content-length: ${body.length}\r\n\r\n${body}`,
      ],
    },
  ],
});
export const exact = (...list: readonly string[]): object => ({
  patterns: list.map((one) => ({ exact: one })),
});

const setup = (
  name: string,
  config: object,
  cases: readonly CompareCase[],
  routes?: readonly object[],
): Setup => ({
  name: `authz-http-${name}`,
  bootstrap: httpBootstrap(({ up2, closed }) => ({
    filters: [filter(config)],
    ...(routes === undefined ? {} : { routes }),
    clusters: [clusterOf('authz', [up2]), clusterOf('gone', [closed])],
  })),
  cases,
});

const talkative = [
  'x-user: jason',
  'x-list: b',
  'x-list: c',
  'x-other: 1',
  'set-cookie: a=1',
  'set-cookie: b=2',
  'www-authenticate: Basic',
  'location: /login',
  'content-type: application/json',
  'x-shown: 1',
  'server: nginx',
  'date: Thu, 01 Jan 1970 00:00:00 GMT',
  'x-envoy-upstream-service-time: 12',
  'cache-control: no-store',
];
const client = [
  'authorization: Bearer t',
  'cookie: s=1',
  'x-told: a',
  'x-told: b',
  'x-told-too: 1',
  'x-untold: 1',
  'x-user: mallory',
  'x-list: a',
  'user-agent: t',
  'accept: */*',
  'x-envoy-expected-rq-timeout-ms: 7',
];
const statuses = [
  '200 OK',
  '201 Created',
  '204 No Content',
  '302 Found',
  '304 Not Modified',
  '400 Bad Request',
  '401 Unauthorized',
  '403 Forbidden',
  '404 Not Found',
  '429 Too Many Requests',
  '500 Internal Server Error',
  '502 Bad Gateway',
  '503 Service Unavailable',
  '504 Gateway Timeout',
];

const plain = setup('plain', byHttp(), [
  ...statuses.map((status) =>
    sends(
      status,
      get('/a?b=c', ...client),
      answers(status, talkative, /^(?:204|304)/.test(status) ? '' : 'said'),
    ),
  ),
  sends('POST', post('hello', 'content-length: 5', 'content-type: text/plain'), answers('200 OK')),
  sends('POST in chunks', post('5\r\nhello\r\n0\r\n\r\n', 'transfer-encoding: chunked'), answers('200 OK')),
  sends('HEAD, 401', get('/').replace('GET', 'HEAD'), answers('401 Unauthorized', talkative, 'said')),
  sends('OPTIONS', get('/').replace('GET', 'OPTIONS'), answers('200 OK')),
  sends(
    'gRPC, 401',
    post('', 'content-type: application/grpc', 'content-length: 0'),
    answers('401 No', [], 'said'),
  ),
  sends('WebSocket', get('/', 'connection: upgrade', 'upgrade: websocket'), answers('200 OK')),
  sends('a path that is not plain', get("/a//b/c;p?q='%41&x=%2f"), answers('200 OK')),
  sends('two', get('/') + get('/2'), answers('403 Forbidden', [], 'no')),
  sends('closes', get('/'), { up2: [{ send: [{ close: true }] }] }),
  sends('resets', get('/'), { up2: [{ send: [{ reset: true }] }] }),
  sends('no HTTP', get('/'), { up2: [{ send: ['what?\r\n\r\n'] }] }),
  sends('half a head', get('/'), { up2: [{ send: ['HTTP/1.1 200 OK\r\nx: ', { close: true }] }] }),
  sends('half a body, 200', get('/'), {
    up2: [{ send: ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf', { waitMs: 50 }, { close: true }] }],
  }),
  sends('half a body, 403', get('/'), {
    up2: [{ send: ['HTTP/1.1 403 No\r\ncontent-length: 9\r\n\r\nhalf', { waitMs: 50 }, { close: true }] }],
  }),
  sends('until the end, 403', get('/'), {
    up2: [{ send: ['HTTP/1.1 403 No\r\n\r\nall', { waitMs: 50 }, { close: true }] }],
  }),
  sends('100 before 200', get('/'), {
    up2: [{ send: ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'] }],
  }),
  sends('101', get('/'), {
    up2: [{ send: ['HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'] }],
    quietMs: 2_300,
  }),
  sends(
    'asks to remove',
    get('/', ...client),
    answers('200 OK', ['x-envoy-auth-headers-to-remove: x-untold, cookie,host,:path']),
  ),
]);

const late: CompareCase = sends('too late', get('/'), {
  up2: [{ send: [{ waitMs: 500 }, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'] }],
  quietMs: 500,
});

const failures: readonly Setup[] = [
  setup('late', byHttp({}, 'authz', '0.1s'), [late]),
  setup('gone', byHttp({}, 'gone'), [sends('gone', get('/'))]),
  setup(
    'allow',
    { ...byHttp({}, 'authz', '0.1s'), failure_mode_allow: true, failure_mode_allow_header_add: true },
    [
      late,
      sends('500', get('/', 'x-envoy-auth-failure-mode-allowed: false'), answers('500 No')),
      sends('403', get('/'), answers('403 No')),
      sends('200 with a claim', get('/', 'x-envoy-auth-failure-mode-allowed: true'), answers('200 OK')),
      sends('closes', get('/'), { up2: [{ send: [{ close: true }] }] }),
    ],
  ),
  setup('allow-silently', { ...byHttp(), failure_mode_allow: true }, [
    sends('500', get('/', 'x-envoy-auth-failure-mode-allowed: false'), answers('500 No')),
  ]),
  setup('status', { ...byHttp(), status_on_error: { code: 'ServiceUnavailable' }, stat_prefix: 'waf' }, [
    sends('500', get('/'), answers('500 No', ['x-a: b'], 'said')),
    sends('403', get('/'), answers('403 No', ['x-a: b'], 'said')),
    sends('200', get('/'), answers('200 OK')),
  ]),
  setup('off', { ...byHttp(), filter_enabled: { default_value: { numerator: 0 } } }, [
    sends('off', get('/')),
  ]),
  setup(
    'denied-at-disable',
    {
      ...byHttp(),
      filter_enabled: { default_value: { numerator: 0 } },
      deny_at_disable: { default_value: true, runtime_key: 'k' },
    },
    [sends('off', get('/')), sends('off by route', get('/open'))],
    [
      {
        match: { prefix: '/open' },
        route: { cluster: 'up' },
        typed_per_filter_config: perRoute({ disabled: true }),
      },
      { match: { prefix: '/' }, route: { cluster: 'up' } },
    ],
  ),
];

const nobody = { filter: 'x', path: [{ key: 'y' }], value: { present_match: true } };
const byMetadata: readonly Setup[] = [
  setup('by-metadata', { ...byHttp(), filter_enabled_metadata: nobody }, [sends('off', get('/'))]),
  setup(
    'by-metadata-denied',
    {
      ...byHttp(),
      filter_enabled_metadata: nobody,
      deny_at_disable: { default_value: true, runtime_key: 'k' },
    },
    [sends('off', get('/'))],
  ),
];

const bodyCases = (limit: number): readonly CompareCase[] => [
  sends('none', get('/'), answers('200 OK')),
  sends('small', post('hello', 'content-length: 5'), answers('200 OK')),
  sends('small, in chunks', post('5\r\nhello\r\n0\r\n\r\n', 'transfer-encoding: chunked'), answers('200 OK')),
  sends('as large as allowed', post('x'.repeat(limit), `content-length: ${limit}`), answers('200 OK')),
  sends('one more', post('x'.repeat(limit + 1), `content-length: ${limit + 1}`), answers('200 OK')),
  sends('large, in pieces', '', {
    clients: [
      {
        send: [
          post('x'.repeat(limit - 1), `content-length: ${limit * 3}`),
          { waitMs: 50 },
          'y'.repeat(limit * 2 + 1),
        ],
      },
    ],
    quietMs: 300,
    ...answers('200 OK'),
  }),
  sends('large, in chunks', '', {
    clients: [
      {
        send: [
          post(`${limit.toString(16)}\r\n${'x'.repeat(limit)}\r\n`, 'transfer-encoding: chunked'),
          { waitMs: 50 },
          '5\r\nhello\r\n0\r\n\r\n',
        ],
      },
    ],
    quietMs: 300,
    ...answers('200 OK'),
  }),
  sends('denied', post('hello', 'content-length: 5'), answers('403 No', [], 'no')),
  sends('claims', post('hello', 'content-length: 5', 'x-envoy-auth-partial-body: true'), answers('200 OK')),
];

const bodies: readonly Setup[] = [
  setup('body', { ...byHttp(), with_request_body: { max_request_bytes: 20 } }, bodyCases(20)),
  setup(
    'body-partial',
    { ...byHttp(), with_request_body: { max_request_bytes: 20, allow_partial_message: true } },
    bodyCases(20),
  ),
];

const headersSetup = setup(
  'headers',
  {
    ...byHttp({
      path_prefix: '/check',
      authorization_request: {
        headers_to_add: [
          { key: 'x-proxy', value: 'p' },
          { key: 'x-told-too', value: 'mine' },
          { key: 'X-Upper', value: 'u' },
        ],
      },
      authorization_response: {
        allowed_upstream_headers: exact('x-user', 'x-new', 'content-length', 'host', 'set-cookie'),
        allowed_upstream_headers_to_append: exact('x-list'),
        allowed_client_headers: { patterns: [{ prefix: 'x-sh' }, { exact: 'set-cookie' }] },
        allowed_client_headers_on_success: exact('x-shown', 'set-cookie', 'cache-control'),
        dynamic_metadata_from_headers: exact('x-user'),
      },
    }),
    allowed_headers: {
      patterns: [{ prefix: 'x-told' }, { exact: 'cookie', ignore_case: true }, { exact: 'content-length' }],
    },
    disallowed_headers: exact('x-told-not'),
    clear_route_cache: true,
  },
  [
    sends(
      'allowed',
      get('/a?b=c', ...client, 'x-told-not: 1'),
      answers('200 OK', [...talkative, 'x-new: 1']),
    ),
    sends('denied', get('/a?b=c', ...client), answers('401 Unauthorized', talkative, 'said')),
    sends('failed', get('/a?b=c', ...client), answers('503 No', talkative, 'said')),
    sends('to another route', get('/a', 'x-user: mallory'), answers('200 OK', ['x-user: admin'])),
    sends('appends to nothing', get('/a'), answers('200 OK', talkative)),
    sends('host', get('/a'), answers('200 OK', ['host: b'])),
    sends('empty', get('/a', ...client), answers('200 OK', ['x-user:', 'x-list:'])),
    sends(
      'removes',
      get('/a', ...client),
      answers('200 OK', ['x-user: u', 'x-envoy-auth-headers-to-remove: x-user']),
    ),
    sends('not asked', get('/open', ...client)),
    sends('settings', get('/settings', ...client), answers('200 OK', talkative)),
    sends('absolute path', get('http://a/x?y'), answers('200 OK')),
  ],
  [
    {
      match: { prefix: '/open' },
      route: { cluster: 'up' },
      typed_per_filter_config: perRoute({ disabled: true }),
    },
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
);

/** External authorization by HTTP. */
export const httpAuthz: readonly Setup[] = [plain, ...failures, ...byMetadata, ...bodies, headersSetup];
