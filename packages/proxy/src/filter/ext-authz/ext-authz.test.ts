import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { createGrpcServer, GrpcError } from '@lateen/protocol/grpc';
import { Authorization, type CheckRequest, type CheckResponse } from '@lateen/protocol/envoy/service/auth/v3';
import {
  clusterFromJson,
  filterTypes,
  routerJson,
  routesJson,
  serveEnvoy,
} from '../../testing/envoy-config.ts';
import { ask, upstream, type Closers } from '../../testing/harness.ts';
import { http2Cluster } from '../../testing/http2-peers.ts';
import { LogWatch, watchedLog } from '../../testing/watched-proxy.ts';
import { changeQuery } from './apply-headers.ts';

const logJson = {
  name: 'log',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
    log_format: { json_format: (watchedLog.format as { json: object }).json },
  },
};

interface Setup {
  readonly filter: object;
  readonly before?: readonly object[];
  readonly route?: object;
  readonly routes?: readonly object[];
}

/** A proxy whose application answers with what it was asked. */
async function serve(
  t: Closers,
  { filter, before = [], route = {}, routes = [] }: Setup,
  service: number,
  grpc: boolean,
) {
  const { port: up } = await upstream(t, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () =>
      response.end(JSON.stringify({ url: request.url, headers: request.headers, body })),
    );
  });
  const log = new LogWatch();
  const { dataPlane, port } = await serveEnvoy(
    t,
    {
      access_log: [logJson],
      route_config: routesJson([...routes, { match: { prefix: '/' }, route: { cluster: 'up' }, ...route }]),
      http_filters: [
        ...before,
        { name: 'authz', typed_config: { '@type': `${filterTypes}.ext_authz.v3.ExtAuthz`, ...filter } },
        routerJson,
      ],
    },
    [
      clusterFromJson('up', [up]),
      grpc ? http2Cluster('authz', [service]) : clusterFromJson('authz', [service]),
    ],
    { writeAccessLog: log.write, node: { id: 'n', cluster: '', metadata: { LABELS: { app: 'shop' } } } },
  );
  return { port, log, stats: () => dataPlane.stats.text() };
}

type Answer = (request: CheckRequest) => CheckResponse | Promise<CheckResponse>;

async function serveGrpc(t: Closers, answer: Answer, more: object = {}, setup: Partial<Setup> = {}) {
  const asked: CheckRequest[] = [];
  const server = createGrpcServer();
  server.unary(Authorization.check, (request): CheckResponse | Promise<CheckResponse> => {
    asked.push(request);
    return answer(request);
  });
  const { port: service } = await server.listen({ host: '127.0.0.1' });
  t.after(() => server.close());
  const filter = {
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name: 'authz' }, timeout: '2s' },
    ...more,
  };
  return { asked, ...(await serve(t, { ...setup, filter }, service, true)) };
}

async function serveByHttp(
  t: Closers,
  answer: (request: IncomingMessage) => {
    status: number;
    headers?: Record<string, string | string[]>;
    body?: string;
  },
  service: object = {},
  more: object = {},
) {
  const asked: {
    method: string | undefined;
    url: string | undefined;
    headers: IncomingMessage['headers'];
  }[] = [];
  const { port: authz } = await upstream(t, (request, response) => {
    asked.push({ method: request.method, url: request.url, headers: request.headers });
    const { status, headers, body } = answer(request);
    response.writeHead(status, headers);
    response.end(body);
  });
  const filter = {
    http_service: { server_uri: { uri: 'http://authz', cluster: 'authz', timeout: '2s' }, ...service },
    ...more,
  };
  return { asked, ...(await serve(t, { filter }, authz, false)) };
}

const seen = (body: string) =>
  JSON.parse(body) as { url: string; headers: Record<string, string | undefined>; body: string };
const ok: CheckResponse = { status: { code: 0 } };

