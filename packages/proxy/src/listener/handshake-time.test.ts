import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { createTestAuthority } from '@lateen/testkit';
import type { DataPlane } from '../data-plane.ts';
import { listenerFromJson } from '../testing/envoy-config.ts';
import {
  keptAccessLog,
  portOf,
  portOfServer,
  startDataPlane,
  statOf,
  until,
  type Closers,
} from '../testing/harness.ts';

const types = 'type.googleapis.com/envoy.extensions';

/** A listener of TLS alone, that says hello and logs why its connections end. */
async function serve(
  test: Closers,
  handshakeTimeout: string,
): Promise<{ readonly dataPlane: DataPlane; readonly lines: readonly string[] }> {
  const { cert, key } = await (await createTestAuthority()).issue({ dns: ['a.test'] });
  const certificate = { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } };
  const format = '%CONNECTION_TERMINATION_DETAILS% %DOWNSTREAM_LOCAL_CLOSE_REASON%\n';
  const kept = keptAccessLog('');
  const dataPlane = startDataPlane(test, kept.options);
  const listener = listenerFromJson({}, undefined, {
    access_log: [
      {
        name: 'log',
        typed_config: {
          '@type': `${types}.access_loggers.stream.v3.StdoutAccessLog`,
          log_format: { text_format_source: { inline_string: format } },
        },
      },
    ],
    filter_chains: [
      {
        transport_socket_connect_timeout: handshakeTimeout,
        transport_socket: {
          name: 'tls',
          typed_config: {
            '@type': `${types}.transport_sockets.tls.v3.DownstreamTlsContext`,
            common_tls_context: { tls_certificates: [certificate] },
          },
        },
        filters: [
          {
            name: 'hello',
            typed_config: {
              '@type': `${types}.filters.network.direct_response.v3.Config`,
              response: { inline_string: 'hello' },
            },
          },
        ],
      },
    ],
  });
  assert.deepEqual((await dataPlane.update({ listeners: { set: [listener] } })).refused, []);
  return { dataPlane, lines: kept.lines };
}

/** The beginning of what a TLS client says. */
async function beginningOfHello(): Promise<Buffer> {
  const heard = Promise.withResolvers<Buffer>();
  const server = createServer((socket) => {
    socket.once('data', (bytes: Buffer) => {
      heard.resolve(bytes.subarray(0, 60));
      socket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectTls({ port: portOfServer(server), host: '127.0.0.1' });
  client.on('error', () => {});
  const bytes = await heard.promise;
  client.destroy();
  server.close();
  return bytes;
}

for (const [what, bytes] of [
  ['says nothing', Buffer.alloc(0)],
  ['stops in its first message', await beginningOfHello()],
] as const) {
  test(`a client that ${what} is closed in the time for its handshake, and counted as that`, async (t) => {
    const { dataPlane, lines } = await serve(t, '0.05s');
    const stat = (name: string): number => statOf(dataPlane, `listener.127.0.0.1_0.downstream_${name}`);
    const client = connect(portOf(dataPlane), '127.0.0.1');
    client.on('error', () => {});
    client.write(bytes);
    client.resume();
    await once(client, 'close');
    await until(() => lines.length > 0);
    assert.equal(lines[0], 'transport socket timeout was reached transport_socket_timeout\n');
    assert.equal(stat('cx_transport_socket_connect_timeout'), 1);
    assert.equal(stat('pre_cx_timeout'), 0);
    assert.equal(stat('cx_total'), 1);
    assert.equal(stat('cx_destroy'), 1);
    assert.equal(stat('pre_cx_active'), 0);
  });

  test(`a client that ${what} and leaves is gone at once`, async (t) => {
    const { dataPlane } = await serve(t, '60s');
    const client = connect({ port: portOf(dataPlane), host: '127.0.0.1', allowHalfOpen: true });
    t.after(() => client.destroy());
    client.on('error', () => {});
    client.end(bytes);
    client.resume();
    await once(client, 'end');
    await until(() => dataPlane.activeConnections === 0);
  });
}
