import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFromJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, upstream } from '../testing/harness.ts';

const named = (name: string): object => ({
  name,
  headers: [{ name: ':path', string_match: { prefix: `/${name}` } }],
});
const retry_policy = { retry_on: '5xx', num_retries: 1, retry_back_off: { base_interval: '0.001s' } };
const routes = [
  { match: { prefix: '/slow' }, route: { cluster: 'up', timeout: '0.05s' } },
  { match: { prefix: '/bad' }, route: { cluster: 'up', retry_policy } },
  { match: { prefix: '/full' }, route: { cluster: 'full', retry_policy } },
  { match: { prefix: '/moved' }, route: { cluster: 'up', internal_redirect_policy: {} } },
  { match: { prefix: '/direct' }, direct_response: { status: 204 } },
  { match: { prefix: '/nowhere' }, route: { cluster: 'none' } },
  { match: { prefix: '/empty' }, route: { cluster: 'empty' } },
  { match: { prefix: '/' }, route: { cluster: 'up', prefix_rewrite: '/rewritten/' } },
];
const names = ['good', 'slow', 'bad', 'full', 'moved', 'direct', 'nowhere', 'empty'];

/** What is not 0 of the statistics of virtual clusters, without times. */
function countsOf(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('vhost.') && !/: 0$|upstream_rq_time:/.test(line))
    .map((line) => line.replace(/^vhost\.[^.]+\.vcluster\./, ''));
}

test('requests are counted by the names that their virtual host has for them, as Envoy 1.40 counts them', async (t) => {
  let tries = 0;
  const { port: up } = await upstream(t, (request, response) => {
    const { url = '' } = request;
    if (url.startsWith('/slow')) return;
    if (url.startsWith('/moved'))
      response.writeHead(302, { location: `http://${request.headers.host}/good` });
    else if (url === '/bad/once') response.statusCode = tries++ === 0 ? 503 : 200;
    else if (/^\/(?:bad|full)/.test(url)) response.statusCode = 503;
    response.end();
  });
  const full = { circuit_breakers: { thresholds: [{ max_retries: 0 }] } };
  const { port, dataPlane } = await serveEnvoy(
    t,
    { route_config: routesJson(routes, { virtual_clusters: names.map(named) }) },
    [clusterFromJson('up', [up]), clusterFromJson('full', [up], full), clusterFromJson('empty', [])],
  );
  const paths = ['/good', '/slow', '/bad/once', '/bad/always', '/full', '/moved', '/direct', '/nowhere'];
  for (const path of [...paths, '/empty', '/of/no/name']) await ask(port, path);
  assert.deepEqual(countsOf(dataPlane.stats.text()), [
    'bad.upstream_rq_200: 1',
    'bad.upstream_rq_2xx: 1',
    'bad.upstream_rq_503: 1',
    'bad.upstream_rq_5xx: 1',
    'bad.upstream_rq_completed: 2',
    'bad.upstream_rq_retry: 2',
    'bad.upstream_rq_retry_limit_exceeded: 1',
    'bad.upstream_rq_retry_success: 1',
    'bad.upstream_rq_total: 4',
    'empty.upstream_rq_503: 1',
    'empty.upstream_rq_5xx: 1',
    'empty.upstream_rq_completed: 1',
    'full.upstream_rq_503: 1',
    'full.upstream_rq_5xx: 1',
    'full.upstream_rq_completed: 1',
    'full.upstream_rq_retry_overflow: 1',
    'full.upstream_rq_total: 1',
    'good.upstream_rq_200: 2',
    'good.upstream_rq_2xx: 2',
    'good.upstream_rq_completed: 2',
    'good.upstream_rq_total: 2',
    'moved.upstream_rq_total: 1',
    'other.upstream_rq_200: 1',
    'other.upstream_rq_2xx: 1',
    'other.upstream_rq_completed: 1',
    'other.upstream_rq_total: 1',
    'slow.upstream_rq_504: 1',
    'slow.upstream_rq_5xx: 1',
    'slow.upstream_rq_completed: 1',
    'slow.upstream_rq_timeout: 1',
    'slow.upstream_rq_total: 1',
  ]);
  // A redirect that is followed here is nobody's answer.
  assert.doesNotMatch(dataPlane.stats.text(), /^cluster\.up\.upstream_rq_302/m);
  const times = [...dataPlane.stats.prometheus().matchAll(/rq_time_count\{.*cluster="(\w+)"\} (\d+)/g)];
  const ofNames = times.filter(([line]) => line.includes('virtual_cluster='));
  assert.deepEqual(
    ofNames.map(([, name, count]) => `${name} ${count}`),
    ['good 2', 'bad 2', 'full 1', 'other 1'],
  );
});

test('a virtual host without names for requests has no statistics of them', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end());
  const { port, dataPlane } = await serveEnvoy(t, { route_config: routesJson(routes) }, [
    clusterFromJson('up', [up]),
  ]);
  await ask(port, '/good');
  assert.doesNotMatch(dataPlane.stats.text(), /vcluster/);
});
