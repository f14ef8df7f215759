import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { Agent, request } from 'node:http';
import { test, type TestContext } from 'node:test';
import { freePort } from '@lateen/testkit/free-port';
import { createIssuer, type Issuer } from '../filter/jwt/testing/issuer.ts';
import { loopbackCluster } from '../testing/bootstrapped-proxy.ts';
import { until, upstream } from '../testing/harness.ts';
import { admin, ask, httpChain, logged, socketAddress, start, statistic, types } from '../testing/program.ts';

const threads = 3;

const tokenOf = (issuer: Issuer): string =>
  `Bearer ${issuer.token({ iss: 'shop', exp: Math.floor(Date.now() / 1_000) + 3_600 })}`;

/** A proxy of several threads, each with one connection of ours; the answers that its key server has not given yet. */
async function proxyWithKeys(t: TestContext, jwks: object) {
  const held: ServerResponse[] = [];
  const refusing = { now: false };
  let fetches = 0;
  const { port: keys } = await upstream(t, (_request, response) => {
    fetches++;
    if (refusing.now) response.writeHead(503).end();
    else held.push(response);
  });
  const port = await freePort();
  const jwt = {
    '@type': `${types}.extensions.filters.http.jwt_authn.v3.JwtAuthentication`,
    providers: {
      shop: {
        issuer: 'shop',
        remote_jwks: { http_uri: { uri: 'http://keys/keys', cluster: 'keys', timeout: '60s' }, ...jwks },
      },
    },
    rules: [{ match: { prefix: '/' }, requires: { provider_name: 'shop' } }],
  };
  const direct = { match: { prefix: '/' }, direct_response: { status: 204 } };
  const routes = { route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [direct] }] } };
  const listener = {
    name: 'main',
    address: socketAddress(port),
    connection_balance_config: { exact_balance: {} },
    filter_chains: [httpChain(routes, [{ name: 'jwt', typed_config: jwt }])],
  };
  const child = start(
    t,
    { admin, static_resources: { listeners: [listener], clusters: [loopbackCluster('keys', keys)] } },
    '--concurrency',
    `${threads}`,
  );
  const at = await logged(child, /admin address: (\S+)/);
  const agents = Array.from({ length: threads }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  t.after(() => agents.forEach((agent) => agent.destroy()));
  /** What each thread answers to this token. */
  const statuses = (authorization: string): Promise<readonly (number | undefined)[]> =>
    Promise.all(
      agents.map(
        (agent) =>
          new Promise<number | undefined>((resolve, reject) => {
            request({ port, agent, headers: { authorization } }, (response) => {
              response.resume().on('end', () => resolve(response.statusCode));
            })
              .on('error', reject)
              .end();
          }),
      ),
    );
  return { child, at, held, refusing, statuses, fetches: () => fetches };
}

/** All threads carry what we ask. */
async function assertSpread(at: string): Promise<void> {
  const { body } = await ask(`http://${at}/stats?filter=worker_.*active`);
  assert.deepEqual(
    [...body.matchAll(/: (\d+)/g)].map(([, count]) => count),
    ['1', '1', '1'],
    body,
  );
}

test('keys of an issuer are fetched once for all threads', async (t) => {
  const issuer = createIssuer();
  const { child, at, held, statuses, fetches } = await proxyWithKeys(t, {});
  await logged(child, /warming listener main complete/, threads);
  const answered = statuses(tokenOf(issuer));
  await until(() => held.length > 0);
  held.shift()?.end(issuer.jwks);
  assert.deepEqual(await answered, [204, 204, 204]);
  await assertSpread(at);
  assert.deepEqual(await statuses(tokenOf(createIssuer())), [401, 401, 401]);
  assert.equal(fetches(), 1);
  assert.equal(await statistic(at, 'http.main.jwt_authn.jwks_fetch_success'), 1);
});

test('where they cannot be had, no thread takes a token, and the next request has them fetched once more', async (t) => {
  const issuer = createIssuer();
  const { child, held, refusing, statuses, fetches } = await proxyWithKeys(t, {});
  await logged(child, /warming listener main complete/, threads);
  const refused = statuses(tokenOf(issuer));
  await until(() => held.length > 0);
  refusing.now = true;
  held.shift()?.writeHead(503).end();
  assert.deepEqual(await refused, [401, 401, 401]);
  refusing.now = false;
  const before = fetches();
  const answered = statuses(tokenOf(issuer));
  await until(() => held.length > 0);
  held.shift()?.end(issuer.jwks);
  assert.deepEqual(await answered, [204, 204, 204]);
  assert.equal(fetches(), before + 1);
});

test('keys that are fetched by time come to all threads before they take connections, and new ones when they are fetched', async (t) => {
  const [old, next] = [createIssuer(), createIssuer()];
  const { child, at, held, statuses, fetches } = await proxyWithKeys(t, {
    cache_duration: '1s',
    async_fetch: {},
  });
  await until(() => held.length > 0);
  assert.doesNotMatch(child.log, /warming listener main complete/);
  held.shift()?.end(old.jwks);
  await logged(child, /warming listener main complete/, threads);
  assert.deepEqual(await statuses(tokenOf(old)), [204, 204, 204]);
  await assertSpread(at);
  await until(() => held.length > 0);
  assert.deepEqual(await statuses(tokenOf(next)), [401, 401, 401]);
  held.shift()?.end(next.jwks);
  while ((await statuses(tokenOf(next))).includes(401));
  assert.deepEqual(await statuses(tokenOf(old)), [401, 401, 401]);
  assert.equal(await statistic(at, 'http.main.jwt_authn.jwks_fetch_success'), 2);
  assert.ok(fetches() <= 3);
});
