import { httpBootstrap, typeOf, clusterOf } from '../../bootstrap.ts';
import type { Setup, Theme } from '../../case.ts';
import { get, post, sends } from '../../request.ts';
import { reasons } from './reasons.ts';

const cluster = { cluster: 'up' };
const up = (match: object, route: object = {}, more: object = {}): object => ({
  match,
  route: { ...cluster, ...route },
  ...more,
});
const redirect = (path: string, how: object): object => ({ match: { prefix: path }, redirect: how });

const redirects: Setup = {
  name: 'redirects',
  bootstrap: httpBootstrap({
    routes: [
      redirect('/host', { host_redirect: 'other' }),
      redirect('/path', { path_redirect: '/there' }),
      redirect('/pathquery', { path_redirect: '/there?x=y' }),
      redirect('/prefix', { prefix_rewrite: '/instead' }),
      redirect('/strip', { path_redirect: '/there', strip_query: true }),
      redirect('/https', { https_redirect: true }),
      redirect('/scheme', { scheme_redirect: 'ftp' }),
      redirect('/port', { port_redirect: 8443 }),
      redirect('/httpsport', { https_redirect: true, port_redirect: 443 }),
      redirect('/found', { response_code: 'FOUND', host_redirect: 'b' }),
      redirect('/see', { response_code: 'SEE_OTHER', host_redirect: 'b' }),
      redirect('/temp', { response_code: 'TEMPORARY_REDIRECT', host_redirect: 'b' }),
      redirect('/perm', { response_code: 'PERMANENT_REDIRECT', host_redirect: 'b' }),
      redirect('/regex', { regex_rewrite: { pattern: { regex: '^/regex/(\\w+)' }, substitution: '/r-\\1' } }),
      redirect('/empty', {}),
      {
        match: { prefix: '/direct' },
        direct_response: { status: 418, body: { inline_string: 'tea' } },
        response_headers_to_add: [{ header: { key: 'x', value: '%REQ(:PATH)%' } }],
      },
      { match: { prefix: '/bare' }, direct_response: { status: 204 } },
      {
        match: { prefix: '/json' },
        direct_response: { status: 200, body: { inline_string: '{}' } },
        response_headers_to_add: [
          {
            header: { key: 'content-type', value: 'application/json' },
            append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
          },
        ],
      },
    ],
  }),
  cases: [
    ...[
      '/host/a?b=c',
      '/path/a?b=c',
      '/pathquery?b=c',
      '/prefix/a?b=c',
      '/strip?b=c',
      '/https?b',
      '/scheme',
      '/port',
      '/httpsport',
      '/found',
      '/see',
      '/temp',
      '/perm',
      '/regex/abc?d',
      '/empty?x',
      '/direct',
      '/bare',
      '/json',
      '/nowhere',
    ].map((path) => sends(path, get(path))),
    sends('/port with a port', get('/port').replace('host: a', 'host: a:80')),
    sends('/https with a port', get('/https').replace('host: a', 'host: a:80')),
    sends('/https with another port', get('/https').replace('host: a', 'host: a:8080')),
    sends('/host with a port', get('/host').replace('host: a', 'host: a:8080')),
    sends('/https of version 6', get('/https').replace('host: a', 'host: [::1]:80')),
    sends('/direct to HEAD', get('/direct').replace('GET', 'HEAD')),
    sends('/direct to POST with a body', post('abc', 'content-length: 3').replace(' / ', ' /direct ')),
    sends(
      '/direct to gRPC',
      post('', 'content-type: application/grpc', 'content-length: 0').replace(' / ', ' /direct '),
    ),
    sends(
      '/nowhere to gRPC',
      post('', 'content-type: application/grpc', 'content-length: 0').replace(' / ', ' /nowhere '),
    ),
    sends('/prefix, forwarded as https', get('/prefix/x', 'x-forwarded-proto: https')),
  ],
};

