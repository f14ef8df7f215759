import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { createIssuer } from '../filter/jwt/testing/issuer.ts';
import { loopbackCluster, startBootstrapped } from '../testing/bootstrapped-proxy.ts';
import { ask, portOf, statOf, until, upstream } from '../testing/harness.ts';
import { httpChain, socketAddress, types } from '../testing/program.ts';

const issuer = createIssuer();
const headers = {
  authorization: `Bearer ${issuer.token({ iss: 'shop', exp: Math.floor(Date.now() / 1_000) + 3_600 })}`,
};

/** A proxy whose listener needs keys of an issuer that answers when it is told to. */
async function proxyWithKeys(t: TestContext, asyncFetch: object) {
  const held: ServerResponse[] = [];
  const { port: keys } = await upstream(t, (_request, response) => held.push(response));
  const remote = {
    http_uri: { uri: 'http://keys/keys', cluster: 'keys', timeout: '60s' },
    async_fetch: asyncFetch,
  };
  const jwt = {
    '@type': `${types}.extensions.filters.http.jwt_authn.v3.JwtAuthentication`,
    providers: { shop: { issuer: 'shop', remote_jwks: remote } },
    rules: [{ match: { prefix: '/' }, requires: { provider_name: 'shop' } }],
  };
  const routes = {
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, direct_response: { status: 204 } }],
        },
      ],
    },
  };
  const started = await startBootstrapped(t, {
    static_resources: {
      listeners: [
        {
          name: 'main',
          address: socketAddress(0),
          filter_chains: [httpChain(routes, [{ name: 'jwt', typed_config: jwt }])],
        },
      ],
      clusters: [loopbackCluster('keys', keys)],
    },
  });
  return { ...started, held };
}

test('a listener takes no connection before the keys of its issuers have come', async (t) => {
  const { proxy, dataPlane, held, ready } = await proxyWithKeys(t, {});
  await until(() => held.length === 1);
  assert.deepEqual(dataPlane.listeners(), []);
  assert.deepEqual(proxy.warming.missing, ['listener main is warming']);
  held.shift()?.end(issuer.jwks);
  await ready;
  assert.equal((await ask(portOf(dataPlane), '/', { headers })).status, 204);
  assert.equal(statOf(dataPlane, 'http.main.jwt_authn.jwks_fetch_success'), 1);
});

test('it takes connections also when the keys cannot be had, and they are asked for again', async (t) => {
  const { dataPlane, held, ready } = await proxyWithKeys(t, { failed_refetch_duration: '0.05s' });
  await until(() => held.length === 1);
  held.shift()?.writeHead(503).end();
  await ready;
  await until(() => held.length === 1);
  held.shift()?.end(issuer.jwks);
  await until(() => statOf(dataPlane, 'http.main.jwt_authn.jwks_fetch_success') === 1);
  assert.equal((await ask(portOf(dataPlane), '/', { headers })).status, 204);
});

test('a fast listener does not wait for keys', async (t) => {
  const { dataPlane, held, ready } = await proxyWithKeys(t, { fast_listener: true });
  await ready;
  await until(() => held.length === 1);
  assert.equal((await ask(portOf(dataPlane), '/')).status, 401);
});
