import assert from 'node:assert/strict';
import { request as httpRequest, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import {
  clusterFromJson,
  filterTypes,
  routerJson,
  routesJson,
  serveEnvoy,
} from '../../testing/envoy-config.ts';
import { ask, until, upstream, type Closers } from '../../testing/harness.ts';
import { claimAt, claimText, splitClaims } from './claims.ts';
import { createIssuer } from './testing/issuer.ts';

const issuer = createIssuer();
const nowSeconds = Math.floor(Date.now() / 1_000);
const claims = { iss: 'shop', sub: 'jason', exp: nowSeconds + 3_600 };
const bearer = (token: string) => ({ headers: { host: 'shop', authorization: `Bearer ${token}` } });

interface Setup {
  readonly provider?: object;
  readonly providers?: object;
  readonly requires?: object;
  readonly filter?: object;
  readonly after?: readonly object[];
  readonly route?: object;
  readonly clusters?: Parameters<typeof serveEnvoy>[2];
  readonly options?: Parameters<typeof serveEnvoy>[3];
}

async function serve(t: Closers, setup: Setup = {}) {
  const { port: up } = await upstream(t, (request, response) =>
    response.end(JSON.stringify({ url: request.url, headers: request.headers })),
  );
  const provider = { issuer: 'shop', local_jwks: { inline_string: issuer.jwks }, ...setup.provider };
  const { dataPlane, port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' }, ...setup.route }]),
      http_filters: [
        {
          name: 'jwt',
          typed_config: {
            '@type': `${filterTypes}.jwt_authn.v3.JwtAuthentication`,
            providers: setup.providers ?? { shop: provider },
            rules: [{ match: { prefix: '/' }, requires: setup.requires ?? { provider_name: 'shop' } }],
            ...setup.filter,
          },
        },
        ...(setup.after ?? []),
        routerJson,
      ],
    },
    [clusterFromJson('up', [up]), ...(setup.clusters ?? [])],
    setup.options,
  );
  return { port, dataPlane, stats: () => dataPlane.stats.text() };
}

const seen = (body: string) =>
  JSON.parse(body) as { url: string; headers: Record<string, string | undefined> };

test('a request needs a token of the issuer, and the token stays here', async (t) => {
  const { port, stats } = await serve(t, {
    provider: {
      forward_payload_header: 'x-payload',
      claim_to_headers: [
        { header_name: 'x-sub', claim_name: 'sub' },
        { header_name: 'x-city', claim_name: 'address.city' },
      ],
    },
  });
  const good = issuer.token({ ...claims, address: { city: 'Zürich' } });
  const answer = await ask(port, '/', {
    headers: { ...bearer(good).headers, 'x-payload': 'forged', 'x-sub': 'forged' },
  });
  assert.equal(answer.status, 200);
  const { headers } = seen(answer.body);
  assert.equal(headers['authorization'], undefined);
  assert.equal(headers['x-payload'], good.split('.')[1]);
  assert.equal(headers['x-sub'], 'jason');
  assert.equal(Buffer.from(headers['x-city'] ?? '', 'latin1').toString('utf8'), 'Zürich');
  const missing = await ask(port, '/a?b=c', { headers: { host: 'shop' } });
  assert.equal(missing.status, 401);
  assert.equal(missing.body, 'Jwt is missing');
  assert.equal(missing.headers['www-authenticate'], 'Bearer realm="http://shop/a?b=c"');
  assert.equal((await ask(port, '/', bearer(good))).status, 200);
  assert.match(stats(), /^http\.http\.jwt_authn\.jwt_cache_hit: 1$/m);
  assert.match(stats(), /^http\.http\.jwt_authn\.allowed: 2$/m);
  assert.match(stats(), /^http\.http\.jwt_authn\.denied: 1$/m);
});

