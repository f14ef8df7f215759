import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import {
  clusterFromJson,
  filterTypes,
  routerJson,
  routesJson,
  serveEnvoy,
} from '../../testing/envoy-config.ts';
import { ask, upstream, type Closers } from '../../testing/harness.ts';

const all = { default_value: { numerator: 100 } };
const bucket = (tokens: number) => ({ max_tokens: tokens, tokens_per_fill: tokens, fill_interval: '60s' });

function limitJson(more: object) {
  return {
    name: 'limit',
    typed_config: {
      '@type': `${filterTypes}.local_ratelimit.v3.LocalRateLimit`,
      stat_prefix: 'l',
      token_bucket: bucket(100),
      filter_enabled: all,
      filter_enforced: all,
      ...more,
    },
  };
}

async function serve(t: Closers, limit: object, route: object = {}, options = {}) {
  const { port: up } = await upstream(t, (request, response) =>
    response.end(`late=${request.headers['x-late'] ?? 'no'}`),
  );
  return serveEnvoy(
    t,
    {
      route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up', ...route } }]),
      http_filters: [limitJson(limit), routerJson],
    },
    [clusterFromJson('up', [up])],
    options,
  );
}

test('requests with the entries of a descriptor have a bucket of their own', async (t) => {
  const clock = new TestClock();
  const { port } = await serve(
    t,
    {
      descriptors: [
        { entries: [{ key: 'user', value: 'jason' }], token_bucket: bucket(2) },
        {
          entries: [
            { key: 'user', value: 'jason' },
            { key: 'kind', value: 'slow' },
          ],
          token_bucket: bucket(1),
        },
      ],
      enable_x_ratelimit_headers: 'DRAFT_VERSION_03',
      response_headers_to_add: [{ header: { key: 'x-limited-by', value: 'l' } }],
    },
    {
      rate_limits: [
        { actions: [{ request_headers: { header_name: 'end-user', descriptor_key: 'user' } }] },
        {
          actions: [
            { request_headers: { header_name: 'end-user', descriptor_key: 'user' } },
            {
              header_value_match: {
                descriptor_key: 'kind',
                descriptor_value: 'slow',
                headers: [{ name: 'slow' }],
              },
            },
          ],
        },
      ],
    },
    { clock },
  );
  const as = (headers: Record<string, string>) => ask(port, '/', { headers });
  const first = await as({ 'end-user': 'jason' });
  assert.equal(first.status, 200);
  assert.equal(first.headers['x-ratelimit-limit'], '2');
  assert.equal(first.headers['x-ratelimit-remaining'], '1');
  assert.equal(first.headers['x-limited-by'], undefined);
  assert.equal((await as({ 'end-user': 'jason' })).status, 200);
  const third = await as({ 'end-user': 'jason' });
  assert.equal(third.status, 429);
  assert.equal(third.headers['x-limited-by'], 'l');
  assert.equal(third.headers['x-ratelimit-reset'], '60');
  assert.equal((await as({ 'end-user': 'jane' })).headers['x-ratelimit-limit'], '100');
  clock.advance(60_000);
  assert.equal((await as({ 'end-user': 'jason', slow: '1' })).status, 200);
  assert.equal((await as({ 'end-user': 'jason', slow: '1' })).headers['x-ratelimit-limit'], '1');
});

test('a limit that is not enforced marks the request for the application', async (t) => {
  const { port } = await serve(t, {
    token_bucket: bucket(1),
    filter_enforced: { default_value: { numerator: 0 } },
    request_headers_to_add_when_not_enforced: [{ header: { key: 'x-late', value: 'yes' } }],
  });
  assert.equal((await ask(port)).body, 'late=no');
  const late = await ask(port);
  assert.equal(late.status, 200);
  assert.equal(late.body, 'late=yes');
});

test('each connection may have its own bucket', async (t) => {
  const { port } = await serve(t, {
    token_bucket: bucket(1),
    local_rate_limit_per_downstream_connection: true,
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const kept = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port, agent }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      });
      request.on('error', reject);
      request.end();
    });
  assert.deepEqual([await kept(), await kept()], [200, 429]);
  assert.equal((await ask(port)).status, 200);
});

test('a filter without a bucket limits only where routes have one', async (t) => {
  const limited = {
    '@type': `${filterTypes}.local_ratelimit.v3.LocalRateLimit`,
    stat_prefix: 'r',
    token_bucket: bucket(1),
    filter_enabled: all,
    filter_enforced: all,
  };
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        {
          match: { prefix: '/limited' },
          direct_response: { status: 200 },
          typed_per_filter_config: { limit: limited },
        },
        { match: { prefix: '/' }, direct_response: { status: 200 } },
      ]),
      http_filters: [
        limitJson({ token_bucket: undefined, enable_x_ratelimit_headers: 'DRAFT_VERSION_03' }),
        routerJson,
      ],
    },
    [],
  );
  const statuses = async (path: string) => [(await ask(port, path)).status, (await ask(port, path)).status];
  assert.deepEqual(await statuses('/'), [200, 200]);
  assert.deepEqual(await statuses('/limited'), [200, 429]);
  assert.equal((await ask(port)).headers['x-ratelimit-limit'], undefined);
});

test('a gRPC request that is too many ends as the filter says', async (t) => {
  const { port } = await serve(t, { token_bucket: bucket(1), rate_limited_as_resource_exhausted: true });
  assert.equal((await ask(port)).status, 200);
  const answer = await ask(port, '/s/m', { method: 'POST', headers: { 'content-type': 'application/grpc' } });
  assert.equal(answer.headers['grpc-status'], '8');
});
