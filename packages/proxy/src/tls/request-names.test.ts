import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createServer, type TLSSocket } from 'node:tls';
import { createTestAuthority } from '@lateen/testkit';
import { clusterFromJson, listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import { exchangeRaw, portOf, startDataPlane, statOf, type Closers } from '../testing/harness.ts';

const types = 'type.googleapis.com/envoy.extensions';
const httpOptions = `${types}.upstreams.http.v3.HttpProtocolOptions`;

/** A cluster of one endpoint with TLS, which shows a certificate for a.test, and what clients have asked it for. */
async function serve(t: Closers, options: object) {
  const authority = await createTestAuthority();
  const { cert, key } = await authority.issue({ dns: ['a.test'], ips: ['::1', '127.0.0.1'] });
  const asked: string[] = [];
  const server = createServer({ cert, key, ALPNProtocols: ['http/1.1'] }, (socket: TLSSocket) => {
    const { servername } = socket as { servername?: unknown };
    asked.push(`${String(servername)} ${String(socket.alpnProtocol)}`);
    socket.on('error', () => {});
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
  });
  server.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const up = clusterFromJson('up', [(server.address() as AddressInfo).port], {
    transport_socket: {
      name: 'tls',
      typed_config: {
        '@type': `${types}.transport_sockets.tls.v3.UpstreamTlsContext`,
        max_session_keys: 0,
        common_tls_context: { validation_context: { trusted_ca: { inline_string: authority.root } } },
      },
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { '@type': httpOptions, ...options },
    },
  });
  const routes = routesJson([
    { match: { prefix: '/rewritten' }, route: { cluster: 'up', host_rewrite_literal: 'a.test' } },
    { match: { prefix: '/' }, route: { cluster: 'up' } },
  ]);
  const dataPlane = startDataPlane(t);
  const { refused } = await dataPlane.update({
    clusters: { set: [up] },
    listeners: { set: [listenerFromJson({ route_config: routes })] },
  });
  assert.deepEqual(refused, []);
  const ask = async (host: string, path = '/'): Promise<string> => {
    const request = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
    return (await exchangeRaw(portOf(dataPlane), request)).slice(9, 12);
  };
  return { ask, asked, dataPlane };
}

const names = { auto_sni: true, auto_san_validation: true };

test('the host of a request is asked for, and the certificate must be for it', async (t) => {
  const { ask, asked, dataPlane } = await serve(t, {
    upstream_http_protocol_options: names,
    explicit_http_config: { http_protocol_options: {} },
  });
  assert.equal(await ask('a.test:80'), '200');
  assert.equal(await ask('b.test'), '503');
  assert.equal(await ask('b.test', '/rewritten'), '200');
  assert.deepEqual(asked[0], 'a.test false');
  assert.equal(statOf(dataPlane, 'cluster.up.ssl.fail_verify_san'), 1);
  assert.equal(statOf(dataPlane, 'cluster.up.ssl.handshake'), 1);
  assert.equal(await ask('[::1]:443'), '200');
  assert.equal(await ask('127.0.0.1'), '200');
  assert.equal(await ask('127.0.0.2'), '503');
  assert.deepEqual(asked.at(-1), 'false false');
});

test('a cluster that speaks what TLS agrees on offers both versions of HTTP', async (t) => {
  const { ask, asked } = await serve(t, { auto_config: {} });
  assert.equal(await ask('a.test'), '200');
  assert.deepEqual(asked, ['false http/1.1']);
});