test('each way in which a token is bad has its words, and a wrong audience is 403', async (t) => {
  const { port } = await serve(t, { provider: { audiences: ['https://shop.example/'] } });
  const fine = { ...claims, aud: ['other', 'shop.example'] };
  const cases: readonly (readonly [string, number, string])[] = [
    [issuer.token(fine), 200, ''],
    ['a.b.c', 401, 'Jwt header is an invalid Base64url encoded'],
    [issuer.token({ ...fine, iss: 'else' }), 401, 'Jwt issuer is not configured'],
    [issuer.token({ ...fine, exp: nowSeconds - 61 }), 401, 'Jwt is expired'],
    [issuer.token({ ...fine, exp: nowSeconds - 30 }), 200, ''],
    [issuer.token({ ...fine, nbf: nowSeconds + 90 }), 401, 'Jwt not yet valid'],
    [issuer.token({ ...fine, aud: 'other' }), 403, 'Audiences in Jwt are not allowed'],
    [createIssuer().token(fine), 401, 'Jwt verification fails'],
    [issuer.token(fine, { kid: 'else' }), 401, "Jwks doesn't have key to match kid or alg from Jwt"],
  ];
  for (const [token, status, words] of cases) {
    const answer = await ask(port, '/', bearer(token));
    assert.equal(answer.status, status, words);
    if (status === 200) continue;
    assert.equal(answer.body, words);
    const expected = status === 401 ? 'Bearer realm="http://shop/", error="invalid_token"' : undefined;
    assert.equal(answer.headers['www-authenticate'], expected);
  }
});

test('tokens are found in headers, parameters and cookies, and parameters are taken out', async (t) => {
  const good = issuer.token(claims);
  const { port } = await serve(t, {
    provider: {
      from_headers: [{ name: 'x-token', value_prefix: 'jwt ' }],
      from_params: ['t'],
      from_cookies: ['session'],
    },
  });
  assert.equal((await ask(port, '/', bearer(good))).status, 401);
  assert.equal((await ask(port, '/', { headers: { 'x-token': `jwt ${good}` } })).status, 200);
  assert.equal((await ask(port, '/', { headers: { cookie: `a=1; session=${good}; b=2` } })).status, 200);
  const byParameter = await ask(port, `/p?a=1&t=${good}`);
  assert.equal(seen(byParameter.body).url, '/p?a=1');
  const standard = await serve(t, { provider: { forward: true } });
  const kept = await ask(standard.port, `/?access_token=${good}`);
  assert.equal(seen(kept.body).url, `/?access_token=${good}`);
});

test('requirements are combined, and may be lenient to requests without tokens', async (t) => {
  const partner = createIssuer('RS256');
  const providers = {
    shop: { issuer: 'shop', local_jwks: { inline_string: issuer.jwks }, forward: true },
    partner: {
      issuer: 'partner',
      local_jwks: { inline_string: partner.jwks },
      from_headers: [{ name: 'x-partner' }],
      forward: true,
    },
  };
  const [ofShop, ofPartner] = [issuer.token(claims), partner.token({ ...claims, iss: 'partner' })];
  const list = [{ provider_name: 'shop' }, { provider_name: 'partner' }];
  const status = async (requires: object, headers: Record<string, string>) => {
    const { port } = await serve(t, { providers, requires });
    return (await ask(port, '/', { headers })).status;
  };
  const [shop, both] = [
    { authorization: `Bearer ${ofShop}` },
    { authorization: `Bearer ${ofShop}`, 'x-partner': ofPartner },
  ];
  const bad = { authorization: 'Bearer a.b.c' };
  const any = { requires_any: { requirements: list } };
  assert.equal(await status(any, { 'x-partner': ofPartner }), 200);
  assert.equal(await status(any, {}), 401);
  const all = { requires_all: { requirements: list } };
  assert.equal(await status(all, both), 200);
  assert.equal(await status(all, shop), 401);
  const lenient = { requires_any: { requirements: [{ provider_name: 'shop' }, { allow_missing: {} }] } };
  assert.equal(await status(lenient, {}), 200);
  assert.equal(await status(lenient, bad), 401);
  assert.equal(await status(lenient, { authorization: `Bearer ${createIssuer().token(claims)}` }), 401);
  assert.equal(await status({ allow_missing: {} }, { authorization: `Bearer ${ofPartner}` }), 401);
  assert.equal(await status({ allow_missing_or_failed: {} }, bad), 200);
});

