import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { request } from 'node:https';
import { test } from 'node:test';
import { createTestAuthority } from '@lateen/testkit';
import { defaultUpstreamHttp, type TlsOptions, type UpstreamHttpOptions } from '../model/index.ts';
import type { DataPlane } from '../data-plane.ts';
import {
  cluster,
  httpListener,
  portOf,
  routeTable,
  routeTo,
  startDataPlane,
  type Closers,
} from '../testing/harness.ts';
import { askHttp2, http2Cluster, http2Upstream } from '../testing/http2-peers.ts';

const bytes = (text: string) => ({ kind: 'inline' as const, bytes: Buffer.from(text) });

/** Two data planes with TLS before each and between them; the second offers these protocols. */
async function chain(
  t: Closers,
  protocol: UpstreamHttpOptions['protocol'],
  offered: readonly string[],
): Promise<{ first: DataPlane; second: DataPlane; root: string }> {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['svc.example'] });
  const options: TlsOptions = {
    certificates: [{ chain: bytes(own.cert), privateKey: bytes(own.key) }],
    certificateSecrets: [],
    alpn: ['h2', 'http/1.1'],
    cipherSuites: [],
    ecdhCurves: [],
  };
  const tls = (alpn: readonly string[]) => ({
    transport: {
      kind: 'downstream_tls' as const,
      options: { ...options, alpn },
      requireClientCertificate: false,
      disableStatelessResumption: false,
    },
  });
  const up = await http2Upstream(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.end('secure');
  });
  const second = startDataPlane(t);
  const end = await second.update({
    clusters: { set: [http2Cluster('up', [up.port])] },
    listeners: { set: [httpListener(routeTable([routeTo('up')]), {}, tls(offered))] },
  });
  assert.deepEqual(end.refused, []);
  const first = startDataPlane(t);
  const begin = await first.update({
    clusters: {
      set: [
        cluster('next', [portOf(second)], {
          http: { ...defaultUpstreamHttp, protocol },
          transport: {
            kind: 'upstream_tls',
            options: {
              ...options,
              certificates: [],
              alpn: protocol === 'http2' ? ['h2'] : ['h2', 'http/1.1'],
            },
            sni: 'svc.example',
            autoSni: false,
            autoSanValidation: false,
            maxSessionKeys: 1,
          },
        }),
      ],
    },
    listeners: { set: [httpListener(routeTable([routeTo('next')]), {}, tls(['h2', 'http/1.1']))] },
  });
  assert.deepEqual(begin.refused, []);
  return { first, second, root: authority.root };
}

test('over TLS a client has the version that ALPN agrees on, and proxies speak HTTP/2 between them', async (t) => {
  const { first, second, root } = await chain(t, 'http2', ['h2', 'http/1.1']);
  const client = connect(`https://127.0.0.1:${portOf(first)}`, {
    ca: root,
    servername: 'svc.example',
  });
  t.after(() => client.destroy());
  await once(client, 'connect');
  assert.equal(client.alpnProtocol, 'h2');
  for (let i = 0; i < 3; i++) assert.equal((await askHttp2(client, { ':path': '/' })).body, 'secure');
  const old = request({
    port: portOf(first),
    host: '127.0.0.1',
    ca: root,
    servername: 'svc.example',
    agent: false,
  });
  old.end();
  const [answer] = await once(old, 'response');
  assert.equal(answer.httpVersion, '1.1');
  assert.equal(answer.statusCode, 200);
  answer.resume();
  await once(answer, 'end');
  const counts = second.stats.text();
  for (const name of ['http2_total', 'http2_active', 'ssl_total', 'ssl_active'])
    assert.match(counts, new RegExp(`downstream_cx_${name}: 1\\n`));
});

test('a cluster that leaves it to ALPN speaks what its endpoint chooses', async (t) => {
  for (const [offered, expected] of [
    [['h2', 'http/1.1'], /cluster.next.upstream_cx_http2_total: 1\n/],
    [['http/1.1'], /cluster.next.upstream_cx_http1_total: 1\n/],
  ] as const) {
    const { first, root } = await chain(t, 'auto', offered);
    const client = connect(`https://127.0.0.1:${portOf(first)}`, { ca: root, servername: 'svc.example' });
    t.after(() => client.destroy());
    for (let i = 0; i < 3; i++) assert.equal((await askHttp2(client, { ':path': '/' })).body, 'secure');
    assert.match(first.stats.text(), expected);
  }
});
