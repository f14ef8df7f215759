import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { encodeVersion2 } from '../proxy-protocol/write-header.ts';
import { createTestAuthority } from '@lateen/testkit';
import { readHeader } from '../proxy-protocol/read-header.ts';
import { clusterFromJson, listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import {
  exchangeRaw,
  keptAccessLog,
  portOf,
  startDataPlane,
  statOf,
  tcpUpstream,
  upstream,
  type Closers,
} from '../testing/harness.ts';
import type { Cluster } from '../model/index.ts';
import type { DataPlane, DataPlaneOptions } from '../data-plane.ts';

const filterType = 'type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol';
const transportType =
  'type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport';
const tcpProxyType = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
const line = 'PROXY TCP4 192.0.2.7 198.51.100.1 40000 8443\r\n';
const forAll = { route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'backend' } }]) };
const socket = (address: string, port: number) => ({ kind: 'socket', address, port }) as const;
const ends = { source: socket('2001:db8::7', 40_000), destination: socket('2001:db8::1', 8443) };

const logJson = (format: string) => [
  {
    name: 'log',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
      log_format: { text_format_source: { inline_string: format } },
    },
  },
];

async function serve(
  test: Closers,
  clusters: readonly Cluster[],
  settings: { filter?: object; manager?: object; chain?: object; options?: DataPlaneOptions } = {},
): Promise<{ dataPlane: DataPlane; port: number }> {
  const dataPlane = startDataPlane(test, settings.options);
  const { filter } = settings;
  const proxyProtocol = {
    name: 'envoy.filters.listener.proxy_protocol',
    typed_config: { '@type': filterType, ...filter },
  };
  const listener = listenerFromJson({ ...forAll, ...settings.manager }, settings.chain, {
    listener_filters: filter === undefined ? [] : [proxyProtocol],
  });
  const { refused } = await dataPlane.update({ clusters: { set: clusters }, listeners: { set: [listener] } });
  assert.deepEqual(refused, []);
  return { dataPlane, port: portOf(dataPlane) };
}

const request = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';

test('the client that a header names is the one of x-forwarded-for and of logs; the peer stays known', async (t) => {
  const { port: backend } = await upstream(t, (req, res) => res.end(String(req.headers['x-forwarded-for'])));
  const kept = keptAccessLog('');
  const { dataPlane, port } = await serve(t, [clusterFromJson('backend', [backend])], {
    filter: { stat_prefix: 'edge' },
    manager: {
      use_remote_address: true,
      access_log: logJson(
        '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%\n',
      ),
    },
    options: kept.options,
  });
  assert.match(await exchangeRaw(port, line + request), /\r\n\r\n(?:\w+\r\n)?192\.0\.2\.7/);
  const two = encodeVersion2(ends).toString('latin1');
  assert.match(await exchangeRaw(port, two + request), /2001:db8::7/);
  assert.deepEqual(kept.lines, [
    '192.0.2.7:40000 198.51.100.1:8443 127.0.0.1\n',
    '[2001:db8::7]:40000 [2001:db8::1]:8443 127.0.0.1\n',
  ]);
  assert.equal(statOf(dataPlane, 'proxy_proto.edge.versions.v1.found'), 1);
  assert.equal(statOf(dataPlane, 'proxy_proto.edge.versions.v2.found'), 1);
});

test('a chain chooses by whom the header names, and by who really connected', async (t) => {
  const filters = (text: string) => [
    {
      name: 'envoy.filters.network.direct_response',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config',
        response: { inline_string: text },
      },
    },
  ];
  const range = (address_prefix: string) => [{ address_prefix, prefix_len: 24 }];
  const dataPlane = startDataPlane(t);
  const listener = listenerFromJson({}, undefined, {
    listener_filters: [
      { name: 'envoy.filters.listener.proxy_protocol', typed_config: { '@type': filterType } },
    ],
    filter_chains: [
      { name: 'port', filter_chain_match: { destination_port: 99 }, filters: filters('port') },
      {
        name: 'named',
        filter_chain_match: { source_prefix_ranges: range('192.0.2.0') },
        filters: filters('named'),
      },
      {
        name: 'direct',
        filter_chain_match: { direct_source_prefix_ranges: range('192.0.3.0') },
        filters: filters('never'),
      },
      {
        name: 'loopback',
        filter_chain_match: {
          direct_source_prefix_ranges: range('127.0.0.0'),
          source_prefix_ranges: range('192.0.3.0'),
        },
        filters: filters('direct'),
      },
    ],
  });
  const { refused } = await dataPlane.update({ listeners: { set: [listener] } });
  assert.deepEqual(refused, []);
  const port = portOf(dataPlane);
  assert.equal(await exchangeRaw(port, 'PROXY TCP4 192.0.2.1 1.1.1.1 1 99\r\n', { end: true }), 'port');
  assert.equal(await exchangeRaw(port, 'PROXY TCP4 192.0.3.1 1.1.1.1 1 98\r\n', { end: true }), 'direct');
  assert.equal(await exchangeRaw(port, 'PROXY TCP4 192.0.4.1 1.1.1.1 1 98\r\n', { end: true }), '');
});

