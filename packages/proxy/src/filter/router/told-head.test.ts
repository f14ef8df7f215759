import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import { clusterFromJson, routerJson, routesJson, serveEnvoy } from '../../testing/envoy-config.ts';
import { upstream, type Closers } from '../../testing/harness.ts';

const all = { match: { prefix: '/' }, route: { cluster: 'up' } };

/** What an endpoint is told of a request for `/a` by a client that gives these headers. */
async function told(
  t: Closers,
  manager: object,
  headers: Readonly<Record<string, string>> = {},
  node = { id: 'me', cluster: 'front', metadata: {} },
): Promise<IncomingHttpHeaders & { readonly path: string | undefined }> {
  const { port: up } = await upstream(t, ({ url, headers: seen }, response) =>
    response.end(JSON.stringify({ ...seen, path: url })),
  );
  const { port } = await serveEnvoy(
    t,
    { route_config: routesJson([all]), http_filters: [routerJson], ...manager },
    [clusterFromJson('up', [up])],
    { node },
  );
  const asked = request({
    port,
    host: '127.0.0.1',
    path: '/a',
    headers: { host: 'asked', ...headers },
    agent: false,
  });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return (await json(response)) as IncomingHttpHeaders & { readonly path: string | undefined };
}

test('headers of a route tell what was asked for, and may take off what the proxy itself adds', async (t) => {
  const route = {
    ...all,
    route: { cluster: 'up', prefix_rewrite: '/b', host_rewrite_literal: 'other', timeout: '3s' },
    request_headers_to_add: [{ header: { key: 'x-told', value: '%REQ(:path)% at %REQ(:authority)%' } }],
    request_headers_to_remove: ['x-envoy-expected-rq-timeout-ms', 'x-envoy-attempt-count'],
  };
  const table = routesJson([route], { include_request_attempt_count: true });
  const seen = await told(t, { route_config: table });
  assert.equal(seen['x-told'], '/a at asked');
  assert.deepEqual([seen.path, seen.host], ['/ba', 'other']);
  assert.equal(seen['x-envoy-original-path'], '/a');
  assert.equal(seen['x-envoy-expected-rq-timeout-ms'], undefined);
  assert.equal(seen['x-envoy-attempt-count'], undefined);
});

test('add_user_agent names the proxy to endpoints, and clients that have no name', async (t) => {
  const seen = await told(t, { add_user_agent: true });
  assert.equal(seen['user-agent'], 'front');
  assert.equal(seen['x-envoy-downstream-service-cluster'], 'front');
  assert.equal(seen['x-envoy-downstream-service-node'], 'me');
  assert.equal((await told(t, { add_user_agent: true }, { 'user-agent': 'curl' }))['user-agent'], 'curl');
  assert.equal((await told(t, {}))['x-envoy-downstream-service-cluster'], undefined);
});
