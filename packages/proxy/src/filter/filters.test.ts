import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  defaultForward,
  defaultRoute,
  type CorsPolicy,
  type FaultPolicy,
  type HttpFilter,
  type Route,
} from '../model/index.ts';
import { ask, cluster, exchangeRaw, serveHttp, upstream, type Closers } from '../testing/harness.ts';

const router: HttpFilter = {
  name: 'router',
  config: { kind: 'router', suppressEnvoyHeaders: false },
  disabled: false,
};

/** An endpoint that answers with what it was asked, as JSON. */
async function mirrorUpstream(t: Closers): Promise<number> {
  const { port } = await upstream(t, (request, response) => {
    response.setHeader('x-from-app', 'yes');
    response.end(JSON.stringify({ url: request.url, method: request.method, headers: request.headers }));
  });
  return port;
}

interface Seen {
  readonly url: string;
  readonly headers: Record<string, string | undefined>;
}

function seen(body: string): Seen {
  return JSON.parse(body) as Seen;
}

function faultFilters(policy: Partial<FaultPolicy>): HttpFilter[] {
  const config = { kind: 'fault' as const, policy: { headers: [], upstreamCluster: '', ...policy } };
  return [{ name: 'fault', config, disabled: false }, router];
}

const always = { numerator: 100, denominator: 100 as const };

test('a fault of the route aborts, with the flag FI, only the requests that its headers pick', async (t) => {
  const up = await mirrorUpstream(t);
  const lines: string[] = [];
  const abort = { kind: 'http' as const, status: 418, fraction: always };
  const jason = {
    name: 'end-user',
    match: { kind: 'string' as const, string: { kind: 'exact' as const, value: 'jason' } },
    invert: false,
    treatMissingAsEmpty: false,
  };
  const route: Route = {
    ...defaultRoute(defaultForward('up')),
    filterConfig: { fault: { kind: 'fault', policy: { abort, headers: [jason], upstreamCluster: '' } } },
  };
  const { port } = await serveHttp(
    t,
    [route],
    [cluster('up', [up])],
    {
      httpFilters: faultFilters({}),
      accessLogs: [
        {
          name: 'log',
          sink: { kind: 'stdout' },
          format: { kind: 'text', text: '%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%' },
        },
      ],
    },
    { writeAccessLog: (_sink, text) => void lines.push(text) },
  );
  const aborted = await ask(port, '/', { headers: { 'end-user': 'jason' } });
  assert.equal(aborted.status, 418);
  assert.equal(aborted.body, 'fault filter abort');
  assert.equal((await ask(port)).status, 200);
  assert.deepEqual(lines, ['FI fault_filter_abort', '- via_upstream']);
});

test('a delay holds a request back with its body, and delay and abort go together', async (t) => {
  const { port: up } = await upstream(t, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => response.end(body));
  });
  const delay = { fixedMs: 60, fraction: always };
  const routes = [defaultRoute(defaultForward('up'))];
  const delayed = await serveHttp(t, routes, [cluster('up', [up])], { httpFilters: faultFilters({ delay }) });
  const began = performance.now();
  const body = 'x'.repeat(200_000);
  const answer = await ask(delayed.port, '/', { method: 'POST', body });
  assert.ok(answer.body === body);
  assert.ok(performance.now() - began >= 59);
  const both = await serveHttp(t, routes, [cluster('up', [up])], {
    httpFilters: faultFilters({ delay, abort: { kind: 'http', status: 500, fraction: always } }),
  });
  assert.equal((await ask(both.port)).status, 500);
});

test('a fault for gRPC is an answer that gRPC understands', async (t) => {
  const { port } = await serveHttp(t, [defaultRoute(defaultForward('up'))], [cluster('up', [])], {
    httpFilters: faultFilters({ abort: { kind: 'grpc', status: 14, fraction: always } }),
  });
  const { status, headers } = await ask(port, '/pkg.Service/Method', {
    method: 'POST',
    headers: { 'content-type': 'application/grpc' },
  });
  assert.equal(status, 200);
  assert.equal(headers['grpc-status'], '14');
  assert.equal(headers['grpc-message'], 'fault filter abort');
});