test('rules look at path, headers and query alone: the rest of a match spares no request its token', async (t) => {
  for (const match of [
    { dynamic_metadata: [{ filter: 'a', path: [{ key: 'b' }], value: { present_match: true } }] },
    { runtime_fraction: { default_value: { numerator: 0 } } },
    { grpc: {} },
  ]) {
    const { port } = await serve(t, {
      filter: { rules: [{ match: { prefix: '/', ...match }, requires: { provider_name: 'shop' } }] },
    });
    assert.equal((await ask(port, '/')).status, 401, JSON.stringify(match));
  }
  const { port } = await serve(t, {
    filter: {
      rules: [
        {
          match: { prefix: '/', headers: [{ name: 'x', present_match: true }] },
          requires: { provider_name: 'shop' },
        },
      ],
    },
  });
  assert.equal((await ask(port, '/')).status, 200);
  assert.equal((await ask(port, '/', { headers: { x: '1' } })).status, 401);
});

test('rules, routes and preflights say whether a token is needed', async (t) => {
  const filter = {
    rules: [
      { match: { prefix: '/open' } },
      { match: { path: '/named' }, requirement_name: 'mine' },
      { match: { prefix: '/closed' }, requires: { provider_name: 'shop' } },
    ],
    requirement_map: { mine: { provider_name: 'shop' } },
    bypass_cors_preflight: true,
    strip_failure_response: true,
  };
  const { port } = await serve(t, { filter });
  assert.equal((await ask(port, '/open')).status, 200);
  assert.equal((await ask(port, '/other')).status, 200);
  assert.equal((await ask(port, '/named')).status, 401);
  const closed = await ask(port, '/closed');
  assert.equal(closed.status, 401);
  assert.equal(closed.body, '');
  assert.equal(closed.headers['www-authenticate'], undefined);
  const preflight = { method: 'OPTIONS', headers: { origin: 'x', 'access-control-request-method': 'GET' } };
  assert.equal((await ask(port, '/closed', preflight)).status, 200);
  const perRoute = (config: object) => ({
    typed_per_filter_config: { jwt: { '@type': `${filterTypes}.jwt_authn.v3.PerRouteConfig`, ...config } },
  });
  const byName = await serve(t, { filter, route: perRoute({ requirement_name: 'mine' }) });
  assert.equal((await ask(byName.port, '/open')).status, 401);
  const unknown = await serve(t, { filter, route: perRoute({ requirement_name: 'nobody' }) });
  assert.equal((await ask(unknown.port, '/open')).status, 403);
  const off = await serve(t, { filter, route: perRoute({ disabled: true }) });
  assert.equal((await ask(off.port, '/closed')).status, 200);
});

test('RBAC decides by the claims, as Istio has it for requestPrincipals and when', async (t) => {
  const claim = (name: string, value: object) => ({
    metadata: {
      filter: 'envoy.filters.http.jwt_authn',
      path: [{ key: 'payload' }, { key: name }],
      value,
    },
  });
  const rbac = {
    name: 'rbac',
    typed_config: {
      '@type': `${filterTypes}.rbac.v3.RBAC`,
      rules: {
        policies: {
          'ns[foo]-policy[require-jwt]-rule[0]': {
            permissions: [{ any: true }],
            principals: [
              {
                and_ids: {
                  ids: [
                    claim('iss', { string_match: { exact: 'shop' } }),
                    claim('groups', { list_match: { one_of: { string_match: { exact: 'group1' } } } }),
                    claim('scope', { list_match: { one_of: { string_match: { exact: 'read' } } } }),
                  ],
                },
              },
            ],
          },
        },
      },
    },
  };
  const { port } = await serve(t, {
    provider: {
      payload_in_metadata: 'payload',
      normalize_payload_in_metadata: { space_delimited_claims: ['scope'] },
    },
    requires: { requires_any: { requirements: [{ provider_name: 'shop' }, { allow_missing: {} }] } },
    after: [rbac],
  });
  const status = async (more: object) =>
    (await ask(port, '/', bearer(issuer.token({ ...claims, ...more })))).status;
  assert.equal(await status({ groups: ['group1', 'group2'], scope: 'write read' }), 200);
  assert.equal(await status({ groups: ['group2'], scope: 'write read' }), 403);
  assert.equal(await status({ groups: ['group1'], scope: 'readers' }), 403);
  assert.equal((await ask(port)).status, 403);
});