test('without a header, with a wrong one, or one of a version that is not allowed, a connection is closed', async (t) => {
  const { port: backend } = await upstream(t, (_, res) => res.end('fine'));
  const strict = await serve(t, [clusterFromJson('backend', [backend])], {
    filter: { disallowed_versions: ['V1'] },
  });
  assert.equal(await exchangeRaw(strict.port, request), '');
  assert.equal(await exchangeRaw(strict.port, line + request), '');
  const wrong = encodeVersion2(ends);
  wrong[12] = 0x31;
  assert.equal(await exchangeRaw(strict.port, wrong.toString('latin1') + request), '');
  const short = encodeVersion2(ends).subarray(0, 20).toString('latin1');
  assert.equal(await exchangeRaw(strict.port, short, { end: true }), '');
  const at = 'proxy_proto.';
  assert.equal(statOf(strict.dataPlane, `${at}not_found_disallowed`), 1);
  assert.equal(statOf(strict.dataPlane, `${at}versions.v1.disallowed`), 1);
  assert.equal(statOf(strict.dataPlane, `${at}versions.v2.error`), 1);
  const loose = await serve(t, [clusterFromJson('backend', [backend])], {
    filter: { allow_requests_without_proxy_protocol: true },
  });
  assert.match(await exchangeRaw(loose.port, request), /fine/);
  assert.match(await exchangeRaw(loose.port, line + request), /fine/);
  assert.equal(statOf(loose.dataPlane, `${at}not_found_allowed`), 1);
});

test('use_proxy_proto of a chain asks for the header', async (t) => {
  const { port: backend } = await upstream(t, (_, res) => res.end('fine'));
  const { port } = await serve(t, [clusterFromJson('backend', [backend])], {
    chain: { use_proxy_proto: true },
  });
  assert.equal(await exchangeRaw(port, request), '');
  assert.match(await exchangeRaw(port, line + request), /fine/);
});

test('fields become dynamic metadata, which logs show', async (t) => {
  const kept = keptAccessLog('');
  const dataPlane = startDataPlane(t, kept.options);
  const backend = await tcpUpstream(t, (peer) => peer.end('hello'));
  const listener = listenerFromJson({}, undefined, {
    listener_filters: [
      {
        name: 'envoy.filters.listener.proxy_protocol',
        typed_config: {
          '@type': filterType,
          rules: [{ tlv_type: 224, on_tlv_present: { metadata_namespace: 'edge', key: 'cell' } }],
        },
      },
    ],
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.tcp_proxy',
            typed_config: {
              '@type': tcpProxyType,
              stat_prefix: 'tcp',
              cluster: 'backend',
              access_log: logJson('%DYNAMIC_METADATA(edge:cell)% %DYNAMIC_METADATA(edge:other)%\n'),
            },
          },
        ],
      },
    ],
  });
  const { refused } = await dataPlane.update({
    clusters: { set: [clusterFromJson('backend', [backend])] },
    listeners: { set: [listener] },
  });
  assert.deepEqual(refused, []);
  const header = encodeVersion2(ends, [{ type: 224, value: Buffer.from('blue') }]).toString('latin1');
  assert.equal(await exchangeRaw(portOf(dataPlane), header, { end: true }), 'hello');
  assert.deepEqual(kept.lines, ['blue -\n']);
});

/** Reads the header, and answers HTTP with what it said. */
async function headerReader(test: Closers): Promise<number> {
  return tcpUpstream(test, (peer) => {
    let bytes: Buffer = Buffer.alloc(0);
    let said: string | undefined;
    peer.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (said === undefined) {
        const reading = readHeader(bytes);
        if (reading === 'more') return;
        if (typeof reading !== 'object' || 'wrong' in reading) {
          peer.destroy();
          return;
        }
        bytes = bytes.subarray(reading.length);
        const { source } = reading.ends ?? {};
        said = `v${reading.version} ${source?.address}:${source?.port} ${reading.tlvs.map(({ type, value }) => `${type}=${value.toString()}`).join()}`;
      }
      while (bytes.includes('\r\n\r\n')) {
        bytes = bytes.subarray(bytes.indexOf('\r\n\r\n') + 4);
        peer.write(`HTTP/1.1 200 OK\r\ncontent-length: ${said.length}\r\n\r\n${said}`);
      }
    });
  });
}

const sending = (version: string, more: object = {}) => ({
  transport_socket: {
    name: 'envoy.transport_sockets.upstream_proxy_protocol',
    typed_config: {
      '@type': transportType,
      config: { version, ...more },
      transport_socket: {
        name: 'envoy.transport_sockets.raw_buffer',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
        },
      },
    },
  },
});