test('CORS preflights are answered, answers marked, other origins left to the application', async (t) => {
  const up = await mirrorUpstream(t);
  const policy: CorsPolicy = {
    allowOrigins: [{ kind: 'exact', value: 'https://shop.example' }],
    allowMethods: 'GET,POST',
    allowHeaders: 'x-token',
    exposeHeaders: 'x-from-app',
    maxAge: '600',
    allowCredentials: true,
    forwardNotMatchingPreflights: true,
  };
  const route: Route = {
    ...defaultRoute(defaultForward('up')),
    filterConfig: { cors: { kind: 'cors', policy } },
  };
  const { port } = await serveHttp(t, [route], [cluster('up', [up])], {
    httpFilters: [{ name: 'cors', config: { kind: 'cors' }, disabled: false }, router],
  });
  const preflight = await ask(port, '/', {
    method: 'OPTIONS',
    headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST' },
  });
  assert.equal(preflight.status, 200);
  assert.equal(preflight.headers['access-control-allow-origin'], 'https://shop.example');
  assert.equal(preflight.headers['access-control-allow-methods'], 'GET,POST');
  assert.equal(preflight.headers['access-control-max-age'], '600');
  assert.equal(preflight.headers['x-from-app'], undefined);
  const simple = await ask(port, '/', { headers: { origin: 'https://shop.example' } });
  assert.equal(simple.headers['access-control-allow-credentials'], 'true');
  assert.equal(simple.headers['access-control-expose-headers'], 'x-from-app');
  const other = await ask(port, '/', { headers: { origin: 'https://evil.example' } });
  assert.equal(other.headers['access-control-allow-origin'], undefined);
  assert.equal(other.status, 200);
});

