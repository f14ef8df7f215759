import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { createTestAuthority } from '@lateen/testkit';
import { clusterFromJson, listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import { ask, portOf, startDataPlane } from '../testing/harness.ts';
import { clusterTlsProblems } from './resource-problems.ts';
import { LazyOpenssl } from './openssl/openssl.ts';

const tls = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const socketOf = (kind: 'Downstream' | 'Upstream', common: object) => ({
  name: 'tls',
  typed_config: { '@type': `${tls}.${kind}TlsContext`, common_tls_context: common },
});

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A proxy, and the lines that it writes, by their file. */
function logged(t: TestContext) {
  const lines = new Map<string, string[]>();
  const plane = startDataPlane(t, {
    writeAccessLog(path, text) {
      const list = lines.get(path) ?? [];
      lines.set(path, [...list, ...text.split('\n').filter((line) => line !== '')]);
    },
  });
  return { plane, lines };
}

const own = { address_prefix: '127.0.0.0', prefix_len: 8 };
const other = { address_prefix: '10.0.0.0', prefix_len: 8 };

test('the keys of clients are written where both ends are in the ranges, to a file for its owner', async (t) => {
  const folder = folderOf(t);
  const authority = await createTestAuthority();
  const { cert, key } = await authority.issue({ dns: ['a.test'] });
  const { plane, lines } = logged(t);
  const certificate = { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } };
  const listener = (name: string, more?: object) =>
    listenerFromJson(
      { route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]) },
      {
        transport_socket: socketOf('Downstream', {
          tls_certificates: [certificate],
          ...(more === undefined ? {} : { key_log: { path: join(folder, name), ...more } }),
        }),
      },
      { name },
    );
  const cases = {
    all: {},
    within: { local_address_range: [own], remote_address_range: [other, own] },
    beyond: { local_address_range: [own], remote_address_range: [other] },
    off: undefined,
  };
  const set = Object.entries(cases).map(([name, more]) => listener(name, more));
  const { refused } = await plane.update({ listeners: { set } });
  assert.deepEqual(refused, []);
  for (const name of Object.keys(cases)) {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const seen: string[] = [];
      const options = { servername: 'a.test', ca: authority.root, maxVersion };
      const socket = connect({ host: '127.0.0.1', port: portOf(plane, name), ...options });
      socket.on('keylog', (line: Buffer) => seen.push(line.toString().trim()));
      await once(socket, 'secureConnect');
      socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      await once(socket, 'data');
      socket.destroy();
      const written = lines.get(join(folder, name)) ?? [];
      lines.clear();
      assert.ok(seen.length > 0);
      assert.deepEqual(written.toSorted(), name === 'beyond' || name === 'off' ? [] : seen.toSorted(), name);
    }
  }
  assert.equal(statSync(join(folder, 'all')).mode & 0o777, 0o600);
});

test('the keys of connections to endpoints are written', async (t) => {
  const path = join(folderOf(t), 'keys');
  const authority = await createTestAuthority();
  const server = createServer(await authority.issue({ dns: ['a.test'] }), (socket) =>
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'),
  );
  t.after(() => server.close());
  const seen: string[] = [];
  server.on('keylog', (line: Buffer) => seen.push(line.toString().trim()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { plane, lines } = logged(t);
  const cluster = clusterFromJson('up', [(server.address() as AddressInfo).port], {
    transport_socket: socketOf('Upstream', { key_log: { path, remote_address_range: [own] } }),
  });
  const listener = listenerFromJson({
    route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' } }]),
  });
  await plane.update({ clusters: { set: [cluster] }, listeners: { set: [listener] } });
  assert.equal((await ask(portOf(plane))).status, 200);
  assert.ok(seen.length > 0);
  assert.deepEqual(lines.get(path)?.toSorted(), seen.toSorted());
});

test('a file that cannot be written is told with its field', () => {
  const cluster = clusterFromJson('up', [1], {
    transport_socket: socketOf('Upstream', { key_log: { path: '/no/such/folder/keys' } }),
  });
  const [problem] = clusterTlsProblems(new LazyOpenssl(), cluster);
  assert.equal(problem?.path, 'transport_socket.typed_config.common_tls_context.key_log.path');
  assert.match(problem?.message ?? '', /^cannot be written: ENOENT/);
});
