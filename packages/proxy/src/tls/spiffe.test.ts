import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { before, test, type TestContext } from 'node:test';
import { connect, createServer, type SecureVersion } from 'node:tls';
import { fromJson } from '@lateen/protocol';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '@lateen/testkit';
import { knownTypes } from '../decode/known-types.ts';
import { clusterDecoder } from '../decode/resource.ts';
import type { DataPlane } from '../data-plane.ts';
import { clusterFromJson, listenerFromJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, portOf, startDataPlane, statOf } from '../testing/harness.ts';
import { LazyOpenssl } from './openssl/openssl.ts';
import { clusterTlsProblems } from './resource-problems.ts';

const tlsTypes = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

let one: TestAuthority;
let two: TestAuthority;
before(async () => {
  one = await createTestAuthority('One');
  two = await createTestAuthority('Two');
});

const domain = (name: string, bundle: string) => ({ name, trust_bundle: { inline_string: bundle } });

function spiffe(domains: readonly object[], more: object = {}): object {
  return {
    validation_context: {
      custom_validator_config: {
        name: 'envoy.tls.cert_validator.spiffe',
        typed_config: { '@type': `${tlsTypes}.SPIFFECertValidatorConfig`, trust_domains: domains },
      },
      ...more,
    },
  };
}

const ownOf = ({ cert, key }: TestCertificate) => ({
  tls_certificates: [{ certificate_chain: { inline_string: cert }, private_key: { inline_string: key } }],
});

/** A listener that verifies its clients by trust domains; it does not say that it needs their certificates. */
async function serve(t: TestContext, common: object): Promise<DataPlane> {
  const own = await one.issue({ dns: ['server.test'] });
  const typed = {
    '@type': `${tlsTypes}.DownstreamTlsContext`,
    common_tls_context: { ...ownOf(own), ...common },
  };
  const listener = listenerFromJson(
    { route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]) },
    { transport_socket: { name: 'tls', typed_config: typed } },
  );
  const plane = startDataPlane(t);
  assert.deepEqual(await plane.update({ listeners: { set: [listener] } }), { refused: [] });
  return plane;
}

interface Visit {
  readonly version?: SecureVersion;
  readonly session?: Buffer | undefined;
}

interface Outcome {
  readonly answered: boolean;
  readonly reused: boolean;
  readonly session: Buffer | undefined;
}

/** Whether a client with this certificate is answered. */
async function visit(
  plane: DataPlane,
  client: TestCertificate | undefined,
  { version, session }: Visit = {},
): Promise<Outcome> {
  const socket = connect({
    host: '127.0.0.1',
    port: portOf(plane),
    rejectUnauthorized: false,
    ...client,
    ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
    ...(session === undefined ? {} : { session }),
  });
  // A refusal is seen as an alert.
  socket.on('error', () => {});
  let ticket: Buffer | undefined;
  socket.on('session', (given: Buffer) => (ticket = given));
  let reused = false;
  socket.on('secureConnect', () => (reused = socket.isSessionReused()));
  let answered = false;
  socket.on('data', () => (answered = true));
  socket.write('GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n');
  await new Promise((resolve) => socket.once('close', resolve));
  return { answered, reused, session: ticket };
}

const answers = async (plane: DataPlane, client: TestCertificate | undefined): Promise<boolean> =>
  (await visit(plane, client)).answered;

const id = (path: string) => ({ uris: [`spiffe://${path}`] });

test('a client is verified by the roots of the trust domain that its id is in, and by no others', async (t) => {
  const plane = await serve(t, spiffe([domain('one.test', one.root), domain('two.test', two.root)]));
  assert.equal(await answers(plane, await one.issue(id('one.test/a'))), true);
  assert.equal(await answers(plane, await two.issue(id('two.test/a'))), true);
  const below = await two.issueAuthority('Below');
  assert.equal(await answers(plane, await below.issue(id('two.test/b'))), true);
  const strangers = [
    await two.issue(id('one.test/a')),
    await one.issue(id('two.test/a')),
    await one.issue(id('three.test/a')),
    await one.issue(id('one.test')),
    await one.issue({ dns: ['one.test'] }),
    await one.issue({ ...id('one.test/a'), signs: true }),
    await one.issue({ ...id('one.test/a'), notBefore: new Date(0), notAfter: new Date(1_000) }),
    undefined,
  ];
  for (const [i, stranger] of strangers.entries())
    assert.equal(await answers(plane, stranger), false, `stranger ${i}`);
  assert.equal(statOf(plane, 'listener.127.0.0.1_0.ssl.fail_verify_error'), 7);
  assert.equal(statOf(plane, 'listener.127.0.0.1_0.ssl.fail_verify_no_cert'), 1);
});