test('a gRPC service is told of the request, and what it allows goes on with its changes', async (t) => {
  const { port, asked, stats } = await serveGrpc(
    t,
    () => ({
      status: { code: 0 },
      okResponse: {
        headers: [
          { header: { key: 'x-user', value: 'jason' } },
          { header: { key: 'x-list', value: 'b' }, append: true },
        ],
        headersToRemove: ['x-secret'],
        responseHeadersToAdd: [{ header: { key: 'x-checked', value: 'yes' } }],
        queryParametersToSet: [{ key: 'tenant', value: 'a b' }],
        queryParametersToRemove: ['token'],
      },
    }),
    { bootstrap_metadata_labels_key: 'LABELS' },
    {
      route: {
        typed_per_filter_config: {
          authz: {
            '@type': `${filterTypes}.ext_authz.v3.ExtAuthzPerRoute`,
            check_settings: { context_extensions: { route: 'all' } },
          },
        },
      },
    },
  );
  const answer = await ask(port, '/p?token=t&q=1', {
    headers: { host: 'shop', 'x-user': 'mallory', 'x-list': 'a', 'x-secret': 's' },
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['x-checked'], 'yes');
  const { url, headers } = seen(answer.body);
  assert.equal(url, '/p?q=1&tenant=a%20b');
  assert.equal(headers['x-user'], 'jason');
  assert.equal(headers['x-list'], 'a, b');
  assert.equal(headers['x-secret'], undefined);
  const attributes = asked[0]?.attributes;
  assert.equal(attributes?.source?.address?.socketAddress?.address, '127.0.0.1');
  assert.deepEqual(attributes?.destination?.labels, { app: 'shop' });
  assert.deepEqual(attributes?.contextExtensions, { route: 'all' });
  const { http } = attributes?.request ?? {};
  assert.equal(http?.method, 'GET');
  assert.equal(http?.path, '/p?token=t&q=1');
  assert.equal(http?.host, 'shop');
  assert.equal(http?.headers?.['x-user'], 'mallory');
  assert.equal(http?.headers?.[':path'], '/p?token=t&q=1');
  assert.match(stats(), /^http\.http\.ext_authz\.ok: 1$/m);
  assert.match(stats(), /^cluster\.up\.ext_authz\.ok: 1$/m);
});

test('what a gRPC service denies is answered as it says, with UAEX', async (t) => {
  const { port, log, stats } = await serveGrpc(t, ({ attributes }) => ({
    status: { code: 7 },
    ...(attributes?.request?.http?.path === '/plain'
      ? {}
      : {
          deniedResponse: {
            status: { code: 'Found' },
            headers: [
              { header: { key: 'location', value: 'https://login.example/' } },
              { header: { key: 'set-cookie', value: 'a=1' } },
              { header: { key: 'set-cookie', value: 'b=2' } },
            ],
            body: 'log in',
          },
        }),
  }));
  const answer = await ask(port);
  assert.equal(answer.status, 302);
  assert.equal(answer.body, 'log in');
  assert.equal(answer.headers['location'], 'https://login.example/');
  assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
  assert.equal((await ask(port, '/plain')).status, 403);
  const { flags, details } = await log.next();
  assert.deepEqual({ flags, details }, { flags: 'UAEX', details: 'ext_authz_denied' });
  assert.match(stats(), /^http\.http\.ext_authz\.denied: 2$/m);
});

test('a service that fails lets nobody in, or everybody where it is asked for', async (t) => {
  const fail: Answer = () => {
    throw new GrpcError('UNAVAILABLE', 'down');
  };
  const closed = await serveGrpc(t, fail, { status_on_error: { code: 503 } });
  assert.equal((await ask(closed.port)).status, 503);
  const { flags, details } = await closed.log.next();
  assert.deepEqual({ flags, details }, { flags: 'UAEX', details: 'ext_authz_error' });
  const open = await serveGrpc(t, fail, { failure_mode_allow: true, failure_mode_allow_header_add: true });
  const answer = await ask(open.port);
  assert.equal(seen(answer.body).headers['x-envoy-auth-failure-mode-allowed'], 'true');
  assert.match(open.stats(), /^http\.http\.ext_authz\.failure_mode_allowed: 1$/m);
  const late = await serveGrpc(t, () => new Promise(() => {}), {
    grpc_service: { envoy_grpc: { cluster_name: 'authz' }, timeout: '0.03s' },
  });
  assert.equal((await ask(late.port)).status, 403);
  assert.match(late.stats(), /^http\.http\.ext_authz\.error: 1$/m);
});

test('the body is shown up to a limit, and goes on whole', async (t) => {
  const body = 'x'.repeat(3_000);
  const post = { method: 'POST', body } as const;
  const partial = await serveGrpc(t, () => ok, {
    with_request_body: { max_request_bytes: 1_000, allow_partial_message: true },
  });
  assert.equal(seen((await ask(partial.port, '/', post)).body).body, body);
  const shown = partial.asked[0]?.attributes?.request?.http;
  assert.equal(shown?.body, body.slice(0, 1_000));
  assert.equal(shown?.headers?.['x-envoy-auth-partial-body'], 'true');
  const whole = await serveGrpc(t, () => ok, {
    with_request_body: { max_request_bytes: 5_000, pack_as_bytes: true },
  });
  assert.equal(seen((await ask(whole.port, '/', post)).body).body, body);
  assert.equal(Buffer.from(whole.asked[0]?.attributes?.request?.http?.rawBody ?? []).toString(), body);
  assert.equal((await ask(whole.port, '/', { method: 'POST', body: body + body })).status, 413);
});

test('an HTTP service sees the head under its prefix, and its answer decides', async (t) => {
  const { port, asked } = await serveByHttp(
    t,
    ({ headers }) =>
      headers.authorization === 'yes'
        ? { status: 200, headers: { 'x-user': ['first', 'jason'], 'x-internal': '1', 'x-client': 'hello' } }
        : { status: 401, headers: { 'www-authenticate': 'Basic', 'x-other': '1' }, body: 'who are you?' },
    {
      path_prefix: '/check',
      authorization_request: {
        allowed_headers: { patterns: [{ exact: 'x-told' }, { exact: 'x-told-by-us' }] },
        headers_to_add: [
          { key: 'x-proxy', value: 'lateen' },
          { key: 'x-told-by-us', value: 'us' },
        ],
      },
      authorization_response: {
        allowed_upstream_headers: { patterns: [{ exact: 'x-user' }] },
        allowed_client_headers: { patterns: [{ prefix: 'x-shown' }] },
        allowed_client_headers_on_success: { patterns: [{ exact: 'x-client' }] },
      },
    },
  );
  const allowed = await ask(port, '/a?b=c', {
    headers: {
      host: 'shop',
      authorization: 'yes',
      'x-told': 'this',
      'x-told-by-us': 'mallory',
      'x-untold': 'that',
      'x-user': 'mallory',
    },
  });
  assert.equal(allowed.headers['x-client'], 'hello');
  const { headers } = seen(allowed.body);
  assert.equal(headers['x-user'], 'jason');
  assert.equal(headers['x-internal'], undefined);
  assert.equal(asked[0]?.url, '/check/a?b=c');
  assert.equal(asked[0]?.headers.host, 'shop');
  assert.equal(asked[0]?.headers['x-told'], 'this');
  assert.equal(asked[0]?.headers['x-untold'], undefined);
  assert.equal(asked[0]?.headers['x-proxy'], 'lateen');
  assert.equal(asked[0]?.headers['x-told-by-us'], 'us');
  const denied = await ask(port);
  assert.equal(denied.status, 401);
  assert.equal(denied.body, 'who are you?');
  assert.equal(denied.headers['www-authenticate'], 'Basic');
  assert.equal(denied.headers['x-other'], undefined);
});

test("headers that a gRPC service sets are in place of the client's, whatever their append_action", async (t) => {
  for (const appendAction of ['ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS', 'APPEND_IF_EXISTS_OR_ADD'] as const) {
    const { port } = await serveGrpc(t, () => ({
      status: { code: 0 },
      okResponse: {
        headers: ['x-user', 'x-new'].map((key) => ({ header: { key, value: 'jason' }, appendAction })),
        responseHeadersToAdd: [
          { header: { key: 'x-told', value: 'a' }, append: true },
          { header: { key: 'x-told', value: 'b' }, append: true },
          { header: { key: 'x-last', value: 'a' }, append: false },
          { header: { key: 'x-last', value: 'b' }, append: false },
        ],
      },
    }));
    const answer = await ask(port, '/', { headers: { 'x-user': 'mallory' } });
    const { headers } = seen(answer.body);
    assert.deepEqual([headers['x-user'], headers['x-new']], ['jason', 'jason']);
    assert.deepEqual([answer.headers['x-told'], answer.headers['x-last']], ['a, b', 'b']);
  }
});

test('a refusal of gRPC stays one, whatever type the service gives it', async (t) => {
  const { port } = await serveGrpc(t, () => ({
    status: { code: 7 },
    deniedResponse: { headers: [{ header: { key: 'content-type', value: 'a/b' } }], body: 'no' },
  }));
  const grpc = { 'content-type': 'application/grpc' };
  assert.equal(
    (await ask(port, '/', { method: 'POST', headers: grpc })).headers['content-type'],
    grpc['content-type'],
  );
});

test('a request does not go on with headers that none can have', async (t) => {
  for (const [key, value, said] of [
    ['x a', '1', 'invalid header name: x a'],
    ['x-a', '1\r\nx-b: 2', 'invalid header value for: x-a'],
  ] as const) {
    const { port, log } = await serveGrpc(t, () => ({
      status: { code: 0 },
      okResponse: { headers: [{ header: { key, value } }] },
    }));
    const answer = await ask(port);
    assert.deepEqual([answer.status, answer.body], [503, said]);
    assert.equal((await log.next()).flags, 'DPE');
  }
});

test('the type of a refusal is that of the service, where it says something', async (t) => {
  const { port } = await serveByHttp(t, ({ url }) => ({
    status: 403,
    headers: { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'] },
    ...(url === '/silent' ? {} : { body: '{}' }),
  }));
  const said = await ask(port);
  assert.equal(said.headers['content-type'], 'application/json');
  assert.deepEqual(said.headers['set-cookie'], ['a=1', 'b=2']);
  assert.equal((await ask(port, '/silent')).headers['content-type'], undefined);
});

test('requests that nobody is asked about are refused where they are to be', async (t) => {
  const nobody = { filter: 'x', path: [{ key: 'y' }], value: { present_match: true } };
  for (const disabled of [
    { filter_enabled_metadata: nobody },
    { filter_enabled: { default_value: { numerator: 0 } } },
  ]) {
    const { port, asked, stats } = await serveGrpc(t, () => ok, {
      ...disabled,
      deny_at_disable: { default_value: true, runtime_key: 'deny' },
    });
    assert.equal((await ask(port)).status, 403);
    assert.equal(asked.length, 0);
    assert.match(stats(), /^http\.http\.ext_authz\.disabled: 1$/m);
  }
});

test('an HTTP service that answers 5xx has failed', async (t) => {
  const { port, stats } = await serveByHttp(t, () => ({ status: 500 }));
  assert.equal((await ask(port)).status, 403);
  assert.match(stats(), /^http\.http\.ext_authz\.error: 1$/m);
});

test('only what the shadow rules of RBAC take is asked about, as Istio has it for CUSTOM', async (t) => {
  const shadow = {
    name: 'envoy.filters.http.rbac',
    typed_config: {
      '@type': `${filterTypes}.rbac.v3.RBAC`,
      shadow_rules_stat_prefix: 'istio_ext_authz_',
      shadow_rules: {
        action: 'DENY',
        policies: {
          'istio-ext-authz-ns[foo]-policy[ext]-rule[0]': {
            permissions: [{ url_path: { path: { exact: '/headers' } } }],
            principals: [{ any: true }],
          },
        },
      },
    },
  };
  const { port, asked, stats } = await serveGrpc(
    t,
    () => ({ status: { code: 7 } }),
    {
      filter_enabled_metadata: {
        filter: 'envoy.filters.http.rbac',
        path: [{ key: 'istio_ext_authz_shadow_effective_policy_id' }],
        value: { string_match: { prefix: 'istio-ext-authz' } },
      },
    },
    { before: [shadow] },
  );
  assert.equal((await ask(port, '/headers')).status, 403);
  assert.equal((await ask(port, '/ip')).status, 200);
  assert.equal(asked.length, 1);
  assert.match(stats(), /^http\.http\.ext_authz\.disabled: 1$/m);
});

test('a route turns the filter off, and a new path chooses a new route where the cache is cleared', async (t) => {
  const off = { authz: { '@type': `${filterTypes}.ext_authz.v3.ExtAuthzPerRoute`, disabled: true } };
  const routes = [
    { match: { prefix: '/open' }, route: { cluster: 'up' }, typed_per_filter_config: off },
    { match: { prefix: '/admin' }, direct_response: { status: 418 } },
  ];
  const { port, asked } = await serveGrpc(
    t,
    () => ({ status: { code: 0 }, okResponse: { headers: [{ header: { key: ':path', value: '/admin' } }] } }),
    { clear_route_cache: true },
    { routes },
  );
  assert.equal((await ask(port, '/open')).status, 200);
  assert.equal(asked.length, 0);
  assert.equal((await ask(port, '/other')).status, 418);
});

test('clusters that clients make up leave nothing behind', async (t) => {
  const { port, stats } = await serveGrpc(t, () => ok, {}, { route: { route: { cluster_header: 'x-to' } } });
  assert.equal((await ask(port, '/', { headers: { 'x-to': 'nobody' } })).status, 503);
  assert.equal((await ask(port, '/', { headers: { 'x-to': 'up' } })).status, 200);
  assert.match(stats(), /^cluster\.up\.ext_authz\.ok: 1$/m);
  assert.doesNotMatch(stats(), /nobody/);
});

test('parameters of a query are set and removed, the others stay as they stand', () => {
  assert.equal(changeQuery('/p', [], []), '/p');
  assert.equal(changeQuery('/p?a=1&b=%20&a=2&c', [['a', '3']], ['c']), '/p?b=%20&a=3');
  assert.equal(changeQuery('/p?a=1', [], ['a']), '/p');
});

test('metadata that a service answers with is left alone where it is not to be taken', async (t) => {
  const told = { key: 'x-told', value: '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:who)%' };
  const setup = { route: { response_headers_to_add: [{ header: told }] } };
  const answer = (): CheckResponse => ({ ...ok, dynamicMetadata: { who: 'jason' } });
  for (const [taken, expected] of [
    [undefined, 'jason'],
    [true, 'jason'],
    [false, undefined],
  ] as const) {
    const more = taken === undefined ? {} : { enable_dynamic_metadata_ingestion: taken };
    const { port } = await serveGrpc(t, answer, more, setup);
    assert.equal((await ask(port)).headers['x-told'], expected);
  }
});
