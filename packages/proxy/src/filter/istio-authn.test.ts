import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';
import { createTestAuthority } from '@lateen/testkit';
import { filterTypes, listenerFromJson, routerJson, routesJson } from '../testing/envoy-config.ts';
import { ask, portOf, startDataPlane, type Closers } from '../testing/harness.ts';

const authn = (policy: object, more: object = {}) => ({
  name: 'istio_authn',
  typed_config: {
    '@type': 'type.googleapis.com/istio.envoy.config.filter.http.authn.v2alpha1.FilterConfig',
    policy,
    skip_validate_trust_domain: true,
    ...more,
  },
});
/** Stands for jwt_authn, which has verified a token. */
const verified = (issuer: string, claims: object) => ({
  name: 'token',
  typed_config: {
    '@type': `${filterTypes}.set_metadata.v3.Config`,
    metadata: [{ metadata_namespace: 'envoy.filters.http.jwt_authn', value: { [issuer]: claims } }],
  },
});
/** As Istio's control planes of the time write a rule. */
const allow = (path: readonly string[], value: object) => ({
  name: 'rules',
  typed_config: {
    '@type': `${filterTypes}.rbac.v3.RBAC`,
    rules: {
      policies: {
        one: {
          permissions: [{ any: true }],
          principals: [{ metadata: { filter: 'istio_authn', path: path.map((key) => ({ key })), value } }],
        },
      },
    },
  },
});
const exact = (text: string) => ({ string_match: { exact: text } });
const oneOf = (text: string) => ({ list_match: { one_of: exact(text) } });

async function serve(t: Closers, filters: readonly object[], chain: object = {}): Promise<number> {
  const plane = startDataPlane(t);
  const listener = listenerFromJson(
    {
      route_config: routesJson([
        { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'in' } } },
      ]),
      http_filters: [...filters, routerJson],
    },
    chain,
  );
  const { refused } = await plane.update({ listeners: { set: [listener] } });
  assert.deepEqual(refused, []);
  return portOf(plane);
}

const claims = {
  iss: 'them',
  sub: 'alice',
  aud: ['shop', 'other'],
  azp: 'app',
  scope: 'read write',
  groups: ['g1', 'g2'],
  nested: { key: 'deep' },
};
const origins = { origins: [{ jwt: { issuer: 'them' } }], principal_binding: 'USE_ORIGIN' };

test('rules find who asks, by what the token of an issuer says', async (t) => {
  const statusBy = async (path: readonly string[], value: object): Promise<number> =>
    (await ask(await serve(t, [verified('them', claims), authn(origins), allow(path, value)]))).status;
  assert.equal(await statusBy(['request.auth.principal'], exact('them/alice')), 200);
  assert.equal(await statusBy(['request.auth.principal'], exact('them/bob')), 403);
  assert.equal(await statusBy(['request.auth.audiences'], exact('shop')), 200);
  assert.equal(await statusBy(['request.auth.presenter'], exact('app')), 200);
  assert.equal(await statusBy(['request.auth.claims', 'groups'], oneOf('g2')), 200);
  assert.equal(await statusBy(['request.auth.claims', 'groups'], oneOf('g3')), 403);
  assert.equal(await statusBy(['request.auth.claims', 'scope'], oneOf('write')), 200);
  assert.equal(await statusBy(['request.auth.claims', 'nested', 'key'], oneOf('deep')), 200);
});

test('without a token of the issuer a request is refused, where one is needed', async (t) => {
  const other = verified('others', claims);
  const needed = await serve(t, [other, authn(origins)]);
  assert.deepEqual(await answerOf(needed), [401, 'Origin authentication failed.']);
  const optional = authn({ ...origins, origin_is_optional: true });
  assert.deepEqual(await answerOf(await serve(t, [other, optional])), [200, 'in']);
  const rule = allow(['request.auth.principal'], { present_match: true });
  assert.equal((await answerOf(await serve(t, [other, optional, rule])))[0], 403);
  const preflight = { origin: 'http://a', 'access-control-request-method': 'GET' };
  const { status } = await ask(needed, '/', { method: 'OPTIONS', headers: preflight });
  assert.equal(status, 200);
});

async function answerOf(port: number): Promise<readonly [number, string]> {
  const { status, body } = await ask(port);
  return [status, body];
}

test('peers are known by their certificates, and are needed where mutual TLS is strict', async (t) => {
  const authority = await createTestAuthority();
  const idOf = (domain: string, namespace: string) => ({
    uris: [`spiffe://${domain}/ns/${namespace}/sa/one`],
    dns: ['a.test'],
  });
  const server = await authority.issue(idOf('cluster.local', 'shop'));
  const transport_socket = {
    name: 'tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: {
        tls_certificates: [
          { certificate_chain: { inline_string: server.cert }, private_key: { inline_string: server.key } },
        ],
        validation_context: { trusted_ca: { inline_string: authority.root } },
      },
    },
  };
  const statusOf = async (port: number, identity?: { cert: string; key: string }): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const options = { host: '127.0.0.1', port, servername: 'a.test', ca: authority.root, agent: false };
    request({ ...options, ...identity }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', reject)
      .end();
    return promise;
  };
  const mtls = (mode: string) => ({ peers: [{ mtls: { mode } }] });
  const start = (...filters: readonly object[]) => serve(t, filters, { transport_socket });
  const friend = await authority.issue(idOf('cluster.local', 'web'));
  const stranger = await authority.issue(idOf('elsewhere', 'web'));

  const strict = await start(authn(mtls('STRICT')));
  assert.deepEqual([await statusOf(strict, friend), await statusOf(strict)], [200, 401]);
  const permissive = await start(authn(mtls('PERMISSIVE')));
  assert.deepEqual([await statusOf(permissive, friend), await statusOf(permissive)], [200, 200]);
  const ofDomain = await start(authn(mtls('STRICT'), { skip_validate_trust_domain: false }));
  assert.deepEqual([await statusOf(ofDomain, friend), await statusOf(ofDomain, stranger)], [200, 401]);

  const known = 'cluster.local/ns/web/sa/one';
  for (const [key, value] of [
    ['source.principal', known],
    ['source.user', known],
    ['source.namespace', 'web'],
    ['request.auth.principal', known],
  ] as const) {
    const port = await start(authn(mtls('PERMISSIVE')), allow([key], exact(value)));
    assert.deepEqual([await statusOf(port, friend), await statusOf(port)], [200, 403], key);
  }
});

test('what is not known of the policy is refused', async (t) => {
  const at = 'typed_config.policy';
  await assert.rejects(
    serve(t, [authn({ origins: [{ jwt: {} }] })]),
    new RegExp(`${at}.origins\\[0\\].jwt.issuer`),
  );
  await assert.rejects(
    serve(t, [authn({ peers: [{ jwt: { issuer: 'a' } }] })]),
    new RegExp(`${at}.peers\\[0\\].jwt`),
  );
});