test('an endpoint is told of each client on connections of its own', async (t) => {
  const backend = await headerReader(t);
  const cluster = clusterFromJson('backend', [backend], sending('V1'));
  const { dataPlane, port } = await serve(t, [cluster], { filter: {} });
  const from = (source: number) => `PROXY TCP4 192.0.2.7 198.51.100.1 ${source} 80\r\n`;
  assert.match(await exchangeRaw(port, from(1) + request), /v1 192\.0\.2\.7:1 $/);
  assert.match(await exchangeRaw(port, from(2) + request), /v1 192\.0\.2\.7:2 $/);
  assert.match(await exchangeRaw(port, from(1) + request), /v1 192\.0\.2\.7:1 $/);
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_cx_total'), 2);
});

test('fields of the header go on where both sides say so', async (t) => {
  const backend = await headerReader(t);
  const tlvs = [1, 2, 3].map((type) => ({ type, value: Buffer.from(`${type}${type}`) }));
  const header = encodeVersion2(ends, tlvs).toString('latin1');
  const some = { pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [2, 3] } };
  const all = { pass_through_tlvs: { match_type: 'INCLUDE_ALL' } };
  for (const [filter, out, seen] of [
    [all, all, '1=11,2=22,3=33'],
    [some, all, '2=22,3=33'],
    [all, some, '2=22,3=33'],
    [{}, all, ''],
  ] as const) {
    const { port } = await serve(t, [clusterFromJson('backend', [backend], sending('V2', out))], { filter });
    assert.ok((await exchangeRaw(port, header + request)).endsWith(`v2 2001:db8::7:40000 ${seen}`), seen);
  }
});

test('the header comes before the handshake where an endpoint is reached by TLS', async (t) => {
  const authority = await createTestAuthority();
  const { cert, key } = await authority.issue({ dns: ['inner.test'] });
  const { port: backend } = await upstream(t, (req, res) => res.end(String(req.headers['x-forwarded-for'])));
  const tlsTypes = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
  const inner = await serve(t, [clusterFromJson('backend', [backend])], {
    filter: {},
    manager: { use_remote_address: true },
    chain: {
      transport_socket: {
        name: 'envoy.transport_sockets.tls',
        typed_config: {
          '@type': `${tlsTypes}.DownstreamTlsContext`,
          common_tls_context: {
            tls_certificates: [
              { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } },
            ],
          },
        },
      },
    },
  });
  const byTls = {
    name: 'envoy.transport_sockets.tls',
    typed_config: { '@type': `${tlsTypes}.UpstreamTlsContext`, sni: 'inner.test' },
  };
  const outer = sending('V2');
  const typed = { ...outer.transport_socket.typed_config, transport_socket: byTls };
  const cluster = clusterFromJson('backend', [inner.port], {
    transport_socket: { ...outer.transport_socket, typed_config: typed },
  });
  const { port } = await serve(t, [cluster], { filter: {} });
  assert.match(await exchangeRaw(port, line + request), /192\.0\.2\.7\r?\n?/);
  assert.equal(statOf(inner.dataPlane, 'proxy_proto.versions.v2.found'), 1);
});

test('a health check speaks for itself in the header', async (t) => {
  const heard = Promise.withResolvers<string>();
  const backend = await tcpUpstream(t, (peer) => {
    let bytes: Buffer = Buffer.alloc(0);
    peer.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length >= 20) heard.resolve(bytes.toString('latin1'));
    });
  });
  const dataPlane = startDataPlane(t);
  await dataPlane.update({
    clusters: {
      set: [
        clusterFromJson('backend', [backend], {
          health_checks: [
            {
              timeout: '5s',
              interval: '5s',
              unhealthy_threshold: 1,
              healthy_threshold: 1,
              tcp_health_check: {
                proxy_protocol_config: { version: 'V2' },
                send: { text: '70696e67' },
                receive: [{ text: '706f6e67' }],
              },
            },
          ],
        }),
      ],
    },
  });
  assert.equal(await heard.promise, `${encodeVersion2(undefined).toString('latin1')}ping`);
});

test('a header that trickles in byte by byte is read', async (t) => {
  const { port: backend } = await upstream(t, (_, res) => res.end('fine'));
  const { port } = await serve(t, [clusterFromJson('backend', [backend])], { filter: {} });
  const client = connect(port, '127.0.0.1');
  client.setNoDelay(true);
  t.after(() => client.destroy());
  for (const byte of line + request)
    await new Promise<void>((resolve) => client.write(byte, () => setImmediate(resolve)));
  const [answer] = (await once(client, 'data')) as [Buffer];
  assert.match(answer.toString(), /200 OK/);
});