const matching: Setup = {
  name: 'matching',
  bootstrap: httpBootstrap({
    routes: [
      up({ path: '/exact' }, {}, { name: 'exact' }),
      up({ path: '/CASE', case_sensitive: false }, {}, { name: 'case' }),
      up({ prefix: '/prefix' }, {}, { name: 'prefix' }),
      up({ path_separated_prefix: '/segment' }, {}, { name: 'segment' }),
      up({ safe_regex: { regex: '/regex/\\d+' } }, {}, { name: 'regex' }),
      up(
        {
          path_match_policy: {
            name: 'uri',
            typed_config: {
              '@type': typeOf('path.match.uri_template.v3.UriTemplateMatchConfig'),
              path_template: '/t/{a}/{b=**}',
            },
          },
        },
        {},
        { name: 'template' },
      ),
      up(
        { prefix: '/h', headers: [{ name: 'x', string_match: { exact: 'one' } }] },
        {},
        { name: 'header exact' },
      ),
      up(
        { prefix: '/h', headers: [{ name: 'z', string_match: { exact: 'one' }, invert_match: true }] },
        {},
        { name: 'header inverted' },
      ),
      up(
        { prefix: '/h', headers: [{ name: 'x', present_match: true, invert_match: true }] },
        {},
        { name: 'header absent' },
      ),
      up(
        { prefix: '/h', headers: [{ name: 'x', range_match: { start: 1, end: 10 } }] },
        {},
        { name: 'header range' },
      ),
      up(
        { prefix: '/h', headers: [{ name: 'x', string_match: { suffix: 'End', ignore_case: true } }] },
        {},
        { name: 'header suffix' },
      ),
      up(
        {
          prefix: '/h',
          headers: [
            {
              name: 'y',
              string_match: { exact: 'a' },
              treat_missing_header_as_empty: true,
              invert_match: true,
            },
          ],
        },
        {},
        { name: 'header missing' },
      ),
      up(
        { prefix: '/q', query_parameters: [{ name: 'a', string_match: { exact: 'b' } }] },
        {},
        { name: 'query' },
      ),
      up(
        { prefix: '/q', query_parameters: [{ name: 'p', present_match: true }] },
        {},
        { name: 'query present' },
      ),
      up({ prefix: '/g', grpc: {} }, {}, { name: 'grpc' }),
      up({ prefix: '/frac', runtime_fraction: { default_value: { numerator: 0 } } }, {}, { name: 'never' }),
      up({ connect_matcher: {} }, {}, { name: 'connect' }),
      up(
        { prefix: '/m', headers: [{ name: ':method', string_match: { exact: 'POST' } }] },
        {},
        { name: 'method' },
      ),
    ],
  }),
  cases: [
    ...[
      '/exact',
      '/exact?q',
      '/exact/',
      '/case',
      '/Case',
      '/prefixed',
      '/segment',
      '/segment/a',
      '/segmented',
      '/segment?x',
      '/regex/12',
      '/regex/12?x',
      '/regex/12a',
      '/t/a/b/c',
      '/t/a',
      '/t/a/',
      '/q?a=b',
      '/q?a=c&a=b',
      '/q?A=b',
      '/q?p',
      '/q?p=',
      '/q?%61=b',
      '/q?a=%62',
      '/g',
      '/frac',
      '/m',
    ].map((path) => sends(path, get(path))),
    sends('header one', get('/h', 'x: one')),
    sends('header one twice', get('/h', 'x: one', 'x: two')),
    sends('header one after another', get('/h', 'x: two', 'x: one')),
    sends('header one and another in one', get('/h', 'x: one, two')),
    sends('headers that are not one', get('/h', 'z: two', 'z: three')),
    sends('headers of which one is one', get('/h', 'z: two', 'z: one')),
    sends('headers of which one is in range', get('/h', 'x: a', 'x: 9')),
    sends('headers of which the first has the suffix', get('/h', 'x: theEND', 'x: b')),
    sends('header absent', get('/h')),
    sends('header in range', get('/h', 'x: 9')),
    sends('header at the end of the range', get('/h', 'x: 10', 'y: a')),
    sends('header with suffix', get('/h', 'x: theEND')),
    sends('header missing', get('/h', 'x: zzz')),
    sends('gRPC', post('', 'content-type: application/grpc', 'content-length: 0').replace(' / ', ' /g ')),
    sends(
      'gRPC with a suffix',
      post('', 'content-type: application/grpc+proto', 'content-length: 0').replace(' / ', ' /g '),
    ),
    sends(
      'not gRPC',
      post('', 'content-type: application/grpcx', 'content-length: 0').replace(' / ', ' /g '),
    ),
    sends('CONNECT without upgrade', 'CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n'),
  ],
};

