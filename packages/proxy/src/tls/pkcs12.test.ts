import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import { encode, fromJson } from '@lateen/protocol';
import { Secret as SecretMessage } from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { createTestAuthority, type TestCertificate } from '@lateen/testkit';
import { certificatesJson } from '../admin/certificates.ts';
import { secretDecoder } from '../decode/resource.ts';
import type { Secret } from '../model/index.ts';
import { listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import { portOf, startDataPlane } from '../testing/harness.ts';
import { LazyOpenssl } from './openssl/openssl.ts';
import { listenerTlsProblems } from './resource-problems.ts';
import { daysUntil } from './certificate-expiry.ts';

const openssl = new LazyOpenssl();

/** Writes certificates with their keys into files of one folder, as `openssl pkcs12` makes them. */
function bundles(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-pkcs12-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const pem = join(folder, 'all.pem');
  return (name: string, { cert, key }: TestCertificate, password: string, ...more: readonly string[]) => {
    writeFileSync(pem, `${cert}\n${key}\n`);
    const file = join(folder, name);
    const output = ['-out', file, '-passout', `pass:${password}`];
    execFileSync('openssl', ['pkcs12', '-export', '-in', pem, ...output, ...more]);
    return file;
  };
}

function listenerWith(common: object) {
  return listenerFromJson(
    { route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]) },
    {
      transport_socket: {
        name: 'tls',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
          common_tls_context: common,
        },
      },
    },
  );
}

function decodeSecret(json: object) {
  const message = fromJson(SecretMessage, json);
  assert.ok(message.ok, JSON.stringify(message));
  return secretDecoder.fromBytes(encode(SecretMessage, message.value));
}

function secretOf(json: object): Secret {
  const decoded = decodeSecret(json);
  assert.ok(decoded.ok, JSON.stringify(decoded));
  assert.equal(decoded.value.confidential, true);
  return decoded.value.model;
}

/** The common names of what a server shows to a client that trusts only the root. */
async function shownBy(port: number, root: string): Promise<readonly (string | undefined)[]> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'a.test', ca: root });
  await once(socket, 'secureConnect');
  const own = socket.getPeerCertificate(true);
  socket.destroy();
  return [own.subjectaltname, own.issuerCertificate.subject.CN as string];
}

test('a bundle of a secret serves with its issuers, is followed when its file changes, and its end is known', async (t) => {
  const root = await createTestAuthority();
  const middle = await root.issueAuthority('Middle');
  const put = bundles(t);
  const day = 86_400_000;
  const notAfter = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 10 * day);
  const file = put('a.p12', await middle.issue({ dns: ['a.test'], notAfter }), 'secret');
  const plane = startDataPlane(t);
  const secret = secretOf({
    name: 's',
    tls_certificate: { pkcs12: { filename: file }, password: { inline_string: 'secret' } },
  });
  const { refused } = await plane.update({
    secrets: { set: [secret] },
    listeners: { set: [listenerWith({ tls_certificate_sds_secret_configs: [{ name: 's' }] })] },
  });
  assert.deepEqual(refused, []);
  assert.deepEqual(await shownBy(portOf(plane), root.root), ['DNS:a.test', 'Middle']);
  assert.equal(daysUntil(plane.firstCertificateExpiryMs(), Date.now()), 9);
  const shown = JSON.stringify(certificatesJson([secret], [], [], Date.now()));
  assert.match(shown, /"dns":"a\.test"/);
  assert.ok(shown.includes(`"path":"${file}"`));
  put('a.p12', await middle.issue({ dns: ['a.test', 'b.test'], key: 'RSA' }), 'secret');
  while ((await shownBy(portOf(plane), root.root))[0] === 'DNS:a.test');
});

test('a bundle without a password serves inline', async (t) => {
  const root = await createTestAuthority();
  const file = bundles(t)('a.p12', await root.issue({ dns: ['a.test'] }), '');
  const plane = startDataPlane(t);
  const pkcs12 = { inline_bytes: execFileSync('base64', ['-w0', file], { encoding: 'utf8' }) };
  const { refused } = await plane.update({
    listeners: { set: [listenerWith({ tls_certificates: [{ pkcs12 }] })] },
  });
  assert.deepEqual(refused, []);
  assert.deepEqual(await shownBy(portOf(plane), root.root), ['DNS:a.test', 'Test root']);
});

test('a bundle that cannot be used is refused with its place and what to do, and nothing of it is told', async (t) => {
  const root = await createTestAuthority();
  const own = await root.issue({ dns: ['a.test'] });
  const put = bundles(t);
  const problemOf = (pkcs12: object, password = 'secret'): string =>
    listenerTlsProblems(
      openssl,
      listenerWith({ tls_certificates: [{ pkcs12, password: { inline_string: password } }] }),
    )
      .map(({ path, message }) => `${path}: ${message}`)
      .join();
  const path = 'filter_chains[0].transport_socket.typed_config.common_tls_context.tls_certificates[0].pkcs12';
  const file = put('a.p12', own, 'secret');
  assert.equal(problemOf({ filename: file }, 'guess'), `${path}: does not open with the password (${file})`);
  assert.equal(problemOf({ inline_string: 'nothing' }), `${path}: is no PKCS #12 bundle`);
  const alone = put('alone.p12', own, 'secret', '-nokeys');
  assert.equal(problemOf({ filename: alone }), `${path}: holds no certificate with its key (${alone})`);
  if (spawnSync('openssl', ['list', '-providers', '-provider', 'legacy']).status === 0) {
    const old = put('old.p12', own, 'secret', '-legacy');
    assert.match(problemOf({ filename: old }), /: is encrypted by means .* openssl pkcs12 -export -out NEW/);
  }
  const both = decodeSecret({
    name: 's',
    tls_certificate: { pkcs12: { filename: file }, private_key: { filename: file } },
  });
  assert.deepEqual(both.ok ? [] : both.problems.map((one) => `${one.path}: ${one.message}`), [
    'tls_certificate.private_key: must not be set beside pkcs12, which holds it',
  ]);
});
