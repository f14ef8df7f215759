import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { clusterFromJson, listenerFromJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import {
  ask,
  cluster,
  exchangeRaw,
  keptAccessLog,
  routeTo,
  serveHttp,
  statOf,
  upstream,
  type Answer,
  type Closers,
} from '../testing/harness.ts';
import { becomes } from '../testing/watched-proxy.ts';

const all = { match: { prefix: '/' }, route: { cluster: 'up' } };

/** An endpoint that answers with the request it saw. */
async function mirror(t: Closers): Promise<number> {
  const { port } = await upstream(t, (request, response) => {
    response.end(JSON.stringify({ url: request.url, headers: request.headers }));
  });
  return port;
}

function seen(answer: Answer): { url: string; headers: Record<string, string | undefined> } {
  return JSON.parse(answer.body) as { url: string; headers: Record<string, string | undefined> };
}

test('the client is found by a header of our own, else by x-forwarded-for; without it is refused', async (t) => {
  const up = await mirror(t);
  const detection = (more: object) => ({
    route_config: routesJson([
      {
        ...all,
        request_headers_to_add: [
          { header: { key: 'x-client', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' } },
        ],
      },
    ]),
    original_ip_detection_extensions: [
      {
        name: 'custom',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig',
          header_name: 'x-real-ip',
          ...more,
        },
      },
      {
        name: 'xff',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig',
          xff_num_trusted_hops: 1,
        },
      },
    ],
  });
  const { port } = await serveEnvoy(t, detection({}), [clusterFromJson('up', [up])]);
  const client = async (headers: Record<string, string>): Promise<string | undefined> =>
    seen(await ask(port, '/', { headers })).headers['x-client'];
  assert.equal(await client({ 'x-real-ip': '203.0.113.7' }), '203.0.113.7');
  assert.equal(
    await client({ 'x-real-ip': 'nobody', 'x-forwarded-for': '198.51.100.1, 10.0.0.1' }),
    '198.51.100.1',
  );
  assert.equal(await client({}), '127.0.0.1');
  const strict = await serveEnvoy(t, detection({ reject_with_status: { code: 'Unauthorized' } }), [
    clusterFromJson('up', [up]),
  ]);
  assert.equal((await ask(strict.port)).status, 401);
  assert.equal(statOf(strict.dataPlane, 'http.http.downstream_rq_rejected_via_ip_detection'), 1);
  assert.throws(() => listenerFromJson({ ...detection({}), use_remote_address: true }), /cannot be combined/);
});

test('what only the mesh may say is taken off what comes from outside, at the edge and behind it', async (t) => {
  const up = await mirror(t);
  const table = routesJson([all], {}, { internal_only_headers: ['x-secret'] });
  const headers = {
    'x-secret': 'a',
    'x-envoy-retry-on': '5xx',
    'x-envoy-attempt-count': '7',
    'x-envoy-decorator-operation': 'op',
  };
  const edge = await serveEnvoy(
    t,
    { route_config: table, use_remote_address: true, internal_address_config: { cidr_ranges: [] } },
    [clusterFromJson('up', [up])],
  );
  const inside = seen(await ask(edge.port, '/', { headers })).headers;
  assert.equal(inside['x-secret'], 'a');
  assert.equal(inside['x-envoy-internal'], 'true');
  const outside = seen(await ask(edge.port, '/', { headers: { ...headers, 'x-forwarded-for': '10.1.1.1' } }));
  for (const name of Object.keys(headers)) assert.equal(outside.headers[name], undefined, name);
  assert.equal(outside.headers['x-envoy-external-address'], '127.0.0.1');
  const behind = await serveEnvoy(t, { route_config: table }, [clusterFromJson('up', [up])]);
  const forwarded = { ...headers, 'x-forwarded-for': '203.0.113.1' };
  const second = seen(await ask(behind.port, '/', { headers: forwarded })).headers;
  assert.equal(second['x-secret'], undefined);
  assert.equal(second['x-envoy-attempt-count'], '7');
  const ranges = [{ address_prefix: '203.0.113.0', prefix_len: 24 }];
  const ours = await serveEnvoy(
    t,
    { route_config: table, internal_address_config: { cidr_ranges: ranges } },
    [clusterFromJson('up', [up])],
  );
  assert.equal(seen(await ask(ours.port, '/', { headers: forwarded })).headers['x-secret'], 'a');
});

test('headers with underscores are let through, dropped, or refused', async (t) => {
  const up = await mirror(t);
  const headers = { x_under: '1', 'x-fine': '2' };
  const serve = (action: string) =>
    serveEnvoy(
      t,
      {
        route_config: routesJson([all]),
        common_http_protocol_options: { headers_with_underscores_action: action },
      },
      [clusterFromJson('up', [up])],
    );
  const dropping = await serve('DROP_HEADER');
  const kept = seen(await ask(dropping.port, '/', { headers })).headers;
  assert.deepEqual([kept['x_under'], kept['x-fine']], [undefined, '2']);
  assert.equal(statOf(dropping.dataPlane, 'http1.dropped_headers_with_underscores'), 1);
  const refusing = await serve('REJECT_REQUEST');
  assert.equal((await ask(refusing.port, '/', { headers })).status, 400);
  assert.equal((await ask(refusing.port)).status, 200);
  const letting = await serve('ALLOW');
  assert.equal(seen(await ask(letting.port, '/', { headers })).headers['x_under'], '1');
});

test('a virtual host may ask for TLS, of all or of those from outside', async (t) => {
  const up = await mirror(t);
  const serve = (host: object, manager: object = {}) =>
    serveEnvoy(t, { route_config: routesJson([all], host), ...manager }, [clusterFromJson('up', [up])]);
  const everybody = await serve({ require_tls: 'ALL' });
  const moved = await ask(everybody.port, '/a?b', { headers: { host: 'shop.example' } });
  assert.equal(moved.status, 301);
  assert.equal(moved.headers.location, 'https://shop.example/a?b');
  const headers = { 'x-forwarded-proto': 'https' };
  assert.equal((await ask(everybody.port, '/', { headers })).status, 200);
  const outsiders = await serve({ require_tls: 'EXTERNAL_ONLY' }, { use_remote_address: true });
  assert.equal((await ask(outsiders.port)).status, 200);
  const outside = { 'x-forwarded-for': '203.0.113.1' };
  assert.equal((await ask(outsiders.port, '/', { headers: outside })).status, 301);
});

test('one of several tables is chosen by headers, which early mutations may set', async (t) => {
  const answer = (text: string): object =>
    routesJson([{ match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: text } } }]);
  const { port } = await serveEnvoy(
    t,
    {
      scoped_routes: {
        name: 'scopes',
        scope_key_builder: {
          fragments: [
            {
              header_value_extractor: {
                name: 'x-where',
                element_separator: ';',
                element: { separator: '=', key: 'vip' },
              },
            },
          ],
        },
        rds_config_source: { ads: {} },
        scoped_route_configurations_list: {
          scoped_route_configurations: [
            {
              name: 'a',
              key: { fragments: [{ string_key: '10.0.0.1' }] },
              route_configuration: answer('one'),
            },
            {
              name: 'b',
              key: { fragments: [{ string_key: '10.0.0.2' }] },
              route_configuration: answer('two'),
            },
          ],
        },
      },
      early_header_mutation_extensions: [
        {
          name: 'early',
          typed_config: {
            '@type':
              'type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation',
            mutations: [
              {
                append: {
                  header: { key: 'x-where', value: 'vip=10.0.0.2' },
                  append_action: 'ADD_IF_ABSENT',
                },
              },
            ],
          },
        },
      ],
    },
    [],
  );
  const ask1 = (where: string) => ask(port, '/', { headers: { 'x-where': where } });
  assert.equal((await ask1('a=b;vip=10.0.0.1')).body, 'one');
  assert.equal((await ask(port)).body, 'two');
  assert.equal((await ask1('vip=10.9.9.9')).status, 404);
});