const add = (key: string, value: string, action = 'APPEND_IF_EXISTS_OR_ADD', more: object = {}): object => ({
  header: { key, value },
  append_action: action,
  ...more,
});
const substitutions = [
  'REQ(X)',
  'REQ(X?:PATH)',
  'REQ(:METHOD)',
  'REQ(X):2',
  'RESP(Y)',
  'PROTOCOL',
  'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  'DOWNSTREAM_LOCAL_ADDRESS',
  'DOWNSTREAM_LOCAL_PORT',
  'UPSTREAM_HOST',
  'UPSTREAM_CLUSTER',
  'ROUTE_NAME',
  'VIRTUAL_CLUSTER_NAME',
  'RESPONSE_CODE',
  'RESPONSE_FLAGS',
  'RESPONSE_CODE_DETAILS',
  'HOSTNAME',
  'REQUESTED_SERVER_NAME',
  'DYNAMIC_METADATA(a:b)',
  'START_TIME(%Y)',
  'STREAM_ID',
  'CONNECTION_ID',
  'BYTES_RECEIVED',
  'DURATION',
  'DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT',
  'PATH(NQ)',
  'QUERY_PARAM(q)',
  'METADATA(ROUTE:a:b)',
  'METADATA(CLUSTER:a:b)',
  'ENVIRONMENT(NOT_SET_HERE)',
  'UPSTREAM_METADATA(["a", "b"])',
  'UNIQUE_ID',
].filter((one) => !['HOSTNAME', 'STREAM_ID', 'CONNECTION_ID', 'DURATION', 'UNIQUE_ID'].includes(one));

