import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { clusterFromJson, filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { decodeHttpFilter } from '../decode/http-filter.ts';
import { Scope } from '../decode/scope.ts';
import {
  ask,
  exchangeRaw,
  keptAccessLog,
  statOf,
  until,
  upstream,
  type Closers,
} from '../testing/harness.ts';
import { http2Cluster, http2Upstream } from '../testing/http2-peers.ts';

const all = { match: { prefix: '/' }, route: { cluster: 'up' } };
const filter = (name: string, type: string, config: object = {}, more: object = {}): object => ({
  name,
  typed_config: { '@type': `${filterTypes}.${type}`, ...config },
  ...more,
});

/** An endpoint that answers with what it saw. */
async function mirror(t: Closers, answer: Record<string, string> = {}): Promise<number> {
  const { port } = await upstream(t, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      for (const [name, value] of Object.entries(answer)) response.setHeader(name, value);
      response.end(JSON.stringify({ headers: request.headers, body }));
    });
  });
  return port;
}

test('the buffer filter waits for the whole body and says how long it is; too much is 413', async (t) => {
  let heads = 0;
  const { port: up } = await upstream(t, (request, response) => {
    heads++;
    request.resume();
    response.end(request.headers['content-length']);
  });
  const { port, dataPlane } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        {
          match: { prefix: '/off' },
          route: { cluster: 'up' },
          typed_per_filter_config: {
            buffer: {
              '@type': `type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute`,
              disabled: true,
            },
          },
        },
        all,
      ]),
      http_filters: [filter('buffer', 'buffer.v3.Buffer', { max_request_bytes: 20 }), routerJson],
    },
    [clusterFromJson('up', [up])],
  );
  const socket = connect(port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n');
  await ask(port);
  assert.equal(heads, 1, 'the request that is not complete was sent on');
  const answer = once(socket, 'data');
  socket.write('6\r\n world\r\n0\r\n\r\n');
  assert.match(((await answer) as [Buffer])[0].toString(), /\r\n\r\n.*11/s);
  socket.destroy();
  const long = { method: 'POST', body: 'x'.repeat(21) };
  assert.equal((await ask(port, '/', long)).status, 413);
  assert.equal((await ask(port, '/off', long)).status, 200);
  assert.equal(statOf(dataPlane, 'http.http.downstream_rq_too_large'), 1);
});

test('a body that was buffered is sent on, also where it is more than is kept for a second try', async (t) => {
  const { port: up } = await upstream(t, (request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.on('end', () => response.end(String(bytes)));
  });
  const retries = { retry_on: 'connect-failure,5xx', num_retries: 2 };
  for (const [retry_policy, abandoned] of [
    [undefined, 0],
    [retries, 1],
  ] as const) {
    const { port, dataPlane } = await serveEnvoy(
      t,
      {
        route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up', retry_policy } }]),
        http_filters: [filter('buffer', 'buffer.v3.Buffer', { max_request_bytes: 5_000_000 }), routerJson],
      },
      [clusterFromJson('up', [up])],
    );
    const answer = await ask(port, '/', { method: 'POST', body: 'x'.repeat(3_000_000) });
    assert.deepEqual([answer.status, answer.body], [200, '3000000']);
    assert.equal(statOf(dataPlane, 'cluster.up.retry_or_shadow_abandoned'), abandoned);
  }
});

test('a filter that changes the body changes also what came while a filter before it was waiting', async (t) => {
  const up = await mirror(t);
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([all]),
      http_filters: [
        filter('buffer', 'buffer.v3.Buffer', { max_request_bytes: 100 }),
        filter('grpc_web', 'grpc_web.v3.GrpcWeb'),
        routerJson,
      ],
    },
    [clusterFromJson('up', [up])],
  );
  const answer = await ask(port, '/', {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web-text' },
    body: Buffer.from('hello world').toString('base64'),
  });
  const seen = JSON.parse(answer.body) as { body: string; headers: Record<string, string> };
  assert.equal(seen.headers['content-type'], 'application/grpc');
  assert.equal(seen.body, 'hello world');
});

test('header mutations are made in order, of the filter, table, host and route, on both ways', async (t) => {
  const up = await mirror(t, { 'x-from-app': '1' });
  const append = (key: string, value: string, append_action = 'APPEND_IF_EXISTS_OR_ADD') => ({
    append: { header: { key, value }, append_action },
  });
  const perRoute = (value: string) => ({
    typed_per_filter_config: {
      mutate: {
        '@type': `${filterTypes}.header_mutation.v3.HeaderMutationPerRoute`,
        mutations: { request_mutations: [append('x-order', value)] },
      },
    },
  });
  const serve = (wins: boolean) =>
    serveEnvoy(
      t,
      {
        route_config: routesJson([{ ...all, ...perRoute('route') }], perRoute('host'), perRoute('table')),
        http_filters: [
          filter('mutate', 'header_mutation.v3.HeaderMutation', {
            most_specific_header_mutations_wins: wins,
            mutations: {
              request_mutations: [
                append('x-order', 'filter'),
                { remove: 'x-secret' },
                append('x-secret', '%REQ(:METHOD)%'),
              ],
              response_mutations: [{ remove: 'x-from-app' }, append('x-code', '%RESPONSE_CODE%')],
            },
          }),
          routerJson,
        ],
      },
      [clusterFromJson('up', [up])],
    );
  const { port } = await serve(false);
  const answer = await ask(port, '/', { headers: { 'x-secret': 'theirs' } });
  const { headers } = JSON.parse(answer.body) as { headers: Record<string, string> };
  assert.equal(headers['x-order'], 'filter, route, host, table');
  assert.equal(headers['x-secret'], 'GET');
  assert.deepEqual([answer.headers['x-from-app'], answer.headers['x-code']], [undefined, '200']);
  const other = await serve(true);
  const second = JSON.parse((await ask(other.port)).body) as { headers: Record<string, string> };
  assert.equal(second.headers['x-order'], 'filter, table, host, route');
});