test('answers of the proxy itself are mapped and formatted, in text and in JSON, and those of endpoints are not', async (t) => {
  const up = await mirror(t);
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        { match: { path: '/up' }, route: { cluster: 'up' } },
        { match: { path: '/gone' }, route: { cluster: 'nowhere' } },
      ]),
      local_reply_config: {
        mappers: [
          {
            filter: {
              status_code_filter: {
                comparison: { op: 'EQ', value: { default_value: 404, runtime_key: 'unused' } },
              },
            },
            status_code: 410,
            body: { inline_string: 'not here' },
            body_format_override: {
              text_format: '<%LOCAL_REPLY_BODY% %RESPONSE_CODE% %RESP(:STATUS)%>',
              content_type: 'text/html',
            },
            headers_to_add: [{ header: { key: 'x-mapped', value: '%RESPONSE_CODE_DETAILS%' } }],
          },
        ],
        body_format: {
          json_format: { status: '%RESP(:STATUS)%', path: '%REQ(:PATH)%', text: '%LOCAL_REPLY_BODY%' },
        },
      },
    },
    [clusterFromJson('up', [up])],
  );
  const mapped = await ask(port, '/missing');
  assert.deepEqual(
    [mapped.status, mapped.body, mapped.headers['content-type'], mapped.headers['x-mapped']],
    [410, '<not here 410 410>', 'text/html', 'route_not_found'],
  );
  const formatted = await ask(port, '/gone');
  assert.equal(formatted.status, 503);
  assert.equal(formatted.headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(formatted.body), { status: '503', path: '/gone', text: '' });
  assert.equal((await ask(port, '/up')).status, 200);
  const unread = await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost : a\r\n\r\n');
  assert.match(unread, /\r\n\r\n\{"path":null,"status":"400","text":"Bad Request"\}\n$/);
  const grpc = { 'content-type': 'application/grpc' };
  const { headers } = await ask(port, '/missing', { method: 'POST', headers: grpc });
  assert.equal(headers['grpc-message'], '<not here 410 410>');
});

