import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createTestAuthority } from '@lateen/testkit';
import { clusterFromJson, listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import { LazyOpenssl } from './openssl/openssl.ts';
import { brokenCertificates } from './pem-certificates.ts';
import { clusterTlsProblems, listenerTlsProblems } from './resource-problems.ts';

const openssl = new LazyOpenssl();
const types = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const context = 'transport_socket.typed_config.common_tls_context';

function ofCluster(common: object): string[] {
  const typed_config = { '@type': `${types}.UpstreamTlsContext`, common_tls_context: common };
  const cluster = clusterFromJson('c', [1], { transport_socket: { name: 'tls', typed_config } });
  return clusterTlsProblems(openssl, cluster).map(({ path, message }) => `${path}: ${message}`);
}

test('roots of which OpenSSL would read only some are refused, and so are names that no root vouches for', async () => {
  const [one, two] = [(await createTestAuthority()).root, (await createTestAuthority()).root];
  const roots = (text: string) => ofCluster({ validation_context: { trusted_ca: { inline_string: text } } });
  assert.deepEqual(roots(`# the first\n${one}\r\n\r\n${two}\n`), []);
  assert.deepEqual(roots(one + two), [
    `${context}.validation_context.trusted_ca: holds no roots that can be used: 2 of 2 certificates are broken: each mark needs a line of its own`,
  ]);
  const cut = two.split('\n').toSpliced(3, 1).join('\n');
  assert.match(roots(`${one}\n${cut}`)[0] ?? '', /certificate 2 of 2 cannot be read: /);

  const matcher = { san_type: 'DNS', matcher: { exact: 'a.test' } };
  const named = { match_typed_subject_alt_names: [matcher], allow_expired_certificate: true };
  assert.deepEqual(ofCluster({ validation_context: named }), [
    `${context}.validation_context.match_typed_subject_alt_names: is insecure without trusted_ca: a peer that no root vouches for has any name it likes`,
    `${context}.validation_context.allow_expired_certificate: has no effect without trusted_ca: no date is looked at then`,
  ]);
  assert.deepEqual(ofCluster({ validation_context: { ...named, system_root_certs: {} } }), []);
  const secret = { name: 'roots' };
  assert.deepEqual(
    ofCluster({
      combined_validation_context: {
        default_validation_context: named,
        validation_context_sds_secret_config: secret,
      },
    }),
    [],
  );
});

test('names are verified against the request only where roots vouch for them', async () => {
  const { root } = await createTestAuthority();
  const problems = (common: object): string[] => {
    const typed_config = { '@type': `${types}.UpstreamTlsContext`, common_tls_context: common };
    const cluster = clusterFromJson('c', [1], {
      transport_socket: { name: 'tls', typed_config },
      upstream_http_protocol_options: { auto_sni: true, auto_san_validation: true },
    });
    return clusterTlsProblems(openssl, cluster).map(({ path, message }) => `${path}: ${message}`);
  };
  assert.deepEqual(problems({}), [
    `${context}.validation_context: must say whom to trust, by trusted_ca or system_root_certs: auto_san_validation asks for a name that somebody vouches for`,
  ]);
  assert.equal(problems({ validation_context: { trust_chain_verification: 'ACCEPT_UNTRUSTED' } }).length, 1);
  assert.deepEqual(problems({ validation_context: { trusted_ca: { inline_string: root } } }), []);
  assert.deepEqual(problems({ validation_context: { system_root_certs: {} } }), []);
  assert.deepEqual(problems({ validation_context_sds_secret_config: { name: 'roots' } }), []);
});

test('parameters that leave nothing to agree on are refused one by one', () => {
  const params = (tls_params: object): string[] =>
    ofCluster({ tls_params }).map((text) => text.slice(context.length + 1));
  assert.deepEqual(
    params({ tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_2' }),
    ['tls_params.tls_minimum_protocol_version: TLSv1.3 is above the maximum, TLSv1.2'],
  );
  assert.deepEqual(params({ signature_algorithms: ['ecdsa_secp256r1_sha256', 'rsa_of_mine'] }), [
    'tls_params.signature_algorithms[1]: OpenSSL has no signature algorithm "rsa_of_mine"',
  ]);
  assert.deepEqual(params({ cipher_suites: ['TLS_AES_128_GCM_SHA256'] }), [
    'tls_params.cipher_suites: has no suite for TLS 1.2 that OpenSSL can use',
  ]);
  // What Envoy's own default has, and Istio lets users choose.
  assert.deepEqual(
    params({
      cipher_suites: [
        '[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]',
        'ECDHE-RSA-AES128-SHA',
        'DES-CBC3-SHA',
      ],
      ecdh_curves: ['X25519', 'P-256'],
    }),
    [],
  );
  assert.deepEqual(ofCluster({ alpn_protocols: ['h2', ''] }), [
    `${context}.alpn_protocols[1]: must have 1 to 255 bytes (RFC 7301 section 3.1)`,
  ]);
});

test('a server needs a certificate', () => {
  const typed_config = { '@type': `${types}.DownstreamTlsContext`, common_tls_context: {} };
  const listener = listenerFromJson(
    { route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]) },
    { transport_socket: { name: 'tls', typed_config } },
  );
  assert.deepEqual(
    listenerTlsProblems(openssl, listener).map(({ path }) => path),
    [`filter_chains[0].${context}.tls_certificates`],
  );
});

test('whatever stands between the marks, nothing is thrown', () => {
  for (let i = 0; i < 500; i++) {
    const body = randomBytes(i % 50).toString(i % 2 === 0 ? 'base64' : 'latin1');
    const pem = `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
    assert.equal(typeof brokenCertificates(openssl.get(), Buffer.from(pem, 'latin1')), 'string');
  }
});
