import { http1Cluster, httpBootstrap } from '../../bootstrap.ts';
import type { Setup, Theme } from '../../case.ts';
import { get, post, sends } from '../../request.ts';
import { reasons } from './reasons.ts';

const method = (name: string, ...lines: readonly string[]): string => get('/', ...lines).replace('GET', name);
const answers = (what: string, bytes: string, answer: string) =>
  sends(what, bytes, { up: [{ send: [answer] }] });
const ok = 'HTTP/1.1 200 OK\r\n';

const plain: Setup = {
  name: 'plain',
  bootstrap: httpBootstrap({}),
  cases: [
    ...['DELETE', 'OPTIONS', 'PUT', 'PATCH', 'TRACE', 'PROPFIND', 'FOO'].map((name) =>
      sends(`${name} without body`, method(name)),
    ),
    answers('HEAD with a length', method('HEAD'), `${ok}content-length: 5\r\n\r\n`),
    answers('HEAD with chunks', method('HEAD'), `${ok}transfer-encoding: chunked\r\n\r\n`),
    answers('HEAD without either', method('HEAD'), `${ok}x: y\r\n\r\n`),
    answers('204', get('/'), 'HTTP/1.1 204 No Content\r\nx: y\r\n\r\n'),
    answers('204 with a length of zero', get('/'), 'HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n'),
    answers(
      '304 with a length',
      get('/'),
      'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: a\r\n\r\n',
    ),
    answers('304', get('/'), 'HTTP/1.1 304 Not Modified\r\netag: a\r\n\r\n'),
    answers('205', get('/'), 'HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n'),
    answers('a body that ends with the connection', get('/'), `${ok}x: y\r\nconnection: close\r\n\r\nhello`),
    answers('chunks', get('/'), `${ok}transfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n`),
    answers(
      'chunks with trailers',
      get('/'),
      `${ok}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n`,
    ),
    answers('a status without reason', get('/'), 'HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n'),
    answers('a status without reason or space', get('/'), 'HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n'),
    answers('a status with another reason', get('/'), 'HTTP/1.1 200 Fine\r\ncontent-length: 0\r\n\r\n'),
    answers('a status nobody knows', get('/'), 'HTTP/1.1 299 Odd\r\ncontent-length: 0\r\n\r\n'),
    answers('a status of 600', get('/'), 'HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n'),
    answers('a status of 999', get('/'), 'HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n'),
    answers('an answer of HTTP/1.0', get('/'), 'HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello'),
    answers(
      'an answer of HTTP/1.0 that keeps',
      get('/'),
      'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello',
    ),
    answers(
      '103 first',
      get('/'),
      `HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n${ok}content-length: 0\r\n\r\n`,
    ),
    answers('102 first', get('/'), `HTTP/1.1 102 Processing\r\n\r\n${ok}content-length: 0\r\n\r\n`),
    answers(
      '100 that nobody asked for',
      get('/'),
      `HTTP/1.1 100 Continue\r\n\r\n${ok}content-length: 0\r\n\r\n`,
    ),
    answers(
      'hop-by-hop headers of an answer',
      get('/'),
      `${ok}connection: x-a\r\nx-a: b\r\nkeep-alive: timeout=5\r\nproxy-connection: x\r\ncontent-length: 0\r\n\r\n`,
    ),
    answers(
      'upgrade in an answer of 200',
      get('/'),
      `${ok}upgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 0\r\n\r\n`,
    ),
    answers(
      'server and date of the endpoint',
      get('/'),
      `${ok}server: nginx\r\ndate: Mon, 01 Jan 2024 00:00:00 GMT\r\ncontent-length: 0\r\n\r\n`,
    ),
    answers(
      "headers of the endpoint that are Envoy's",
      get('/'),
      `${ok}x-envoy-upstream-service-time: 99\r\nx-envoy-immediate-health-check-fail: 1\r\nx-envoy-overloaded: true\r\ncontent-length: 0\r\n\r\n`,
    ),
    {
      what: 'health check that is well again',
      clients: [{ send: [get('/')] }],
      up: [{ send: [`${ok}content-length: 0\r\n\r\n`] }],
    },
    answers(
      'headers repeated',
      get('/', 'x: 1', 'x: 2', 'cookie: a', 'cookie: b', 'accept: a', 'accept: b'),
      `${ok}set-cookie: a\r\nset-cookie: b\r\nx: 1\r\nx: 2\r\ncontent-length: 0\r\n\r\n`,
    ),
    {
      what: '100-continue that the endpoint answers',
      clients: [
        { send: [post('', 'expect: 100-continue', 'content-length: 3'), { until: '100 Continue' }, 'abc'] },
      ],
      up: [
        {
          on: 'head',
          send: ['HTTP/1.1 100 Continue\r\n\r\n', { until: 'abc' }, `${ok}content-length: 5\r\n\r\nhello`],
        },
      ],
    },
    sends('100-continue with the body at once', post('abc', 'expect: 100-continue', 'content-length: 3')),
    sends(
      '100-continue that the endpoint does not answer',
      post('', 'expect: 100-continue', 'content-length: 3'),
      { quietMs: 300 },
    ),
    sends('another expectation', post('abc', 'expect: 200-ok', 'content-length: 3')),
    {
      what: '417 for an expectation',
      clients: [{ send: [post('', 'expect: 100-continue', 'content-length: 3'), { until: '417' }, 'abc'] }],
      up: [{ on: 'head', send: ['HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n'] }],
    },
    sends('three in a pipe', get('/1') + get('/2') + get('/3', 'connection: close')),
    sends('a pipe after a close', get('/1', 'connection: close') + get('/2')),
    {
      what: 'pipe with the first one slow',
      clients: [{ send: [get('/1') + get('/2')] }],
      up: [
        { send: [{ waitMs: 100 }, `${ok}content-length: 1\r\n\r\n1`] },
        { send: [`${ok}content-length: 1\r\n\r\n2`] },
      ],
      quietMs: 400,
    },
    sends('te', get('/', 'te: trailers')),
    sends('te named by connection', get('/', 'te: trailers', 'connection: te')),
    sends('te that is not trailers', get('/', 'te: gzip', 'connection: te')),
    sends('te with several', get('/', 'te: gzip, trailers', 'connection: te')),
    sends(
      'keep-alive and proxy-connection',
      get('/', 'connection: keep-alive', 'keep-alive: timeout=5', 'proxy-connection: keep-alive'),
    ),
    sends('connection close, and another', get('/', 'connection: close, x-a', 'x-a: b')),
    sends('connection Close', get('/', 'connection: Close')),
    sends('two connection headers', get('/', 'connection: x-a', 'connection: close', 'x-a: b')),
    ...[
      'x-forwarded-for',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-request-id',
      'cookie',
      'authorization',
      'te',
      'trailer',
      'x-envoy-retry-on',
      ':path',
      'x-',
      'close, host',
    ].map((name) =>
      sends(`connection names ${name}`, get('/', `connection: ${name}`, 'cookie: a', 'authorization: b')),
    ),
    sends(
      'many names in connection',
      get('/', `connection: ${Array.from({ length: 50 }, (_, i) => `x-${i}`).join(', ')}`),
    ),
    sends(
      'upgrade h2c',
      get('/', 'connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAA'),
    ),
    sends('upgrade websocket, not allowed', get('/', 'connection: upgrade', 'upgrade: websocket')),
    sends('upgrade without connection', get('/', 'upgrade: websocket')),
    sends('connection upgrade without upgrade', get('/', 'connection: upgrade')),
    sends('CONNECT', 'CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n'),
    sends(
      'trailers that are not enabled',
      post('3\r\nabc\r\n0\r\nx: y\r\n\r\n', 'transfer-encoding: chunked'),
    ),
    sends('GET with a body', post('abc', 'content-length: 3').replace('POST', 'GET')),
    sends(
      'GET with chunks',
      post('3\r\nabc\r\n0\r\n\r\n', 'transfer-encoding: chunked').replace('POST', 'GET'),
    ),
    sends('HEAD with a body', post('abc', 'content-length: 3').replace('POST', 'HEAD')),
    sends('underscore in a name', get('/', 'x_a: b')),
    sends('upper-case names', get('/', 'X-Upper: B')),
    sends(
      'x-envoy headers of the client',
      get(
        '/',
        'x-envoy-internal: true',
        'x-envoy-external-address: 1.2.3.4',
        'x-envoy-decorator-operation: a',
        'x-envoy-original-path: /b',
        'x-envoy-ip-tags: c',
        'x-envoy-downstream-service-cluster: d',
        'x-envoy-expected-rq-timeout-ms: 7',
        'x-envoy-attempt-count: 5',
        'x-envoy-peer-metadata: z',
      ),
    ),
    sends('path with escapes', get('/%41%2f%2F/../b/./c//d%20e%7e')),
    sends('path above the root', get('/../../a')),
    sends('path with a backslash', get('/a\\b\\..\\c')),
    sends('path with a broken escape', get('/%zz')),
    sends('path with %00', get('/%00')),
    sends('path with a fragment', get('/a#b')),
    sends('path with a query', get('/a?b=/../c&d=%41#')),
    sends('empty path with query in absolute form', 'GET http://b?x HTTP/1.1\r\nhost: a\r\n\r\n'),
    sends('absolute form', 'GET http://b:81/x?y HTTP/1.1\r\nhost: a\r\n\r\n'),
    sends('absolute form of https', 'GET https://b/x HTTP/1.1\r\nhost: a\r\n\r\n'),
    sends('absolute form in capitals', 'GET HTTP://B/x HTTP/1.1\r\nhost: a\r\n\r\n'),
    sends('OPTIONS * ', 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n'),
    sends('double slash', get('//a//b')),
    sends('bytes above 127 in the path', get('/\xe4\xff')),
    sends('quotes in the path', get('/"<>^`{|}')),
    sends('host in capitals with a dot', 'GET / HTTP/1.1\r\nHost: A.Example.\r\n\r\n'),
    {
      what: 'client that half-closes before its answer',
      clients: [{ send: [get('/'), { waitMs: 100 }, { end: true }] }],
      up: [{ send: [{ waitMs: 500 }, ok] }],
    },
    {
      what: 'client gone before its answer',
      clients: [{ send: [get('/'), { waitMs: 100 }, { close: true }] }],
      up: [{ send: [{ waitMs: 500 }, ok] }],
    },
    {
      what: 'client resets before its answer',
      clients: [{ send: [get('/'), { waitMs: 100 }, { reset: true }] }],
      up: [{ send: [{ waitMs: 500 }, ok] }],
    },
    {
      what: 'client gone in its body',
      clients: [{ send: [post('abc', 'content-length: 10'), { waitMs: 100 }, { close: true }] }],
    },
    {
      what: 'client gone in its head',
      clients: [{ send: ['GET / HTTP/1.1\r\nho', { waitMs: 50 }, { close: true }] }],
    },
    {
      what: 'client gone in the answer',
      clients: [{ send: [get('/'), { until: 'hel' }, { close: true }] }],
      up: [{ send: [`${ok}content-length: 5\r\n\r\nhel`] }],
    },
    { what: 'nothing sent', clients: [{ send: [{ waitMs: 50 }, { close: true }] }] },
    {
      what: 'early answer before the body is whole',
      clients: [{ send: [post('abc', 'content-length: 10'), { until: 'early' }, { waitMs: 50 }, 'defghij'] }],
      up: [{ on: 'head', send: [`${ok}content-length: 5\r\n\r\nearly`] }],
    },
    {
      what: 'early answer and close',
      clients: [{ send: [post('abc', 'content-length: 10'), { until: 'early' }, { waitMs: 50 }, 'defghij'] }],
      up: [
        {
          on: 'head',
          send: [
            `HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 5\r\n\r\nearly`,
            { close: true },
          ],
        },
      ],
    },
  ],
};

const options: Setup = {
  name: 'options',
  bootstrap: httpBootstrap({
    manager: {
      http_protocol_options: {
        enable_trailers: true,
        accept_http_10: true,
        default_host_for_http_10: 'old',
        header_key_format: { proper_case_words: {} },
      },
      upgrade_configs: [{ upgrade_type: 'websocket' }, { upgrade_type: 'also' }],
      preserve_external_request_id: true,
      server_header_transformation: 'PASS_THROUGH',
      merge_slashes: true,
      path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT',
      normalize_path: true,
      common_http_protocol_options: { headers_with_underscores_action: 'REJECT_REQUEST' },
    },
    cluster: http1Cluster({ enable_trailers: true, header_key_format: { proper_case_words: {} } }),
  }),
  cases: [
    answers('server of the endpoint', get('/'), `${ok}server: nginx\r\ncontent-length: 0\r\n\r\n`),
    answers('no server of the endpoint', get('/'), `${ok}content-length: 0\r\n\r\n`),
    answers(
      'trailers of an answer',
      get('/', 'te: trailers'),
      `${ok}transfer-encoding: chunked\r\ntrailer: x\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n`,
    ),
    sends('HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n'),
    sends('HTTP/1.0 that keeps', 'GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n'),
    answers(
      'HTTP/1.0 with a chunked answer',
      'GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n',
      `${ok}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    ),
    answers(
      'HTTP/1.0 with an interim head',
      'GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n',
      `HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n${ok}content-length: 5\r\n\r\nhello`,
    ),
    sends(
      'HTTP/1.0 with 100-continue',
      'POST / HTTP/1.0\r\nconnection: keep-alive\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc',
    ),
    sends('underscore', get('/', 'x_a: b')),
    sends('double slash', get('//a//b')),
    sends('escaped slash', get('/a%2Fb%5cc?d')),
    sends('escaped slash in a POST', post('', 'content-length: 0').replace(' / ', ' /a%2fb ')),
    sends('request id of the client', get('/', 'x-request-id: mine')),
    answers(
      'websocket',
      get(
        '/',
        'connection: Upgrade',
        'upgrade: websocket',
        'sec-websocket-key: a',
        'sec-websocket-version: 13',
      ),
      'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: b\r\n\r\nhi',
    ),
    answers(
      'websocket refused',
      get('/', 'connection: Upgrade', 'upgrade: websocket'),
      'HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno',
    ),
    answers(
      'websocket answered by 200',
      get('/', 'connection: Upgrade', 'upgrade: websocket'),
      `${ok}content-length: 2\r\n\r\nno`,
    ),
    ...[204, 302, 404, 426, 500].map((code) =>
      answers(
        `websocket answered by ${code}`,
        get('/', 'connection: Upgrade', 'upgrade: websocket'),
        `HTTP/1.1 ${code} X\r\nx: y\r\n${code === 204 ? '' : 'content-length: 2\r\n'}\r\n${code === 204 ? '' : 'no'}`,
      ),
    ),
    answers(
      'another upgrade answered by 200',
      get('/', 'connection: Upgrade', 'upgrade: also'),
      `${ok}content-length: 2\r\n\r\nno`,
    ),
    answers(
      'websocket switched to something else',
      get('/', 'connection: Upgrade', 'upgrade: websocket'),
      'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: other\r\n\r\nhi',
    ),
    sends('another upgrade', get('/', 'connection: Upgrade', 'upgrade: other')),
    {
      what: 'websocket closed by its endpoint',
      clients: [{ send: [get('/', 'connection: Upgrade', 'upgrade: websocket'), { until: 'hi' }, 'there'] }],
      up: [
        {
          send: [
            'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhi',
            { until: 'there' },
            { close: true },
          ],
        },
      ],
    },
    {
      what: 'websocket reset by its endpoint',
      clients: [{ send: [get('/', 'connection: Upgrade', 'upgrade: websocket'), { until: 'hi' }, 'there'] }],
      up: [
        {
          send: [
            'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhi',
            { until: 'there' },
            { reset: true },
          ],
        },
      ],
    },
    {
      what: 'websocket half-closed by its client',
      clients: [
        {
          send: [
            get('/', 'connection: Upgrade', 'upgrade: websocket'),
            { until: 'hi' },
            'there',
            { end: true },
          ],
        },
      ],
      up: [
        {
          send: [
            'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhi',
            { until: 'there' },
            'more',
          ],
        },
      ],
    },
  ],
};

const limits: Setup = {
  name: 'limits',
  bootstrap: httpBootstrap({
    manager: {
      max_request_headers_kb: 4,
      common_http_protocol_options: {
        max_headers_count: 20,
        max_requests_per_connection: 2,
        headers_with_underscores_action: 'DROP_HEADER',
      },
    },
    listener: { per_connection_buffer_limit_bytes: 1024 },
    cluster: { ...http1Cluster({}), per_connection_buffer_limit_bytes: 1024 },
    filters: [],
  }),
  cases: [
    sends('a path too long', get(`/${'a'.repeat(5_000)}`)),
    sends('a header too long', get('/', `x: ${'a'.repeat(5_000)}`)),
    sends(
      'headers too large together',
      get('/', ...Array.from({ length: 10 }, (_, i) => `x-${i}: ${'a'.repeat(500)}`)),
    ),
    sends('headers nearly too large', get('/', `x: ${'a'.repeat(3_800)}`)),
    sends('too many headers', get('/', ...Array.from({ length: 20 }, (_, i) => `x-${i}: a`))),
    sends('as many headers as are allowed', get('/', ...Array.from({ length: 19 }, (_, i) => `x-${i}: a`))),
    sends('underscore', get('/', 'x_a: b')),
    sends('more requests than a connection may have', get('/1') + get('/2') + get('/3')),
    answers(
      'an answer with too many headers',
      get('/'),
      `${ok}${Array.from({ length: 101 }, (_, i) => `x-${i}: a\r\n`).join('')}content-length: 0\r\n\r\n`,
    ),
    answers(
      'an answer with too large a head',
      get('/'),
      `${ok}x: ${'a'.repeat(70_000)}\r\ncontent-length: 0\r\n\r\n`,
    ),
    sends('a large body', post('a'.repeat(20_000), 'content-length: 20000')),
    answers('a large answer', get('/'), `${ok}content-length: 20000\r\n\r\n${'a'.repeat(20_000)}`),
  ],
};

const upgrade = get('/', 'connection: Upgrade', 'upgrade: websocket');
const switches = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n';

const tunnels: Setup = {
  name: 'tunnels',
  bootstrap: httpBootstrap({
    manager: { upgrade_configs: [{ upgrade_type: 'websocket' }] },
    cluster: { circuit_breakers: { thresholds: [{ max_connections: 1, max_pending_requests: 1 }] } },
  }),
  cases: [
    {
      what: 'a request where a tunnel has the one connection',
      clients: [
        { send: [upgrade, { waitMs: 400 }] },
        { send: [{ waitMs: 150 }, get('/2')] },
        { send: [{ waitMs: 250 }, get('/3')] },
      ],
      up: [{ send: [switches] }],
    },
    {
      what: 'a tunnel where a tunnel has the one connection',
      clients: [
        { send: [upgrade, { waitMs: 400 }] },
        { send: [{ waitMs: 150 }, upgrade] },
        { send: [{ waitMs: 250 }, get('/3')] },
      ],
      up: [{ send: [switches] }],
    },
  ],
};

const connects: Setup = {
  name: 'connects',
  bootstrap: httpBootstrap({
    routes: [
      {
        match: { connect_matcher: {} },
        route: { cluster: 'up', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
      },
    ],
  }),
  cases: [
    {
      what: 'closed by its endpoint',
      clients: [{ send: ['CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n', { until: '200' }, 'there'] }],
      up: [{ send: [{ until: 'there' }, 'hi', { close: true }] }],
    },
    {
      what: 'left by its client',
      clients: [
        { send: ['CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n', { until: '200' }, 'there', { end: true }] },
      ],
      up: [{ send: [{ until: 'there' }] }],
    },
  ],
};

export const messages: Theme = {
  name: 'messages',
  reasons,
  setups: [plain, options, limits, tunnels, connects],
};
