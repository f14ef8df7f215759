import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { createTestAuthority } from '@lateen/testkit';
import { clusterFromJson, listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import {
  exchangeRaw,
  keptAccessLog,
  portOf,
  startDataPlane,
  statOf,
  tcpUpstream,
  until,
  type Closers,
} from '../testing/harness.ts';

const types = 'type.googleapis.com/envoy.extensions';
const accessLog = [
  {
    name: 'log',
    typed_config: {
      '@type': `${types}.access_loggers.stream.v3.StdoutAccessLog`,
      log_format: { text_format_source: { inline_string: '%BYTES_RECEIVED% %BYTES_SENT%\n' } },
    },
  },
];

/** A listener that logs the bytes of its connections, with an echoing cluster "echo". */
async function serve(test: Closers, manager: object, chain: object, listener: object = {}) {
  const kept = keptAccessLog('');
  const dataPlane = startDataPlane(test, kept.options);
  const echo = await tcpUpstream(test, (peer) => peer.pipe(peer));
  const { refused } = await dataPlane.update({
    clusters: { set: [clusterFromJson('echo', [echo])] },
    listeners: { set: [listenerFromJson(manager, chain, { access_log: accessLog, ...listener })] },
  });
  assert.deepEqual(refused, []);
  return { dataPlane, port: portOf(dataPlane), lines: kept.lines };
}

const tcpFilters = [
  {
    name: 'envoy.filters.network.connection_limit',
    typed_config: {
      '@type': `${types}.filters.network.connection_limit.v3.ConnectionLimit`,
      stat_prefix: 'limit',
      max_connections: 9,
    },
  },
  {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': `${types}.filters.network.tcp_proxy.v3.TcpProxy`,
      stat_prefix: 'tcp',
      cluster: 'echo',
    },
  },
];

const routes = {
  route_config: routesJson([
    { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'hello' } } },
  ]),
};
const request = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
const last = request.replace('host', 'connection: close\r\nhost');

test("a listener's log has the bytes of each connection, and the statistics those of all", async (t) => {
  const { dataPlane, port, lines } = await serve(t, routes, {});
  const first = await exchangeRaw(port, request + last);
  const second = await exchangeRaw(port, last);
  await until(() => lines.length >= 2);
  assert.deepEqual(lines, [
    `${request.length + last.length} ${first.length}\n`,
    `${last.length} ${second.length}\n`,
  ]);
  const counted = (name: string) => statOf(dataPlane, `http.http.downstream_cx_${name}_bytes_total`);
  assert.equal(counted('rx'), request.length + 2 * last.length);
  assert.equal(counted('tx'), first.length + second.length);
});

test('bytes that were looked at to choose a chain count once, also where TCP goes on', async (t) => {
  const inspector = {
    name: 'envoy.filters.listener.http_inspector',
    typed_config: { '@type': `${types}.filters.listener.http_inspector.v3.HttpInspector` },
  };
  const chain = { filter_chains: [{ filters: tcpFilters }], listener_filters: [inspector] };
  const { port, lines } = await serve(t, {}, {}, chain);
  assert.equal(await exchangeRaw(port, last, { end: true }), last);
  await until(() => lines.length > 0);
  assert.deepEqual(lines, [`${last.length} ${last.length}\n`]);
});

test('bytes on a TLS connection count as the application sees them', async (t) => {
  const authority = await createTestAuthority();
  const { cert, key } = await authority.issue({ dns: ['inner.test'] });
  const certificate = { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } };
  const { port, lines } = await serve(t, routes, {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': `${types}.transport_sockets.tls.v3.DownstreamTlsContext`,
        common_tls_context: { tls_certificates: [certificate] },
      },
    },
  });
  const client = connectTls({ port, host: '127.0.0.1', servername: 'inner.test', ca: authority.root });
  let text = '';
  client.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  client.write(last);
  await once(client, 'close');
  await until(() => lines.length > 0);
  assert.deepEqual(lines, [`${last.length} ${text.length}\n`]);
});

test('of TCP over TLS the log tells how long the handshake took, and why one has failed', async (t) => {
  const authority = await createTestAuthority();
  const { cert, key } = await authority.issue({ dns: ['inner.test'] });
  const certificate = { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } };
  const secure = {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${types}.transport_sockets.tls.v3.DownstreamTlsContext`,
      common_tls_context: { tls_certificates: [certificate] },
    },
  };
  const format = '%DOWNSTREAM_HANDSHAKE_DURATION% %DOWNSTREAM_TRANSPORT_FAILURE_REASON%';
  const told = [
    {
      name: 'log',
      typed_config: {
        '@type': `${types}.access_loggers.stream.v3.StdoutAccessLog`,
        log_format: { text_format_source: { inline_string: format } },
      },
    },
  ];
  const listener = { filter_chains: [{ filters: tcpFilters, transport_socket: secure }], access_log: told };
  const { port, lines } = await serve(t, {}, {}, listener);
  const client = connectTls({ port, host: '127.0.0.1', servername: 'inner.test', ca: authority.root });
  client.end('hello');
  client.resume();
  await once(client, 'close');
  await until(() => lines.length > 0);
  assert.match(lines[0] ?? '', /^\d+ -$/);
  await exchangeRaw(port, 'GET / HTTP/1.1\r\n\r\n');
  await until(() => lines.length > 1);
  assert.equal(lines[1], '- TLS_error:|268435612:SSL_routines:OPENSSL_internal:HTTP_REQUEST:TLS_error_end');
});
