import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFromJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, keptAccessLog, until, upstream } from '../testing/harness.ts';

const header = (name: string, string_match: object): object => ({ name, string_match });
const access_log = [
  {
    name: 'log',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
      log_format: {
        text_format_source: { inline_string: '%REQ(:METHOD)% %RESPONSE_CODE% %VIRTUAL_CLUSTER_NAME%' },
      },
    },
  },
];
const routes = [
  { match: { prefix: '/items/direct' }, direct_response: { status: 204 } },
  { match: { prefix: '/items/nowhere' }, route: { cluster: 'none' } },
  { match: { prefix: '/' }, route: { cluster: 'up', prefix_rewrite: '/rewritten/' } },
];
const virtual_clusters = [
  {
    name: 'put item',
    headers: [header(':path', { prefix: '/items/' }), header(':method', { exact: 'PUT' })],
  },
  { name: 'items', headers: [header(':path', { safe_regex: { regex: '/items/.*' } })] },
];

test('the log names a request that is sent on, by what it was before its path was rewritten', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end());
  const log = keptAccessLog('');
  const { port } = await serveEnvoy(
    t,
    { route_config: routesJson(routes, { virtual_clusters }), access_log },
    [clusterFromJson('up', [up])],
    log.options,
  );
  const asked: readonly (readonly [string, string])[] = [
    ['PUT', '/items/1'],
    ['GET', '/items/1'],
    ['PUT', '/other'],
    ['GET', '/items/direct'],
    ['GET', '/items/nowhere'],
  ];
  for (const [method, path] of asked) await ask(port, path, { method });
  await until(() => log.lines.length === asked.length);
  assert.deepEqual(log.lines, ['PUT 200 put item', 'GET 200 items', 'PUT 200 -', 'GET 204 -', 'GET 503 -']);
});

test('a virtual cluster whose expression is none is refused', async (t) => {
  const bad = [{ name: 'bad', headers: [header(':path', { safe_regex: { regex: '(' } })] }];
  const served = serveEnvoy(t, { route_config: routesJson(routes, { virtual_clusters: bad }) }, []);
  await assert.rejects(served, /virtual_clusters/);
});
