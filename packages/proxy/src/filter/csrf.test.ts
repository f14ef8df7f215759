import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clusterFromJson,
  filterTypes,
  listenerFromJson,
  routerJson,
  routesJson,
  serveEnvoy,
} from '../testing/envoy-config.ts';
import { ask, statOf, upstream, type Closers } from '../testing/harness.ts';
import { hostAndPort } from './csrf.ts';

const type = `${filterTypes}.csrf.v3.CsrfPolicy`;
const every = { default_value: { numerator: 100 } };
const none = { default_value: { numerator: 0 } };
const all = { match: { prefix: '/' }, route: { cluster: 'up' } };

async function start(t: Closers, policy: object, routes: readonly object[] = [all]) {
  const { port: up } = await upstream(t, (_, response) => void response.end('done'));
  const filter = { name: 'csrf', typed_config: { '@type': type, ...policy } };
  const { port, dataPlane } = await serveEnvoy(
    t,
    { route_config: routesJson(routes), http_filters: [filter, routerJson] },
    [clusterFromJson('up', [up])],
  );
  const post = async (headers: Record<string, string>, path = '/', method = 'POST'): Promise<number> =>
    (await ask(port, path, { method, headers: { host: 'shop.example', ...headers } })).status;
  return { post, stat: (name: string) => statOf(dataPlane, `http.http.csrf.${name}`) };
}

test('a request that changes something passes only where it comes from the same site', async (t) => {
  const { post, stat } = await start(t, { filter_enabled: every });
  assert.equal(await post({ origin: 'https://shop.example' }), 200);
  assert.equal(await post({ origin: 'https://evil.example' }), 403);
  assert.equal(await post({ origin: 'https://shop.example:8443' }), 403);
  assert.equal(await post({ referer: 'https://shop.example/cart?a=b' }), 200);
  assert.equal(await post({ origin: 'null', referer: 'https://evil.example/shop.example' }), 403);
  assert.equal(await post({}), 403);
  assert.equal(await post({ origin: 'https://evil.example' }, '/', 'GET'), 200);
  for (const method of ['PUT', 'PATCH', 'DELETE']) assert.equal(await post({}, '/', method), 403, method);
  assert.deepEqual(
    [stat('request_valid'), stat('request_invalid'), stat('missing_source_origin')],
    [2, 3, 4],
  );
});

test('other sites may be named', async (t) => {
  const { post } = await start(t, {
    filter_enabled: every,
    additional_origins: [{ exact: 'pay.example' }, { suffix: '.shop.example' }],
  });
  assert.equal(await post({ origin: 'https://pay.example' }), 200);
  assert.equal(await post({ origin: 'https://www.shop.example' }), 200);
  assert.equal(await post({ origin: 'https://pay.example.evil' }), 403);
});

test('in the shadow requests are counted and pass; a route may enforce, or not', async (t) => {
  const perRoute = (config: object): object => ({ csrf: { '@type': type, ...config } });
  const { post, stat } = await start(t, { filter_enabled: none, shadow_enabled: every }, [
    { ...all, match: { prefix: '/on' }, typed_per_filter_config: perRoute({ filter_enabled: every }) },
    { ...all, match: { prefix: '/off' }, typed_per_filter_config: perRoute({ filter_enabled: none }) },
    all,
  ]);
  const evil = { origin: 'https://evil.example' };
  assert.equal(await post(evil), 200);
  assert.equal(stat('request_invalid'), 1);
  assert.equal(await post(evil, '/on'), 403);
  assert.equal(await post(evil, '/off'), 200);
  assert.equal(stat('request_invalid'), 2);
});

test('a policy has to say for how many requests it is', () => {
  const filter = { name: 'csrf', typed_config: { '@type': type } };
  assert.throws(() => listenerFromJson({ http_filters: [filter, routerJson] }), /filter_enabled/);
});

test('the host and port of a URL are read without the user, the path and the query', () => {
  for (const [url, host] of [
    ['https://A.example', 'a.example'],
    ['http://a:80/b@c', 'a:80'],
    ['http://u:p@a?x', 'a'],
    ['http://[::1]:8080/', '[::1]:8080'],
    ['null', ''],
    ['', ''],
    ['://a', ''],
  ] as const) {
    assert.equal(hostAndPort(url), host, url);
  }
});