test('a filter that is off runs where a route turns it on, and one that is on not where it is turned off', async (t) => {
  const up = await mirror(t);
  const config = (value: object) => ({
    typed_per_filter_config: {
      fault: { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', ...value },
    },
  });
  const abort = { abort: { http_status: 418, percentage: { numerator: 100 } } };
  const serve = (disabled: boolean, value: object) =>
    serveEnvoy(
      t,
      {
        route_config: routesJson([{ ...all, match: { prefix: '/x' }, ...config(value) }, all]),
        http_filters: [filter('fault', 'fault.v3.HTTPFault', abort, { disabled }), routerJson],
      },
      [clusterFromJson('up', [up])],
    );
  const off = await serve(true, {});
  assert.equal((await ask(off.port)).status, 200);
  assert.equal((await ask(off.port, '/x')).status, 418);
  const on = await serve(false, { disabled: true });
  assert.equal((await ask(on.port)).status, 418);
  assert.equal((await ask(on.port, '/x')).status, 200);
});

/** One message of gRPC-Web, and the frame of its trailers. */
const message = Buffer.from([0, 0, 0, 0, 3, 1, 2, 3]);

test('a browser speaks gRPC-Web, in bytes and in text, to an endpoint of gRPC', async (t) => {
  const seen: string[] = [];
  const { port: up } = await http2Upstream(t, (stream, headers) => {
    seen.push(String(headers['content-type']), String(headers['te']));
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }));
      stream.end(Buffer.concat(chunks));
    });
  });
  const { port } = await serveEnvoy(
    t,
    { route_config: routesJson([all]), http_filters: [filter('web', 'grpc_web.v3.GrpcWeb'), routerJson] },
    [http2Cluster('up', [up])],
  );
  const call = async (type: string, body: Buffer | string) => {
    const answer = await fetch(`http://127.0.0.1:${port}/pkg.Service/Call`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });
    return { type: answer.headers.get('content-type'), body: Buffer.from(await answer.arrayBuffer()) };
  };
  const trailers = 'grpc-status:0\r\ngrpc-message:fine\r\n';
  const wanted = Buffer.concat([
    message,
    Buffer.from([0x80, 0, 0, 0, trailers.length]),
    Buffer.from(trailers),
  ]);
  const bytes = await call('application/grpc-web+proto', message);
  assert.equal(bytes.type, 'application/grpc-web+proto');
  assert.deepEqual(bytes.body, wanted);
  const text = await call('application/grpc-web-text', message.toString('base64'));
  assert.equal(text.type, 'application/grpc-web-text+proto');
  assert.deepEqual(Buffer.from(text.body.toString(), 'base64'), wanted);
  assert.deepEqual(seen, ['application/grpc+proto', 'trailers', 'application/grpc', 'trailers']);
});

const fault = (config: object): object => filter('fault', 'fault.v3.HTTPFault', config);
const always = { percentage: { numerator: 100 } };

test('faults by headers, up to the share that is configured', async (t) => {
  const up = await mirror(t);
  const log = keptAccessLog('%RESPONSE_FLAGS%');
  const { port, dataPlane } = await serveEnvoy(
    t,
    {
      route_config: routesJson([all]),
      http_filters: [
        fault({ delay: { header_delay: {}, ...always }, abort: { header_abort: {}, ...always } }),
        routerJson,
      ],
    },
    [clusterFromJson('up', [up])],
    log.options,
  );
  const began = performance.now();
  const headers = { 'x-envoy-fault-delay-request': '40', 'x-envoy-fault-abort-request': '429' };
  assert.equal((await ask(port, '/', { headers })).status, 429);
  assert.ok(performance.now() - began >= 39);
  assert.equal((await ask(port)).status, 200);
  const never = {
    ...headers,
    'x-envoy-fault-abort-request-percentage': '0',
    'x-envoy-fault-delay-request': '1',
  };
  assert.equal((await ask(port, '/', { headers: never })).status, 200);
  assert.equal(statOf(dataPlane, 'http.http.fault.aborts_injected'), 1);
  assert.equal(statOf(dataPlane, 'http.http.fault.delays_injected'), 2);
  assert.equal(statOf(dataPlane, 'http.http.fault.active_faults'), 0);
});

