import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestAuthority } from '@lateen/testkit';
import type { Secret } from '../model/index.ts';
import { clusterFromJson, listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import { startDataPlane, statOf } from '../testing/harness.ts';

const types = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const socketOf = (kind: 'Downstream' | 'Upstream', common: object) => ({
  name: 'tls',
  typed_config: { '@type': `${types}.${kind}TlsContext`, common_tls_context: common },
});
const bytes = (text: string) => ({ kind: 'inline' as const, bytes: Buffer.from(text) });

test('when a certificate ends is shown for each listener and cluster that has it, and follows its secret', async (t) => {
  const authority = await createTestAuthority();
  const endsAt = 2_000_000_000;
  const issue = (end: number) => authority.issue({ dns: ['a'], notAfter: new Date(end * 1_000) });
  const own = await issue(endsAt);
  const secret = async (end: number): Promise<Secret> => {
    const { cert, key } = await issue(end);
    return {
      kind: 'certificate',
      name: 'default',
      certificate: { chain: bytes(cert), privateKey: bytes(key) },
    };
  };
  const roots: Secret = {
    kind: 'validation',
    name: 'ROOTCA',
    validation: {
      trustedCa: bytes(authority.root),
      sanMatches: [],
      certificateHashes: [],
      spkiHashes: [],
      allowExpired: false,
      acceptUntrusted: false,
    },
  };
  const plane = startDataPlane(t);
  const seen = () => plane.stats.text({ regex: /expiration_unix_time_seconds/ });
  const listener = listenerFromJson(
    { route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]) },
    {
      transport_socket: socketOf('Downstream', {
        tls_certificates: [
          { certificate_chain: { inline_string: own.cert }, private_key: { inline_string: own.key } },
        ],
      }),
    },
    { stat_prefix: 'edge' },
  );
  const cluster = clusterFromJson('up', [1], {
    transport_socket: socketOf('Upstream', {
      tls_certificate_sds_secret_configs: [{ name: 'default' }],
      validation_context_sds_secret_config: { name: 'ROOTCA' },
    }),
  });
  await plane.update({
    listeners: { set: [listener] },
    clusters: { set: [cluster, clusterFromJson('plain', [1])] },
  });
  // Nothing is said of what is not there.
  assert.match(seen(), /^listener\.edge\.ssl\.certificate\.unnamed_cert_[0-9a-f]{8}\.\w+: 2000000000\n$/);
  await plane.update({ secrets: { set: [await secret(endsAt + 60), roots] } });
  const name = (certificate: string) =>
    `cluster.up.ssl.certificate.${certificate}.expiration_unix_time_seconds`;
  assert.equal(statOf(plane, name('default')), endsAt + 60);
  assert.ok(statOf(plane, name('ROOTCA')) > Date.now() / 1_000);
  assert.match(
    plane.stats.prometheus(),
    /^envoy_cluster_ssl_certificate_expiration_unix_time_seconds\{cluster_name="up",tls_certificate="default"\} 2000000060$/m,
  );
  await plane.update({ secrets: { set: [await secret(endsAt + 120)] } });
  assert.equal(statOf(plane, name('default')), endsAt + 120);
  await plane.update({ clusters: { remove: ['up'] }, listeners: { remove: ['main'] } });
  assert.equal(seen(), '');
});
