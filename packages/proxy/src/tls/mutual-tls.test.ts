import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '@lateen/testkit';
import type { CertificateValidation, Secret, TlsOptions } from '../model/index.ts';
import type { DataPlane } from '../data-plane.ts';
import {
  ask,
  cluster,
  httpListener,
  keptAccessLog,
  portOf,
  routeTable,
  routeTo,
  startDataPlane,
  upstream,
  type Closers,
} from '../testing/harness.ts';

const bytes = (text: string) => ({ kind: 'inline' as const, bytes: Buffer.from(text) });

function tlsOptions(more: Partial<TlsOptions> = {}): TlsOptions {
  return {
    certificates: [],
    certificateSecrets: ['default'],
    validationSecret: 'ROOTCA',
    alpn: [],
    cipherSuites: [],
    ecdhCurves: [],
    ...more,
  };
}

function secrets(own: TestCertificate, root: string): Secret[] {
  return [
    {
      kind: 'certificate',
      name: 'default',
      certificate: { chain: bytes(own.cert), privateKey: bytes(own.key) },
    },
    { kind: 'validation', name: 'ROOTCA', validation: validation({ trustedCa: bytes(root) }) },
  ];
}

function validation(more: Partial<CertificateValidation>): CertificateValidation {
  return {
    sanMatches: [],
    certificateHashes: [],
    spkiHashes: [],
    allowExpired: false,
    acceptUntrusted: false,
    ...more,
  };
}

const spiffe = (name: string): string => `spiffe://cluster.local/ns/default/sa/${name}`;

interface Pair {
  readonly client: DataPlane;
  readonly server: DataPlane;
  readonly port: number;
  /** What the client's access log says of TLS with the server. */
  readonly lines: readonly string[];
}

/** Two data planes with mutual TLS between them; the server's endpoint answers with the certificate header. */
async function pair(
  t: Closers,
  expectedServer: string,
  clientName = 'productpage',
  ofClients?: TestAuthority,
): Promise<Pair> {
  const authority = await createTestAuthority();
  const serverCertificate = await authority.issue({ uris: [spiffe('reviews')] });
  const clientCertificate = await (ofClients ?? authority).issue({ uris: [spiffe(clientName)] });
  const { port: up } = await upstream(t, (request, response) =>
    response.end(String(request.headers['x-forwarded-client-cert'])),
  );
  const server = startDataPlane(t);
  const listener = httpListener(
    routeTable([routeTo('app')]),
    {
      forwardClientCert: {
        mode: 'sanitize_set',
        subject: false,
        cert: false,
        chain: false,
        dns: false,
        uri: true,
      },
    },
    {
      transport: {
        kind: 'downstream_tls',
        options: tlsOptions({ alpn: ['istio'] }),
        requireClientCertificate: true,
        disableStatelessResumption: false,
      },
    },
  );
  assert.deepEqual(
    await server.update({
      secrets: { set: secrets(serverCertificate, authority.root) },
      clusters: { set: [cluster('app', [up])] },
      listeners: { set: [listener] },
    }),
    { refused: [] },
  );
  const log = keptAccessLog(
    '%UPSTREAM_TLS_VERSION% %UPSTREAM_PEER_URI_SAN% %UPSTREAM_LOCAL_URI_SAN% %UPSTREAM_PEER_CERT_V_END% %UPSTREAM_TRANSPORT_FAILURE_REASON%',
  );
  const client = startDataPlane(t, log.options);
  const transport = {
    kind: 'upstream_tls' as const,
    options: tlsOptions({
      alpn: ['istio'],
      validation: validation({
        sanMatches: [{ type: 'uri', match: { kind: 'exact', value: expectedServer } }],
      }),
    }),
    sni: 'outbound_.80_._.reviews.default.svc.cluster.local',
    autoSni: false,
    autoSanValidation: false,
    maxSessionKeys: 1,
  };
  assert.deepEqual(
    await client.update({
      secrets: { set: secrets(clientCertificate, authority.root) },
      clusters: { set: [cluster('reviews', [portOf(server)], { transport })] },
      listeners: { set: [httpListener(routeTable([routeTo('reviews')]), { accessLogs: log.accessLogs })] },
    }),
    { refused: [] },
  );
  return { client, server, port: portOf(client), lines: log.lines };
}

test('two proxies speak mutual TLS, and the endpoint hears who its client is', async (t) => {
  const { port, client, server, lines } = await pair(t, spiffe('reviews'));
  for (let i = 0; i < 3; i++) {
    const { status, body } = await ask(port);
    assert.equal(status, 200, body);
    assert.match(
      body,
      /^By=spiffe:\/\/cluster\.local\/ns\/default\/sa\/reviews;Hash=[0-9a-f]{64};URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/productpage$/,
    );
  }
  assert.match(client.stats.text(), /^cluster\.reviews\.ssl\.handshake: 1$/m);
  assert.match(server.stats.text(), /^listener\.127\.0\.0\.1_0\.ssl\.handshake: 1$/m);
  const [version, peer, own, end = ''] = lines[0]?.split(' ') ?? [];
  assert.deepEqual([version, peer, own], ['TLSv1.3', spiffe('reviews'), spiffe('productpage')]);
  assert.ok(Date.parse(end) > Date.now(), end);
});

test('a server with another name is not spoken to', async (t) => {
  const { port, client, lines } = await pair(t, spiffe('ratings'));
  const { status, body } = await ask(port);
  assert.equal(status, 503);
  assert.match(body, /reset reason: remote connection failure$/, 'whoever asks is not told why');
  assert.match(lines[0] ?? '', /CERTIFICATE_VERIFY_FAILED/);
  assert.match(client.stats.text(), /^cluster\.reviews\.ssl\.fail_verify_san: 1$/m);
});

test('the log says by which alert a server refuses our certificate', async (t) => {
  const { port, client, lines } = await pair(
    t,
    spiffe('reviews'),
    'productpage',
    await createTestAuthority('Other'),
  );
  const { status, body } = await ask(port);
  assert.equal(status, 503);
  assert.match(body, /reset reason: connection termination$/);
  assert.match(lines[0] ?? '', /TLS_error:\|268436504:.*ALERT_UNKNOWN_CA/);
  assert.match(client.stats.text(), /^cluster\.reviews\.ssl\.handshake: 1$/m);
});

test('a second connection resumes the session of the first, its client still known', async (t) => {
  const { port, client, server } = await pair(t, spiffe('reviews'));
  await ask(port);
  // Two at once need a second connection.
  const answers = await Promise.all([ask(port), ask(port), ask(port)]);
  for (const { status, body } of answers) {
    assert.equal(status, 200, body);
    assert.match(body, /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/productpage$/);
  }
  assert.match(client.stats.text(), /^cluster\.reviews\.upstream_cx_connect_fail: 0$/m);
  assert.match(server.stats.text(), /^listener\.127\.0\.0\.1_0\.ssl\.connection_error: 0$/m);
});