test('faults are for nodes, clusters and so many requests at a time', async (t) => {
  const up = await mirror(t);
  const clock = new TestClock();
  const serve = (config: object) =>
    serveEnvoy(
      t,
      { route_config: routesJson([all]), http_filters: [fault(config), routerJson] },
      [clusterFromJson('up', [up])],
      { clock },
    );
  const abort = { abort: { http_status: 500, ...always } };
  const nodes = await serve({ ...abort, downstream_nodes: ['a'] });
  assert.equal((await ask(nodes.port)).status, 200);
  const headers = { 'x-envoy-downstream-service-node': 'a' };
  assert.equal((await ask(nodes.port, '/', { headers })).status, 500);
  const other = await serve({ ...abort, upstream_cluster: 'other' });
  assert.equal((await ask(other.port)).status, 200);
  const own = await serve({ ...abort, upstream_cluster: 'up' });
  assert.equal((await ask(own.port)).status, 500);
  const few = await serve({ delay: { fixed_delay: '0.08s', ...always }, max_active_faults: 1 });
  let answered = false;
  const delayed = ask(few.port).then(() => (answered = true));
  await until(() => statOf(few.dataPlane, 'http.http.fault.active_faults') > 0);
  await ask(few.port);
  assert.equal(answered, false);
  clock.advance(80);
  await delayed;
  assert.equal(statOf(few.dataPlane, 'http.http.fault.faults_overflow'), 1);
});

test('answers are slowed down to so many KiB a second', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end(Buffer.alloc(30_000, 'a')));
  const { port, dataPlane } = await serveEnvoy(
    t,
    {
      route_config: routesJson([all]),
      http_filters: [
        fault({ response_rate_limit: { fixed_limit: { limit_kbps: 100 }, ...always } }),
        routerJson,
      ],
    },
    [clusterFromJson('up', [up])],
  );
  const began = performance.now();
  assert.equal((await ask(port)).body.length, 30_000);
  const tookMs = performance.now() - began;
  assert.ok(tookMs > 200 && tookMs < 2_000, String(tookMs));
  assert.equal(statOf(dataPlane, 'http.http.fault.response_rl_injected'), 1);
  assert.equal(statOf(dataPlane, 'http.http.fault.active_faults'), 0);
});

test('a preflight that no rule allows is answered here where it is not to be sent on', async (t) => {
  const up = await mirror(t);
  const cors = (policy: object) => ({
    typed_per_filter_config: {
      cors: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy',
        allow_origin_string_match: [{ exact: 'https://a.example' }],
        ...policy,
      },
    },
  });
  const { port, dataPlane } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        { ...all, match: { prefix: '/here' }, ...cors({ forward_not_matching_preflights: false }) },
        { ...all, ...cors({ allow_private_network_access: true }) },
      ]),
      http_filters: [filter('cors', 'cors.v3.Cors'), routerJson],
    },
    [clusterFromJson('up', [up])],
  );
  const preflight = (path: string, origin: string) =>
    ask(port, path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'GET',
        'access-control-request-private-network': 'true',
      },
    });
  const refused = await preflight('/here', 'https://evil.example');
  assert.deepEqual(
    [refused.status, refused.body, refused.headers['access-control-allow-origin']],
    [200, '', undefined],
  );
  assert.notEqual((await preflight('/', 'https://evil.example')).body, '');
  const allowed = await preflight('/', 'https://a.example');
  assert.equal(allowed.headers['access-control-allow-private-network'], 'true');
  assert.equal(statOf(dataPlane, 'http.http.cors.origin_valid'), 1);
  assert.equal(statOf(dataPlane, 'http.http.cors.origin_invalid'), 2);
});

test('filters that run programs of others are refused with the reason', () => {
  const scope = Scope.root();
  const typedConfig = {
    typeUrl: 'type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua',
    value: new Uint8Array(),
  };
  decodeHttpFilter(scope, { name: 'lua', typedConfig }, { trafficDirection: 'unspecified' });
  const result = scope.result(undefined);
  assert.ok(!result.ok);
  assert.match(result.problems[0]?.message ?? '', /not supported: programs of others are not run/);
});

test('a request whose client is gone while it is held back leaves nothing behind', async (t) => {
  const up = await mirror(t);
  const { port, dataPlane } = await serveEnvoy(
    t,
    {
      route_config: routesJson([all]),
      http_filters: [
        filter('buffer', 'buffer.v3.Buffer', { max_request_bytes: 1_000 }),
        fault({ delay: { fixed_delay: '10s', ...always } }),
        routerJson,
      ],
    },
    [clusterFromJson('up', [up])],
  );
  await exchangeRaw(port, 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf', { end: true });
  await exchangeRaw(port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n', { end: true });
  assert.equal(statOf(dataPlane, 'http.http.downstream_rq_active'), 0);
  assert.equal(statOf(dataPlane, 'http.http.fault.active_faults'), 0);
  assert.equal(statOf(dataPlane, 'http.http.fault.delays_injected'), 1);
});