test('keys are fetched once, kept for their time, and fetched again', async (t) => {
  const clock = new TestClock(Date.now());
  let fetched = 0;
  let fails = false;
  const { port: keys } = await upstream(t, (request, response) => {
    fetched++;
    response.statusCode = fails || request.url !== '/keys' ? 500 : 200;
    response.end(issuer.jwks);
  });
  const { port, stats } = await serve(t, {
    provider: {
      local_jwks: undefined,
      remote_jwks: {
        http_uri: { uri: 'http://keys/keys', cluster: 'keys', timeout: '5s' },
        cache_duration: '60s',
      },
    },
    clusters: [clusterFromJson('keys', [keys])],
    options: { clock },
  });
  const good = bearer(issuer.token(claims));
  const statuses = await Promise.all([ask(port, '/', good), ask(port, '/', good)]);
  assert.deepEqual(
    statuses.map(({ status }) => status),
    [200, 200],
  );
  assert.equal(fetched, 1);
  clock.advance(61_000);
  fails = true;
  const failed = await ask(port, '/', good);
  assert.equal(failed.status, 401);
  assert.equal(failed.body, 'Jwks remote fetch is failed');
  fails = false;
  assert.equal((await ask(port, '/', good)).status, 200);
  assert.equal(fetched, 3);
  assert.match(stats(), /^http\.http\.jwt_authn\.jwks_fetch_success: 2$/m);
  assert.match(stats(), /^http\.http\.jwt_authn\.jwks_fetch_failed: 1$/m);
});