const headers: Setup = {
  name: 'headers',
  bootstrap: httpBootstrap(({ up2 }) => ({
    routes: [
      up(
        { prefix: '/ops' },
        {},
        {
          name: 'ops',
          metadata: { filter_metadata: { a: { b: 'route-meta' } } },
          request_headers_to_add: [
            add('x-append', 'two'),
            add('x-over', 'two', 'OVERWRITE_IF_EXISTS_OR_ADD'),
            add('x-absent', 'two', 'ADD_IF_ABSENT'),
            add('x-exists', 'two', 'OVERWRITE_IF_EXISTS'),
            add('x-empty', '', 'APPEND_IF_EXISTS_OR_ADD', { keep_empty_value: true }),
            add('x-drop', '%REQ(nobody)%'),
            add('x-percent', '100%%'),
          ],
          request_headers_to_remove: ['x-gone'],
          response_headers_to_add: [
            add('y-append', 'two'),
            add('y-over', 'two', 'OVERWRITE_IF_EXISTS_OR_ADD'),
            add('y-absent', 'two', 'ADD_IF_ABSENT'),
          ],
          response_headers_to_remove: ['y-gone'],
        },
      ),
      up(
        { prefix: '/sub' },
        {},
        {
          name: 'sub',
          metadata: { filter_metadata: { a: { b: 'route-meta' } } },
          request_headers_to_add: substitutions.map((one, i) =>
            add(`q-${String(i).padStart(2, '0')}`, `[%${one}%]`),
          ),
          response_headers_to_add: substitutions.map((one, i) =>
            add(`p-${String(i).padStart(2, '0')}`, `[%${one}%]`),
          ),
        },
      ),
      up({ prefix: '/rewrite' }, { prefix_rewrite: '/instead', host_rewrite_literal: 'other' }),
      up(
        { prefix: '/tells' },
        { prefix_rewrite: '/instead', host_rewrite_literal: 'other' },
        {
          request_headers_to_add: [
            {
              header: { key: 'x-told', value: '%REQ(:path)% %REQ(:authority)% %REQ(x-envoy-original-path)%' },
            },
          ],
          request_headers_to_remove: ['x-envoy-expected-rq-timeout-ms'],
        },
      ),
      up({ prefix: '/slash/' }, { prefix_rewrite: '/' }),
      up({ prefix: '/noslash' }, { prefix_rewrite: '/' }),
      up(
        { prefix: '/regex' },
        { regex_rewrite: { pattern: { regex: '/regex/(\\d+)' }, substitution: '/n\\1' } },
      ),
      up(
        {
          path_match_policy: {
            name: 'uri',
            typed_config: {
              '@type': typeOf('path.match.uri_template.v3.UriTemplateMatchConfig'),
              path_template: '/t/{a}/{b=**}',
            },
          },
        },
        {
          path_rewrite_policy: {
            name: 'uri',
            typed_config: {
              '@type': typeOf('path.rewrite.uri_template.v3.UriTemplateRewriteConfig'),
              path_template_rewrite: '/{b}/{a}',
            },
          },
        },
      ),
      up({ prefix: '/hosthead' }, { host_rewrite_header: 'x-host' }),
      up(
        { prefix: '/hostregex' },
        { host_rewrite_path_regex: { pattern: { regex: '^/hostregex/(\\w+).*' }, substitution: '\\1' } },
      ),
      up({ prefix: '/hostappend' }, { host_rewrite_literal: 'other', append_x_forwarded_host: true }),
      up({ prefix: '/header' }, { cluster: undefined, cluster_header: 'x-cluster' }),
      up(
        { prefix: '/weighted' },
        {
          cluster: undefined,
          weighted_clusters: {
            clusters: [
              {
                name: 'up',
                weight: 1,
                request_headers_to_add: [add('x-weighted', 'yes')],
                response_headers_to_add: [add('y-weighted', 'yes')],
                host_rewrite_literal: 'weighted',
              },
            ],
          },
        },
      ),
      up({ prefix: '/mirror' }, { request_mirror_policies: [{ cluster: 'mirror' }] }),
      up(
        { prefix: '/mirrornone' },
        {
          request_mirror_policies: [
            { cluster: 'mirror', runtime_fraction: { default_value: { numerator: 0 } } },
          ],
        },
      ),
      up(
        { prefix: '/mirrorhost' },
        { request_mirror_policies: [{ cluster: 'mirror', disable_shadow_host_suffix_append: true }] },
      ),
      up({ prefix: '/' }),
    ],
    clusters: [clusterOf('mirror', [up2])],
    virtualHost: {
      request_headers_to_add: [add('x-order', 'vhost')],
      include_request_attempt_count: true,
      include_attempt_count_in_response: true,
    },
    routeConfig: {
      request_headers_to_add: [add('x-order', 'table')],
      response_headers_to_add: [add('y-table', 'yes')],
      internal_only_headers: ['x-internal'],
      most_specific_header_mutations_wins: false,
    },
  })),
  cases: [
    sends(
      'operations',
      get('/ops', 'x-append: one', 'x-over: one', 'x-absent: one', 'x-exists: one', 'x-gone: one'),
      {
        up: [
          {
            send: [
              'HTTP/1.1 200 OK\r\ny-append: one\r\ny-over: one\r\ny-absent: one\r\ny-gone: one\r\ncontent-length: 0\r\n\r\n',
            ],
          },
        ],
      },
    ),
    sends('operations with nothing there', get('/ops')),
    sends('substitutions', get('/sub?q=v', 'x: abc'), {
      up: [{ send: ['HTTP/1.1 200 OK\r\ny: z\r\ncontent-length: 0\r\n\r\n'] }],
    }),
    sends('substitutions with nothing there', get('/sub')),
    ...[
      '/rewrite',
      '/rewrite/a?b',
      '/tells/a?b',
      '/rewritten',
      '/slash/a/b',
      '/noslash/a',
      '/noslash',
      '/noslashes',
      '/regex/12/a?/regex/3',
      '/regex/a',
      '/t/a/b/c?d',
      '/hostregex/abc/d',
      '/hosthead',
      '/hostappend',
      '/weighted',
      '/header',
      '/mirror?a',
      '/mirrornone',
      '/mirrorhost',
      '/',
    ].map((path) => sends(path, get(path))),
    sends('/hosthead with it', get('/hosthead', 'x-host: named')),
    sends('/hostappend with a list', get('/hostappend', 'x-forwarded-host: before')),
    sends('/header with it', get('/header', 'x-cluster: up')),
    sends('/header with an unknown one', get('/header', 'x-cluster: nowhere')),
    sends('/mirror with a body', post('abc', 'content-length: 3').replace(' / ', ' /mirror ')),
    sends('/mirror that fails', get('/mirror'), { up2: [{ send: [{ reset: true }] }] }),
    sends('internal header', get('/', 'x-internal: a')),
  ],
};

const hosts: Setup = {
  name: 'hosts',
  bootstrap: httpBootstrap({
    routeConfig: {
      ignore_port_in_host_matching: false,
      virtual_hosts: [
        ['exact', ['exact.com', 'exact.com:8080']],
        ['suffix', ['*.suffix.com', '*-s.suffix.com']],
        ['prefix', ['prefix.*', 'pre.fix.*']],
        ['tls', ['tls.com']],
      ].map(([name, domains]) => ({
        name,
        domains,
        routes: [
          { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: String(name) } } },
        ],
        ...(name === 'tls' ? { require_tls: 'ALL' } : {}),
      })),
    },
  }),
  cases: [
    'exact.com',
    'EXACT.com',
    'exact.com:80',
    'exact.com:8080',
    'exact.com.',
    'a.suffix.com',
    'a-s.suffix.com',
    'suffix.com',
    '.suffix.com',
    'prefix.com',
    'pre.fix.com',
    'prefix.',
    'tls.com',
    'tls.com:80',
    'nobody',
  ].map((host) => sends(host, get('/a?b').replace('host: a', `host: ${host}`))),
};

export const routing: Theme = { name: 'routing', reasons, setups: [redirects, matching, headers, hosts] };
