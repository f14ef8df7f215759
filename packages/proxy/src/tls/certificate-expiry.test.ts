import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTestAuthority } from '@lateen/testkit';
import { certificatesJson } from '../admin/certificates.ts';
import type { Secret } from '../model/index.ts';
import { clusterFromJson, listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import { startDataPlane } from '../testing/harness.ts';
import { daysUntil } from './certificate-expiry.ts';

const dayMs = 86_400_000;
const types = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

test('the certificate that ends first is known, whether of a secret, a listener or a cluster, and whatever becomes of it', async (t) => {
  const authority = await createTestAuthority();
  // Certificates have no parts of a second.
  const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
  const endsIn = (days: number) =>
    authority.issue({ dns: ['a.test'], notAfter: new Date(nowMs + days * dayMs) });
  const folder = mkdtempSync(join(tmpdir(), 'lateen-expiry-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const put = ({ cert, key }: { readonly cert: string; readonly key: string }): void => {
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
  };
  put(await endsIn(20));
  const files = {
    certificate_chain: { filename: join(folder, 'cert.pem') },
    private_key: { filename: join(folder, 'key.pem') },
  };
  const plane = startDataPlane(t);
  const days = (): number => daysUntil(plane.firstCertificateExpiryMs(), nowMs);
  assert.equal(days(), 4_294_967_295);

  const listener = listenerFromJson(
    { route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]) },
    {
      transport_socket: {
        name: 'tls',
        typed_config: {
          '@type': `${types}.DownstreamTlsContext`,
          common_tls_context: { tls_certificates: [files] },
        },
      },
    },
  );
  await plane.update({ listeners: { set: [listener] } });
  assert.equal(days(), 20);

  const own = await endsIn(10);
  const bytes = (text: string) => ({ kind: 'inline' as const, bytes: Buffer.from(text) });
  const secret: Secret = {
    kind: 'certificate',
    name: 's',
    certificate: { chain: bytes(own.cert), privateKey: bytes(own.key) },
  };
  await plane.update({ secrets: { set: [secret] } });
  assert.equal(days(), 10);
  await plane.update({ secrets: { remove: ['s'] } });
  assert.equal(days(), 20);
  put(await endsIn(5));
  assert.equal(days(), 5);

  // Its root ends within the hour.
  const cluster = clusterFromJson('c', [1], {
    transport_socket: {
      name: 'tls',
      typed_config: {
        '@type': `${types}.UpstreamTlsContext`,
        common_tls_context: { validation_context: { trusted_ca: { inline_string: authority.root } } },
      },
    },
  });
  await plane.update({ clusters: { set: [cluster] } });
  assert.equal(days(), 0);
  const shown = certificatesJson([secret], [listener], [cluster], nowMs) as {
    readonly certificates: readonly Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>[];
  };
  assert.deepEqual(
    shown.certificates.map((one) =>
      Object.entries(one).map(([name, list]) => [
        name,
        list.map((each) => [each['path'], each['days_until_expiration']]),
      ]),
    ),
    [
      [
        ['ca_cert', []],
        ['cert_chain', [['<inline>', '10']]],
      ],
      [
        ['ca_cert', []],
        ['cert_chain', [[join(folder, 'cert.pem'), '5']]],
      ],
      [
        ['ca_cert', [['<inline>', '0']]],
        ['cert_chain', []],
      ],
    ],
  );
});

test('what has ended counts as no days', () => {
  assert.equal(daysUntil(0, dayMs), 0);
  assert.equal(daysUntil(2 * dayMs - 1, 0), 1);
});