test('the scheme is what the configuration says, and the port is told where that is asked for', async (t) => {
  const up = await mirror(t);
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        { ...all, request_headers_to_add: [{ header: { key: 'x-scheme', value: '%REQ(:SCHEME)%' } }] },
      ]),
      scheme_header_transformation: { scheme_to_overwrite: 'https' },
      append_x_forwarded_port: true,
    },
    [clusterFromJson('up', [up])],
  );
  const { headers } = seen(await ask(port));
  assert.equal(headers['x-scheme'], 'https');
  assert.equal(headers['x-forwarded-port'], String(port));
});

test('a connection takes no further request after its longest time, and an idle one is closed and counted', async (t) => {
  const up = await mirror(t);
  const serve = (options: object) =>
    serveEnvoy(
      t,
      { route_config: routesJson([all]), common_http_protocol_options: options, drain_timeout: '0.03s' },
      [clusterFromJson('up', [up])],
    );
  const short = await serve({ max_connection_duration: '0.03s' });
  const socket = connect(short.port, '127.0.0.1');
  socket.resume();
  await once(socket, 'close');
  assert.equal(statOf(short.dataPlane, 'http.http.downstream_cx_max_duration_reached'), 1);
  const idle = await serve({ idle_timeout: '0.03s' });
  assert.match(await exchangeRaw(idle.port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'), /^HTTP\/1\.1 200 /);
  await becomes(() => statOf(idle.dataPlane, 'http.http.downstream_cx_idle_timeout'), 1);
});

test('a client that does not close after us is cut off after the time for that', async (t) => {
  const up = await mirror(t);
  const { port, dataPlane } = await serveEnvoy(
    t,
    { route_config: routesJson([all]), delayed_close_timeout: '0.03s' },
    [clusterFromJson('up', [up])],
  );
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  socket.resume();
  socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  await once(socket, 'end');
  const settled = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    if (statOf(dataPlane, 'http.http.downstream_cx_active') === 0) settled.resolve();
  }, 5);
  await settled.promise;
  clearInterval(timer);
  socket.destroy();
  assert.equal(statOf(dataPlane, 'http.http.downstream_cx_delayed_close_timeout'), 1);
});