test('a session is resumed as it was verified, in both versions', async (t) => {
  const plane = await serve(t, spiffe([domain('one.test', one.root)]));
  const below = await one.issueAuthority('Below');
  const client = await below.issue(id('one.test/a'));
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { session } = await visit(plane, client, { version });
    assert.ok(session !== undefined);
    const again = await visit(plane, client, { version, session });
    assert.deepEqual([again.answered, again.reused], [true, true]);
  }
});

test('names are matched among the URIs, an expired certificate may be allowed, and lists of a bundle are looked at', async (t) => {
  const [good, revoked] = [await one.issue(id('one.test/a')), await one.issue(id('one.test/a'))];
  const list = await one.revoke([revoked.cert]);
  const domains = [domain('one.test', `${one.root}\n${list}`)];
  const names = [{ san_type: 'URI', matcher: { exact: 'spiffe://one.test/a' } }];
  const plane = await serve(
    t,
    spiffe(domains, { match_typed_subject_alt_names: names, allow_expired_certificate: true }),
  );
  assert.equal(await answers(plane, good), true);
  assert.equal(await answers(plane, revoked), false);
  assert.equal(await answers(plane, await one.issue(id('one.test/b'))), false);
  const expired = { ...id('one.test/a'), notBefore: new Date(0), notAfter: new Date(1_000) };
  assert.equal(await answers(plane, await one.issue(expired)), true);
  assert.equal(await answers(plane, await two.issue(expired)), false);
});

test('an endpoint is verified by its trust domain too', async (t) => {
  const servers = await Promise.all(
    [await one.issue(id('one.test/server')), await two.issue(id('one.test/server'))].map(async (own) => {
      const server = createServer(own, (socket) => {
        socket.on('error', () => {});
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      t.after(() => server.close());
      return (server.address() as AddressInfo).port;
    }),
  );
  const transport = {
    transport_socket: {
      name: 'tls',
      typed_config: {
        '@type': `${tlsTypes}.UpstreamTlsContext`,
        common_tls_context: spiffe([domain('one.test', one.root)]),
      },
    },
  };
  const clusters = servers.map((port, i) => clusterFromJson(`c${i}`, [port], transport));
  const routes = routesJson([
    { match: { prefix: '/good' }, route: { cluster: 'c0' } },
    { match: { prefix: '/bad' }, route: { cluster: 'c1' } },
  ]);
  const { port, dataPlane } = await serveEnvoy(t, { route_config: routes }, clusters);
  assert.equal((await ask(port, '/good')).body, 'ok');
  assert.equal((await ask(port, '/bad')).status, 503);
  assert.equal(statOf(dataPlane, 'cluster.c1.ssl.fail_verify_error'), 1);
});

test('a configuration that verifies nobody, or not as it seems to, is refused by its place', () => {
  const problemsOf = (common: object): string[] => {
    const cluster = {
      name: 'c',
      transport_socket: {
        name: 'tls',
        typed_config: { '@type': `${tlsTypes}.UpstreamTlsContext`, common_tls_context: common },
      },
    };
    const message = fromJson(clusterDecoder.type, cluster, { registry: knownTypes });
    assert.ok(message.ok, JSON.stringify(message));
    const decoded = clusterDecoder.fromMessage(message.value);
    const list = decoded.ok ? clusterTlsProblems(new LazyOpenssl(), decoded.value.model) : decoded.problems;
    return list.map(({ path, message: text }) => `${path}: ${text}`);
  };
  const context = 'transport_socket.typed_config.common_tls_context.validation_context';
  const at = `${context}.custom_validator_config`;
  const twice = [domain('a', one.root), domain('a', two.root)];
  assert.match(problemsOf(spiffe(twice))[0] ?? '', /trust_domains\[1\]\.name: "a" has a bundle already/);
  assert.deepEqual(problemsOf(spiffe([domain('a', 'x')])), [
    `${at}.typed_config.trust_domains[0].trust_bundle: holds no roots of "a": no certificate in PEM`,
  ]);
  assert.match(problemsOf(spiffe([]))[0] ?? '', /typed_config\.trust_domains: /);
  const names = [{ san_type: 'DNS', matcher: { exact: 'a' } }];
  assert.match(
    problemsOf(spiffe([domain('a', one.root)], { match_typed_subject_alt_names: names }))[0] ?? '',
    /match_typed_subject_alt_names\[0\]\.san_type: must be URI/,
  );
  const other = { validation_context: { custom_validator_config: { name: 'mine', typed_config: {} } } };
  assert.match(problemsOf(other)[0] ?? '', /custom_validator_config\.name: "mine" is not supported/);
});