test('keys are asked for once more where an answer may be another the next time', async (t) => {
  const answers: [status: number, body: string][] = [];
  let fetched = 0;
  const { port: keys } = await upstream(t, (_request, response) => {
    const [status, body] = answers.shift() ?? [200, issuer.jwks];
    fetched++;
    response.statusCode = status;
    response.end(body);
  });
  const { port } = await serve(t, {
    provider: {
      local_jwks: undefined,
      remote_jwks: {
        http_uri: { uri: 'http://issuer.example/keys', cluster: 'keys', timeout: '1s' },
        retry_policy: { num_retries: 2, retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' } },
      },
    },
    clusters: [clusterFromJson('keys', [keys])],
  });
  const good = bearer(issuer.token(claims));
  for (const [status, body] of [
    [200, 'no keys'],
    [404, ''],
  ] as const) {
    answers.push([status, body]);
    assert.equal((await ask(port, '/', good)).status, 401);
  }
  assert.equal(fetched, 2);
  answers.push([503, ''], [500, '']);
  assert.equal((await ask(port, '/', good)).status, 200);
  assert.equal(fetched, 5);
});

test('with async_fetch keys are fetched by time, before they are out of date and after a failure, as long as the listener is there', async (t) => {
  const clock = new TestClock(Date.now());
  const held: ServerResponse[] = [];
  let fetched = 0;
  const { port: keys } = await upstream(t, (_request, response) => {
    fetched++;
    held.push(response);
  });
  const { port, stats, dataPlane } = await serve(t, {
    provider: {
      local_jwks: undefined,
      remote_jwks: {
        http_uri: { uri: 'http://keys/keys', cluster: 'keys', timeout: '5s' },
        cache_duration: '60s',
        async_fetch: { failed_refetch_duration: '2s' },
      },
    },
    clusters: [clusterFromJson('keys', [keys])],
    options: { clock },
  });
  const answer = async (status: number, counter: string): Promise<void> => {
    await until(() => held.length > 0);
    held.shift()?.writeHead(status).end(issuer.jwks);
    await until(() => stats().includes(`jwt_authn.${counter}\n`));
  };
  const get = async (): Promise<number> => (await ask(port, '/', bearer(issuer.token(claims)))).status;
  await until(() => fetched === 1);
  // One that comes before the first keys waits for the same answer.
  const early = get();
  await answer(200, 'jwks_fetch_success: 1');
  assert.equal(await early, 200);
  clock.advance(54_000);
  assert.equal(await get(), 200);
  assert.equal(fetched, 1);
  clock.advance(1_000);
  await answer(503, 'jwks_fetch_failed: 1');
  clock.advance(2_000);
  await answer(503, 'jwks_fetch_failed: 2');
  assert.equal(fetched, 3);
  clock.advance(1_999);
  assert.equal(await get(), 200);
  clock.advance(1);
  await until(() => fetched === 4);
  // Keys serve while nobody answers, and no request waits.
  clock.advance(4_000);
  assert.equal(await get(), 200);
  await answer(200, 'jwks_fetch_success: 2');
  await dataPlane.update({ listeners: { remove: ['main'] } });
  clock.advance(600_000);
  assert.match(stats(), /^cluster\.keys\.upstream_rq_total: 4$/m);
});

test('a key set without a key that can be used is none', async (t) => {
  const { port: keys } = await upstream(t, (_request, response) =>
    response.end('{"keys": [{"kty": "oct"}]}'),
  );
  const { port, stats } = await serve(t, {
    provider: {
      local_jwks: undefined,
      remote_jwks: { http_uri: { uri: 'http://keys/keys', cluster: 'keys', timeout: '5s' } },
    },
    clusters: [clusterFromJson('keys', [keys])],
  });
  const answer = await ask(port, '/', bearer(issuer.token(claims)));
  assert.deepEqual([answer.status, answer.body], [401, 'Jwks remote fetch is failed']);
  assert.match(stats(), /^http\.http\.jwt_authn\.jwks_fetch_failed: 1$/m);
});

test('a client that leaves while keys are fetched is forgotten, whatever was tried before', async (t) => {
  const partner = createIssuer();
  const asked = Promise.withResolvers<() => void>();
  const { port: keys } = await upstream(t, (_, response) =>
    asked.resolve(() => void response.end(partner.jwks)),
  );
  let served = 0;
  const { port: up } = await upstream(t, (_, response) => {
    served++;
    response.end();
  });
  const remote = { http_uri: { uri: 'http://keys/', cluster: 'keys', timeout: '5s' } };
  const { port, stats } = await serve(t, {
    providers: {
      shop: { issuer: 'shop', local_jwks: { inline_string: issuer.jwks } },
      partner: { issuer: 'partner', remote_jwks: remote },
    },
    requires: { requires_any: { requirements: [{ provider_name: 'shop' }, { provider_name: 'partner' }] } },
    route: { route: { cluster: 'counted' } },
    clusters: [clusterFromJson('keys', [keys]), clusterFromJson('counted', [up])],
  });
  const good = bearer(partner.token({ ...claims, iss: 'partner' }));
  const leaving = httpRequest({ host: '127.0.0.1', port, ...good });
  leaving.on('error', () => {});
  leaving.end();
  const answerKeys = await asked.promise;
  leaving.destroy();
  while (!/^http\.http\.downstream_rq_active: 0$/m.test(stats())) await new Promise(setImmediate);
  answerKeys();
  assert.equal((await ask(port, '/', good)).status, 200);
  assert.equal(served, 1);
  assert.match(stats(), /^http\.http\.jwt_authn\.allowed: 1$/m);
});

test('claims are found by their path, and become text', () => {
  const payload = { a: { b: 1 }, 'a.c': true, list: [1], scope: 'x  y' };
  assert.equal(claimText(claimAt(payload, 'a.b')), '1');
  assert.equal(claimText(claimAt(payload, 'a.c')), 'true');
  assert.equal(claimText(claimAt(payload, 'a.b.c')), undefined);
  assert.equal(claimText(claimAt(payload, '__proto__')), undefined);
  assert.equal(Buffer.from(claimText(claimAt(payload, 'list')) ?? '', 'base64').toString(), '[1]');
  assert.deepEqual(splitClaims(payload, ['scope', 'none'])['scope'], ['x', 'y']);
});
