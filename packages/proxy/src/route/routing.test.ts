import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFromJson, filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, upstream, type Closers } from '../testing/harness.ts';

/** An endpoint that answers with its name and what it was asked. */
async function named(t: Closers, name: string): Promise<number> {
  const { port } = await upstream(t, (request, response) => {
    response.end(`${name} ${request.headers.host?.replace(/:\d+$/, '')} ${request.url}`);
  });
  return port;
}

test('a header chooses among weighted clusters, or names one of them, and each may configure filters', async (t) => {
  const clusters = [
    clusterFromJson('one', [await named(t, 'one')]),
    clusterFromJson('two', [await named(t, 'two')]),
  ];
  const abort = {
    '@type': `${filterTypes}.fault.v3.HTTPFault`,
    abort: { http_status: 418, percentage: { numerator: 100 } },
  };
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        {
          match: { prefix: '/draw' },
          route: {
            weighted_clusters: {
              header_name: 'x-draw',
              clusters: [
                { name: 'one', weight: 30 },
                { name: 'two', weight: 70 },
              ],
            },
          },
        },
        {
          match: { prefix: '/named' },
          route: { weighted_clusters: { clusters: [{ cluster_header: 'x-cluster', weight: 1 }] } },
        },
        {
          match: { prefix: '/fault' },
          route: {
            weighted_clusters: {
              header_name: 'x-draw',
              clusters: [
                { name: 'one', weight: 1 },
                { name: 'two', weight: 1, typed_per_filter_config: { fault: abort } },
              ],
            },
          },
        },
      ]),
      http_filters: [
        { name: 'fault', typed_config: { '@type': `${filterTypes}.fault.v3.HTTPFault` } },
        routerJson,
      ],
    },
    clusters,
  );
  const get = (path: string, headers: Record<string, string>) => ask(port, path, { headers });
  assert.match((await get('/draw', { 'x-draw': '129' })).body, /^one/);
  assert.match((await get('/draw', { 'x-draw': '130' })).body, /^two/);
  assert.match((await get('/named', { 'x-cluster': 'two' })).body, /^two/);
  assert.equal((await get('/named', {})).status, 503);
  assert.equal((await get('/fault', { 'x-draw': '0' })).status, 200);
  assert.equal((await get('/fault', { 'x-draw': '1' })).status, 418);
});

test('copies go to the cluster that a header names, with the host that was asked for', async (t) => {
  const copied = Promise.withResolvers<string>();
  const { port: shadow } = await upstream(t, (request, response) => {
    copied.resolve(request.headers.host ?? '');
    response.end();
  });
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        {
          match: { prefix: '/' },
          route: {
            cluster: 'up',
            request_mirror_policies: [{ cluster_header: 'x-copy', disable_shadow_host_suffix_append: true }],
          },
        },
      ]),
    },
    [clusterFromJson('up', [await named(t, 'up')]), clusterFromJson('shadow', [shadow])],
  );
  await ask(port, '/', { headers: { host: 'shop.example' } });
  await ask(port, '/', { headers: { host: 'shop.example', 'x-copy': 'shadow' } });
  assert.equal(await copied.promise, 'shop.example');
});

test('templates of paths match, and their variables make the path that endpoints see', async (t) => {
  const policy = (kind: string, field: string, value: string) => ({
    name: kind,
    typed_config: {
      '@type': `type.googleapis.com/envoy.extensions.path.${kind}.uri_template.v3.UriTemplate${kind === 'match' ? 'Match' : 'Rewrite'}Config`,
      [field]: value,
    },
  });
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        {
          match: { path_match_policy: policy('match', 'path_template', '/shops/{shop}/items/{rest=**}') },
          route: {
            cluster: 'up',
            path_rewrite_policy: policy('rewrite', 'path_template_rewrite', '/{rest}/of/{shop}'),
          },
        },
      ]),
    },
    [clusterFromJson('up', [await named(t, 'up')])],
  );
  assert.match((await ask(port, '/shops/a/items/b/c?q=1')).body, / \/b\/c\/of\/a\?q=1$/);
  assert.equal((await ask(port, '/shops/a/b/items/c')).status, 404);
  await assert.rejects(
    serveEnvoy(
      t,
      {
        route_config: routesJson([
          {
            match: { prefix: '/' },
            route: { cluster: 'up', path_rewrite_policy: policy('rewrite', 'path_template_rewrite', '/{a}') },
          },
        ]),
      },
      [],
    ),
    /needs a path_match_policy/,
  );
});

test('parameters of a path are no part of what routes match where the table says so', async (t) => {
  const serve = async (ignore: boolean) =>
    serveEnvoy(
      t,
      {
        route_config: routesJson(
          [{ match: { path: '/a' }, route: { cluster: 'up' } }],
          {},
          { ignore_path_parameters_in_path_matching: ignore },
        ),
      },
      [clusterFromJson('up', [await named(t, 'up')])],
    );
  const ignoring = await serve(true);
  assert.match((await ask(ignoring.port, '/a;v=1?q')).body, / \/a;v=1\?q$/);
  const strict = await serve(false);
  assert.equal((await ask(strict.port, '/a;v=1')).status, 404);
});
