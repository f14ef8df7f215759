import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFromJson, filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { upstream, type Closers } from '../testing/harness.ts';

async function allowed(t: Closers, match: object, origin: string): Promise<string | null> {
  const { port: up } = await upstream(t, (_, response) => response.end());
  const policy = { '@type': `${filterTypes}.cors.v3.CorsPolicy`, allow_origin_string_match: [match] };
  const route = {
    match: { prefix: '/' },
    route: { cluster: 'up' },
    typed_per_filter_config: { cors: policy },
  };
  const filter = { name: 'cors', typed_config: { '@type': `${filterTypes}.cors.v3.Cors` } };
  const { port } = await serveEnvoy(
    t,
    { route_config: routesJson([route]), http_filters: [filter, routerJson] },
    [clusterFromJson('up', [up])],
  );
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { origin } });
  await response.arrayBuffer();
  return response.headers.get('access-control-allow-origin');
}

test('a match of the star allows every origin, however it is written', async (t) => {
  for (const match of [{ exact: '*' }, { safe_regex: { regex: '\\*' } }, { suffix: '*' }])
    assert.equal(await allowed(t, match, 'http://a'), 'http://a', JSON.stringify(match));
  assert.equal(await allowed(t, { exact: 'http://b' }, 'http://a'), null);
});