test('paths are normalised unless that is turned off, and one with a fragment is refused', async (t) => {
  const up = await mirror(t);
  const serve = (manager: object) =>
    serveEnvoy(t, { route_config: routesJson([all]), ...manager }, [clusterFromJson('up', [up])]);
  const raw = async (port: number, path: string): Promise<string> =>
    exchangeRaw(port, `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
  const standard = await serve({});
  assert.match(await raw(standard.port, '/a/%2e%2e/admin'), /"url":"\/admin"/);
  assert.match(await raw(standard.port, '/a#b'), /^HTTP\/1\.1 400 /);
  assert.match(await raw(standard.port, '/a%00b'), /^HTTP\/1\.1 400 /);
  assert.equal(statOf(standard.dataPlane, 'http.http.downstream_rq_failed_path_normalization'), 2);
  const off = await serve({ normalize_path: false });
  assert.match(await raw(off.port, '/a/../admin'), /"url":"\/a\/\.\.\/admin"/);
  const redirecting = await serve({ path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT' });
  assert.match(await raw(redirecting.port, '/a%2Fb'), /^HTTP\/1\.1 307 .*location: \/a\/b\r\n/s);
  assert.equal(statOf(redirecting.dataPlane, 'http.http.downstream_rq_redirected_with_normalized_path'), 1);
});

test('a table that must know its clusters is refused where one is not there', async (t) => {
  await assert.rejects(
    serveEnvoy(t, { route_config: routesJson([all], {}, { validate_clusters: true }) }, []),
    /unknown cluster \\"up\\"/,
  );
});

test('a request of HTTP/1.0, or without a host, is refused like others: with a date, a server, and its line in the log', async (t) => {
  const log = keptAccessLog('%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS%');
  const { port } = await serveHttp(
    t,
    [routeTo('up')],
    [cluster('up', [])],
    { accessLogs: log.accessLogs, serverName: 'lateen' },
    log.options,
  );
  for (const [sent, status, line] of [
    ['GET /old HTTP/1.0\r\nHost: a\r\n\r\n', 426, 'GET /old HTTP/1.0 426 low_version'],
    ['POST /old HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc', 426, 'POST /old HTTP/1.0 426 low_version'],
    ['GET /lost HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n', 400, 'GET /lost HTTP/1.1 400 missing_host_header'],
  ] as const) {
    const text = await exchangeRaw(port, sent);
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `));
    for (const header of [/^date: .* GMT\r$/m, /^server: lateen\r$/m, /^connection: close\r$/m])
      assert.match(text, header);
    assert.ok(text.endsWith(status === 426 ? '\r\n\r\nUpgrade Required' : '\r\n\r\n'));
    assert.deepEqual(log.lines.splice(0), [line]);
  }
});

test('a request whose x-forwarded-proto is empty is not routed', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end());
  const log = keptAccessLog('%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%');
  const { port } = await serveHttp(
    t,
    [routeTo('up')],
    [cluster('up', [up])],
    { accessLogs: log.accessLogs },
    log.options,
  );
  for (const proto of ['', 'ftp', 'http']) await ask(port, '/', { headers: { 'x-forwarded-proto': proto } });
  assert.deepEqual(log.lines, ['404 NR route_not_found', '200 - via_upstream', '200 - via_upstream']);
});
