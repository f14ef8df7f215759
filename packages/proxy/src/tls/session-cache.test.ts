import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { createServer } from 'node:tls';
import { createTestAuthority } from '@lateen/testkit';
import { defaultUpstreamHttp, type UpstreamTls } from '../model/index.ts';
import {
  ask,
  cluster,
  httpListener,
  portOf,
  routeTable,
  routeTo,
  startDataPlane,
  type Closers,
} from '../testing/harness.ts';

/** An endpoint by TLS that notes of each connection whether its session was resumed; it ends them where it `closes`. */
async function endpointByTls(t: Closers, resumed: boolean[], closes = true): Promise<number> {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['a.test'] });
  const server = createServer(own, (socket) => {
    resumed.push(socket.isSessionReused());
    socket.on('error', () => {});
    socket.once('data', () => {
      if (closes) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

const transport = (maxSessionKeys: number): UpstreamTls => ({
  kind: 'upstream_tls',
  options: { certificates: [], certificateSecrets: [], alpn: [], cipherSuites: [], ecdhCurves: [] },
  sni: 'a.test',
  autoSni: false,
  autoSanValidation: false,
  maxSessionKeys,
});

test('as many sessions are kept as max_session_keys says, and the oldest goes first', async (t) => {
  for (const [maxSessionKeys, expected] of [
    [0, [false, false, false]],
    [1, [false, false, false]],
    [2, [false, true, true]],
  ] as const) {
    const resumed: boolean[] = [];
    const ports = [await endpointByTls(t, resumed), await endpointByTls(t, resumed)];
    const plane = startDataPlane(t);
    await plane.update({
      clusters: { set: [cluster('up', ports, { transport: transport(maxSessionKeys) })] },
      listeners: { set: [httpListener(routeTable([routeTo('up')]))] },
    });
    // In turn: the first, the second, the first, the second.
    for (let i = 0; i < 4; i++) assert.equal((await ask(portOf(plane))).status, 200);
    assert.deepEqual(resumed.slice(1), expected, String(maxSessionKeys));
  }
});

test('the one session that is kept by default is resumed, whoever ends the connections', async (t) => {
  for (const closes of [true, false]) {
    const resumed: boolean[] = [];
    const port = await endpointByTls(t, resumed, closes);
    const plane = startDataPlane(t);
    const http = { ...defaultUpstreamHttp, maxRequestsPerConnection: 1 };
    const up = cluster('up', [port], { transport: transport(1), http });
    await plane.update({
      clusters: { set: [up] },
      listeners: { set: [httpListener(routeTable([routeTo('up')]))] },
    });
    for (let i = 0; i < 3; i++) assert.equal((await ask(portOf(plane))).status, 200);
    assert.deepEqual(resumed, [false, true, true], String(closes));
  }
});