test('at the edge a client is named by its address and may not speak for the mesh', async (t) => {
  const up = await mirrorUpstream(t);
  const { port } = await serveHttp(t, [defaultRoute(defaultForward('up'))], [cluster('up', [up])], {
    useRemoteAddress: true,
    via: 'gateway',
  });
  const { body, headers: answer } = await ask(port, '/', {
    headers: { 'x-forwarded-for': '203.0.113.9', 'x-request-id': 'mine' },
  });
  const { headers } = seen(body);
  assert.equal(headers['x-forwarded-for'], '203.0.113.9,127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'http');
  assert.equal(headers['via'], 'gateway');
  assert.equal(answer['via'], 'gateway');
});

test('inside the mesh what the headers say of the client is kept', async (t) => {
  const up = await mirrorUpstream(t);
  const { port } = await serveHttp(t, [defaultRoute(defaultForward('up'))], [cluster('up', [up])]);
  const { body } = await ask(port, '/', {
    headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https', 'x-request-id': 'kept' },
  });
  const { headers } = seen(body);
  assert.equal(headers['x-forwarded-for'], '203.0.113.9');
  assert.equal(headers['x-forwarded-proto'], 'https');
  assert.equal(headers['x-request-id'], 'kept');
});

test('headers are added, replaced and removed on both ways, with what is known of the request in them', async (t) => {
  const up = await mirrorUpstream(t);
  const addition = (name: string, value: string, action: 'append' | 'overwrite' | 'add_if_absent') => ({
    name,
    value,
    action,
    keepEmpty: false,
  });
  const route: Route = {
    ...defaultRoute({
      ...defaultForward('up'),
      prefixRewrite: '/new/',
      hostRewrite: { kind: 'literal', value: 'other.example' },
    }),
    requestHeaders: {
      add: [
        addition('x-client', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', 'append'),
        addition('x-set', 'new', 'overwrite'),
        addition('x-there', 'not this', 'add_if_absent'),
      ],
      remove: ['x-secret'],
    },
    responseHeaders: {
      add: [addition('x-served', '%PROTOCOL% %RESPONSE_CODE%', 'append')],
      remove: ['x-from-app'],
    },
  };
  const { port } = await serveHttp(t, [route], [cluster('up', [up])]);
  const { body, headers: answer } = await ask(port, '/old?q=1', {
    headers: { 'x-set': 'old', 'x-there': 'yes', 'x-secret': 's' },
  });
  const { url, headers } = seen(body);
  assert.equal(url, '/new/old?q=1');
  assert.equal(headers['host'], 'other.example');
  assert.equal(headers['x-envoy-original-path'], '/old?q=1');
  assert.equal(headers['x-client'], '127.0.0.1');
  assert.equal(headers['x-set'], 'new');
  assert.equal(headers['x-there'], 'yes');
  assert.equal(headers['x-secret'], undefined);
  assert.equal(answer['x-from-app'], undefined);
  assert.equal(answer['x-served'], 'HTTP/1.1 200');
});

test('a header value cannot break out of its line', async (t) => {
  const up = await mirrorUpstream(t);
  const route: Route = {
    ...defaultRoute(defaultForward('up')),
    requestHeaders: {
      add: [{ name: 'x-copy', value: 'a\r\nx-evil: 1', action: 'append', keepEmpty: false }],
      remove: [],
    },
  };
  const { port } = await serveHttp(t, [route], [cluster('up', [up])]);
  const { headers } = seen((await ask(port)).body);
  assert.equal(headers['x-evil'], undefined);
  assert.equal(headers['x-copy'], 'ax-evil: 1');
});

test('a copy of each request, body and all, goes to the mirror, and nobody waits for its answer', async (t) => {
  const { port: up } = await upstream(t, (request, response) => {
    request.resume();
    request.on('end', () => response.end('original'));
  });
  const copy = Promise.withResolvers<{ host: string | undefined; body: string; url: string | undefined }>();
  const { port: shadow } = await upstream(t, (request) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => copy.resolve({ host: request.headers.host, body, url: request.url }));
  });
  const route = defaultRoute({ ...defaultForward('up'), mirrors: [{ cluster: 'shadow' }] });
  const { port } = await serveHttp(t, [route], [cluster('up', [up]), cluster('shadow', [shadow])]);
  const body = 'b'.repeat(100_000);
  const answer = await ask(port, '/p', { method: 'POST', body, headers: { host: 'svc.example:80' } });
  assert.equal(answer.body, 'original');
  const seenByShadow = await copy.promise;
  assert.equal(seenByShadow.host, 'svc.example-shadow:80');
  assert.equal(seenByShadow.url, '/p');
  assert.ok(seenByShadow.body === body);
});

test('a redirect and a direct response need no endpoint', async (t) => {
  const at = (value: string, route: Route): Route => ({
    ...route,
    match: { ...route.match, path: { kind: 'exact', value } },
  });
  const { port } = await serveHttp(
    t,
    [
      at(
        '/old',
        defaultRoute({
          kind: 'redirect',
          status: 308,
          path: { kind: 'full', value: '/new' },
          stripQuery: false,
        }),
      ),
      at(
        '/teapot',
        defaultRoute({ kind: 'direct_response', status: 418, body: Buffer.from('short and stout') }),
      ),
    ],
    [],
  );
  const redirect = await ask(port, '/old?a=b', { headers: { host: 'h' } });
  assert.equal(redirect.status, 308);
  assert.equal(redirect.headers['location'], 'http://h/new?a=b');
  const teapot = await ask(port, '/teapot');
  assert.equal(teapot.status, 418);
  assert.equal(teapot.body, 'short and stout');
  const head = await exchangeRaw(port, 'HEAD /teapot HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
  assert.match(head, /\r\ncontent-length: 15\r\n/);
  assert.match(head, /\r\n\r\n$/);
});
