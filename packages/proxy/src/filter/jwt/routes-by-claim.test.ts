import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import {
  clusterFromJson,
  filterTypes,
  routerJson,
  routesJson,
  serveEnvoy,
} from '../../testing/envoy-config.ts';
import { ask, until, upstream } from '../../testing/harness.ts';
import { createIssuer } from './testing/issuer.ts';

const issuer = createIssuer();
const claims = { iss: 'shop', sub: 'jason', exp: Math.floor(Date.now() / 1_000) + 3_600 };
const bearer = (token: string) => ({ headers: { host: 'shop', authorization: `Bearer ${token}` } });

/** A filter after which the route is looked for once more, by what a token says. */
const jwtFilter = (requires: object) => ({
  name: 'jwt',
  typed_config: {
    '@type': `${filterTypes}.jwt_authn.v3.JwtAuthentication`,
    providers: {
      shop: {
        issuer: 'shop',
        local_jwks: { inline_string: issuer.jwks },
        payload_in_metadata: 'payload',
        clear_route_cache: true,
      },
    },
    rules: [{ match: { prefix: '/' }, requires }],
  },
});

/** A match of routes by a claim. */
const claimMatch = (claim: string, value: object) => ({
  prefix: '/',
  dynamic_metadata: [
    { filter: 'envoy.filters.http.jwt_authn', path: [{ key: 'payload' }, { key: claim }], value },
  ],
});

test('a route is chosen by a claim once the token is known to be good', async (t) => {
  const { port: plain } = await upstream(t, (_, response) => response.end('everybody'));
  const admin = claimMatch('groups', { list_match: { one_of: { string_match: { exact: 'admin' } } } });
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        { match: admin, direct_response: { status: 200, body: { inline_string: 'admin' } } },
        { match: { prefix: '/' }, route: { cluster: 'plain' } },
      ]),
      http_filters: [
        jwtFilter({ requires_any: { requirements: [{ provider_name: 'shop' }, { allow_missing: {} }] } }),
        routerJson,
      ],
    },
    [clusterFromJson('plain', [plain])],
  );
  const body = async (groups: readonly string[]): Promise<string> =>
    (await ask(port, '/', bearer(issuer.token({ ...claims, groups })))).body;
  assert.equal(await body(['user', 'admin']), 'admin');
  assert.equal(await body(['user']), 'everybody');
  assert.equal((await ask(port, '/', { headers: { host: 'shop' } })).body, 'everybody');
});

test('a route that is chosen later has its own time, or none, counted from the start of the request', async (t) => {
  const clock = new TestClock(Date.now());
  const held: ServerResponse[] = [];
  const { port: up } = await upstream(t, (_, response) => held.push(response));
  const of = (group: string, limit?: string) => ({
    match: group === '' ? { prefix: '/' } : claimMatch('group', { string_match: { exact: group } }),
    route: {
      cluster: 'up',
      timeout: '0s',
      ...(limit === undefined ? {} : { max_stream_duration: { max_stream_duration: limit } }),
    },
  });
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([of('free'), of('long', '60s'), of('', '2s')]),
      http_filters: [jwtFilter({ provider_name: 'shop' }), routerJson],
    },
    [clusterFromJson('up', [up])],
    { clock },
  );
  const statusAfter = async (group: string, ms: number): Promise<number> => {
    const answer = ask(port, '/', bearer(issuer.token({ ...claims, group })));
    await until(() => held.length > 0);
    clock.advance(ms);
    held.pop()?.end();
    return (await answer).status;
  };
  assert.equal(await statusAfter('none', 5_000), 504);
  assert.equal(await statusAfter('free', 5_000), 200);
  assert.equal(await statusAfter('long', 5_000), 200);
  assert.equal(await statusAfter('long', 65_000), 504);
});
