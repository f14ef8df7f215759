import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { Cluster } from '../model/index.ts';
import type { DataPlane, DataPlaneOptions } from '../data-plane.ts';
import { clusterFromJson, listenerFromJson } from '../testing/envoy-config.ts';
import {
  keptAccessLog,
  portOf,
  portOfServer,
  startDataPlane,
  statOf,
  tcpUpstream,
  until,
  type Closers,
} from '../testing/harness.ts';

const at = 'type.googleapis.com/envoy.extensions';
const http2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${at}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};
const logJson = (format: string) => [
  {
    name: 'log',
    typed_config: {
      '@type': `${at}.access_loggers.stream.v3.StdoutAccessLog`,
      log_format: { text_format_source: { inline_string: format } },
    },
  },
];

async function serve(
  test: Closers,
  clusters: readonly Cluster[],
  proxy: object,
  settings: { before?: readonly object[]; options?: DataPlaneOptions } = {},
): Promise<{ dataPlane: DataPlane; port: number }> {
  const dataPlane = startDataPlane(test, settings.options);
  const filters = [
    ...(settings.before ?? []),
    {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: { '@type': `${at}.filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: 'main', ...proxy },
    },
  ];
  const listener = listenerFromJson({}, undefined, { filter_chains: [{ filters }] });
  const { refused } = await dataPlane.update({ clusters: { set: clusters }, listeners: { set: [listener] } });
  assert.deepEqual(refused, []);
  return { dataPlane, port: portOf(dataPlane) };
}

/** Sends bytes and collects what comes until the connection is closed, by FIN or RST. */
async function exchangeRaw(port: number, text: string, { end = false } = {}): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let all = '';
  socket.on('data', (chunk) => (all += chunk.toString()));
  socket.on('end', () => socket.end());
  socket.on('error', () => {});
  socket.write(text);
  if (end) socket.end();
  await new Promise((resolve) => socket.once('close', resolve));
  return all;
}

const saying = (test: Closers, text: string): Promise<number> => tcpUpstream(test, (peer) => peer.end(text));
const echo = (test: Closers): Promise<number> => tcpUpstream(test, (peer) => peer.pipe(peer));

test('metadata_match of the filter and of a weighted cluster chooses among subsets', async (t) => {
  const [one, two] = [await saying(t, 'one'), await saying(t, 'two')];
  const endpoint = (port: number, version: string) => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
    metadata: { filter_metadata: { 'envoy.lb': { version } } },
  });
  const cluster = clusterFromJson('backend', [], {
    lb_subset_config: { subset_selectors: [{ keys: ['version'] }] },
    load_assignment: {
      cluster_name: 'backend',
      endpoints: [{ lb_endpoints: [endpoint(one, 'v1'), endpoint(two, 'v2')] }],
    },
  });
  const wanted = (version: string) => ({ metadata_match: { filter_metadata: { 'envoy.lb': { version } } } });
  const plain = await serve(t, [cluster], { cluster: 'backend', ...wanted('v2') });
  for (let i = 0; i < 3; i++) assert.equal(await exchangeRaw(plain.port, '', { end: true }), 'two');
  const clusters = [{ name: 'backend', weight: 1, ...wanted('v1') }];
  const weighted = await serve(t, [cluster], { weighted_clusters: { clusters }, ...wanted('v2') });
  for (let i = 0; i < 3; i++) assert.equal(await exchangeRaw(weighted.port, '', { end: true }), 'one');
});

test('clusters get connections by their weights', async (t) => {
  const clusters = [
    clusterFromJson('few', [await saying(t, 'few')]),
    clusterFromJson('many', [await saying(t, 'many')]),
  ];
  let draw = 0;
  const weights = [
    { name: 'few', weight: 1 },
    { name: 'many', weight: 3 },
  ];
  const { port } = await serve(
    t,
    clusters,
    { weighted_clusters: { clusters: weights } },
    // Every fourth draw is below a quarter; others that are made on the way do not matter.
    { options: { random: () => draw } },
  );
  for (const [at, wanted] of [
    [0, 'few'],
    [0.24, 'few'],
    [0.26, 'many'],
    [0.99, 'many'],
  ] as const) {
    draw = at;
    assert.equal(await exchangeRaw(port, '', { end: true }), wanted);
  }
});

test('a connection ends when its longest time is over', async (t) => {
  const kept = keptAccessLog('');
  const { dataPlane, port } = await serve(
    t,
    [clusterFromJson('backend', [await echo(t)])],
    {
      cluster: 'backend',
      max_downstream_connection_duration: '0.05s',
      access_log: logJson('%RESPONSE_FLAGS%\n'),
    },
    kept,
  );
  assert.equal(await exchangeRaw(port, 'hello'), 'hello');
  assert.equal(statOf(dataPlane, 'tcp.main.max_downstream_connection_duration'), 1);
  assert.deepEqual(kept.lines, ['DT\n']);
});

test('a connection over which nothing passes for its idle time ends by FIN on both sides, without a flag', async (t) => {
  const endpoint = Promise.withResolvers<string>();
  const backend = await tcpUpstream(t, (peer) => {
    peer.on('data', (chunk: Buffer) => peer.write(chunk));
    peer.on('end', () => endpoint.resolve('FIN'));
    peer.on('error', () => endpoint.resolve('RST'));
  });
  const kept = keptAccessLog('');
  const { dataPlane, port } = await serve(
    t,
    [clusterFromJson('backend', [backend])],
    {
      cluster: 'backend',
      idle_timeout: '0.05s',
      access_log: logJson('%RESPONSE_FLAGS% %BYTES_SENT%\n'),
    },
    kept,
  );
  const socket = connect(port, '127.0.0.1');
  socket.write('hello');
  assert.equal(String((await once(socket, 'data'))[0]), 'hello');
  // A reset would be an error here.
  await once(socket, 'end');
  assert.equal(await endpoint.promise, 'FIN');
  assert.equal(statOf(dataPlane, 'tcp.main.idle_timeout'), 1);
  assert.deepEqual(kept.lines, ['- 5\n']);
});

test('lines are written at the connection and in intervals where the log asks for it', async (t) => {
  const kept = keptAccessLog('');
  const { port } = await serve(
    t,
    [clusterFromJson('backend', [await echo(t)])],
    {
      cluster: 'backend',
      access_log: logJson('%BYTES_RECEIVED%\n'),
      access_log_options: { flush_access_log_on_connected: true, access_log_flush_interval: '0.02s' },
    },
    kept,
  );
  const client = connect(port, '127.0.0.1');
  client.write('hello');
  await once(client, 'data');
  await until(() => kept.lines.length >= 3);
  // The endpoint may be there before the client's bytes are.
  assert.match(kept.lines[0] ?? '', /^[05]\n$/);
  assert.equal(kept.lines[2], '5\n');
  client.destroy();
});

/** An HTTP/1 server that grants CONNECT and POST, and sends back what comes in upper case. */
async function http1Tunnel(t: Closers, heard: string[]): Promise<number> {
  const server = createHttpServer((request, response) => {
    heard.push(`${request.method} ${request.url} ${request.headers.host}`);
    response.flushHeaders();
    request.on('data', (chunk: Buffer) => response.write(chunk.toString().toUpperCase()));
    request.on('end', () => response.end());
  });
  server.on('connect', (request, socket) => {
    heard.push(`${request.method} ${request.url} ${String(request.headers['x-client'])}`);
    if (request.url?.startsWith('no.') === true) {
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.on('data', (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return portOfServer(server);
}

const tunnelOf = (hostname: string, more: object = {}) => ({
  cluster: 'backend',
  tunneling_config: { hostname, ...more },
});

test('a connection goes through CONNECT of HTTP/1, with headers of its own', async (t) => {
  const heard: string[] = [];
  const cluster = clusterFromJson('backend', [await http1Tunnel(t, heard)]);
  const headers = [{ header: { key: 'x-client', value: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%' } }];
  const { dataPlane, port } = await serve(
    t,
    [cluster],
    tunnelOf('shop.test:443', { headers_to_add: headers }),
  );
  assert.equal(await exchangeRaw(port, 'hello', { end: true }), 'HELLO');
  assert.deepEqual(heard, ['CONNECT shop.test:443 127.0.0.1']);
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_rq_total'), 1);
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_cx_total'), 1);
  await until(() => statOf(dataPlane, 'cluster.backend.upstream_cx_active') === 0);
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_rq_active'), 0);
});

test('a client that stays when its tunnel of HTTP/1 has ended is not waited for', async (t) => {
  const port = await tcpUpstream(t, (peer) =>
    peer.once('data', () => peer.end('HTTP/1.1 200 OK\r\n\r\nbye')),
  );
  const plane = await serve(t, [clusterFromJson('backend', [port])], tunnelOf('shop.test:443'));
  const client = connect({ port: plane.port, host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => client.destroy());
  client.on('error', () => {});
  let heard = '';
  client.on('data', (chunk) => (heard += chunk.toString()));
  await once(client, 'end');
  assert.equal(heard, 'bye');
  await until(() => plane.dataPlane.activeConnections === 0);
  assert.equal(statOf(plane.dataPlane, 'tcp.main.downstream_cx_active'), 0);
  // Its connection is closed, and not only forgotten.
  const talk = setInterval(() => client.write('more'), 20);
  t.after(() => clearInterval(talk));
  await new Promise((resolve) => client.once('close', resolve));
});

test('a connection may be the body of a POST', async (t) => {
  const heard: string[] = [];
  const cluster = clusterFromJson('backend', [await http1Tunnel(t, heard)]);
  const { port } = await serve(t, [cluster], tunnelOf('shop.test', { use_post: true, post_path: '/in' }));
  assert.equal(await exchangeRaw(port, 'hello', { end: true }), 'HELLO');
  assert.deepEqual(heard, ['POST /in shop.test']);
});

test('a tunnel that is refused is tried again as often as allowed, and is a failed connection', async (t) => {
  const heard: string[] = [];
  const kept = keptAccessLog('');
  const { dataPlane, port } = await serve(
    t,
    [clusterFromJson('backend', [await http1Tunnel(t, heard)])],
    {
      ...tunnelOf('no.test:1'),
      max_connect_attempts: 2,
      access_log: logJson('%RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON%\n'),
    },
    kept,
  );
  assert.equal(await exchangeRaw(port, 'hello'), '');
  assert.equal(heard.length, 2);
  assert.match(kept.lines.join(''), /^UF,URX tunnel_response:403\n$/);
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_rq_total'), 2);
  // As Envoy: a tunnel's answer is no answer to a request.
  for (const gauge of ['upstream_rq_active', 'upstream_cx_active', 'upstream_rq_completed'])
    assert.equal(statOf(dataPlane, `cluster.backend.${gauge}`), 0, gauge);
});

test('connections share one of HTTP/2 as its streams, each ending by itself', async (t) => {
  const server = createHttp2Server();
  const authorities: string[] = [];
  const sessions = new Set<unknown>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    authorities.push(`${headers[':method']} ${headers[':authority']}`);
    stream.respond({ ':status': 200 });
    stream.on('data', (chunk: Buffer) => stream.write(chunk.toString().toUpperCase()));
    stream.on('end', () => stream.end());
    stream.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { dataPlane, port } = await serve(
    t,
    [clusterFromJson('backend', [portOfServer(server)], http2)],
    tunnelOf('shop.test:%DOWNSTREAM_LOCAL_PORT%'),
  );
  const texts = ['one', 'two', 'three'];
  const answers = await Promise.all(texts.map((text) => exchangeRaw(port, text, { end: true })));
  assert.deepEqual(
    answers,
    texts.map((text) => text.toUpperCase()),
  );
  assert.deepEqual(authorities, new Array(3).fill(`CONNECT shop.test:${port}`));
  assert.equal(sessions.size, 1);
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_rq_active'), 0);
});

const oneAtOnce = { circuit_breakers: { thresholds: [{ max_connections: 1, max_requests: 1 }] } };

test('a tunnel for which there is no connection waits until one is free', async (t) => {
  const heard: string[] = [];
  const backend = clusterFromJson('backend', [await http1Tunnel(t, heard)], oneAtOnce);
  const { dataPlane, port } = await serve(t, [backend], tunnelOf('shop.test:443'));
  const first = connect(port, '127.0.0.1');
  first.write('one');
  assert.equal(String((await once(first, 'data'))[0]), 'ONE');
  const second = exchangeRaw(port, 'two', { end: true });
  await until(() => statOf(dataPlane, 'cluster.backend.upstream_rq_pending_active') === 1);
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_rq_total'), 1);
  first.end();
  assert.equal(await second, 'TWO');
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_rq_pending_overflow'), 0);
});

test('what a client says after its endpoint has ended goes through a tunnel of HTTP/2', async (t) => {
  const server = createHttp2Server();
  const heard: string[] = [];
  const over = Promise.withResolvers<number>();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 });
    stream.end('bye');
    stream.on('data', (chunk: Buffer) => void heard.push(chunk.toString()));
    stream.on('error', () => {});
    stream.on('close', () => over.resolve(stream.rstCode));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const backend = clusterFromJson('backend', [portOfServer(server)], http2);
  const { dataPlane, port } = await serve(t, [backend], tunnelOf('shop.test:443'));
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => client.destroy());
  client.setEncoding('latin1').write('a');
  let told = '';
  client.on('data', (text: string) => (told += text));
  await once(client, 'end');
  client.write('b');
  await until(() => heard.join('') === 'ab');
  client.end('c');
  assert.equal(await over.promise, 0);
  assert.deepEqual([told, heard.join('')], ['bye', 'abc']);
  await until(() => statOf(dataPlane, 'cluster.backend.upstream_rq_active') === 0);
});

test('a tunnel above the limit of requests on a connection that has room is refused', async (t) => {
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 });
    stream.on('data', (chunk: Buffer) => stream.write(chunk.toString().toUpperCase()));
    stream.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const kept = keptAccessLog('');
  const { dataPlane, port } = await serve(
    t,
    [clusterFromJson('backend', [portOfServer(server)], { ...http2, ...oneAtOnce })],
    { ...tunnelOf('shop.test:443'), access_log: logJson('%RESPONSE_FLAGS%\n') },
    kept,
  );
  const first = connect(port, '127.0.0.1');
  first.write('one');
  assert.equal(String((await once(first, 'data'))[0]), 'ONE');
  assert.equal(await exchangeRaw(port, 'two'), '');
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_rq_active_overflow'), 1);
  assert.deepEqual(kept.lines, ['URX\n']);
  first.destroy();
});

test('connections above the limit of a filter are closed, at once or after its delay', async (t) => {
  const limit = (more: object) => [
    {
      name: 'envoy.filters.network.connection_limit',
      typed_config: {
        '@type': `${at}.filters.network.connection_limit.v3.ConnectionLimit`,
        stat_prefix: 'few',
        max_connections: 1,
        ...more,
      },
    },
  ];
  for (const delay of [undefined, '0.03s']) {
    const { dataPlane, port } = await serve(
      t,
      [clusterFromJson('backend', [await echo(t)])],
      { cluster: 'backend' },
      { before: limit(delay === undefined ? {} : { delay }) },
    );
    const first = connect(port, '127.0.0.1');
    first.write('in');
    await once(first, 'data');
    const startMs = performance.now();
    assert.equal(await exchangeRaw(port, 'out'), '');
    assert.ok(delay === undefined || performance.now() - startMs >= 29);
    assert.equal(statOf(dataPlane, 'connection_limit.few.limited_connections'), 1);
    assert.equal(statOf(dataPlane, 'connection_limit.few.active_connections'), 1);
    first.destroy();
    await until(() => statOf(dataPlane, 'connection_limit.few.active_connections') === 0);
    assert.equal(await exchangeRaw(port, 'in', { end: true }), 'in');
  }
});

test('a connection that may not wait for its endpoint is refused, as one too many of its pool', async (t) => {
  const kept = keptAccessLog('');
  const none = { circuit_breakers: { thresholds: [{ max_pending_requests: 0 }] } };
  const { dataPlane, port } = await serve(
    t,
    [clusterFromJson('backend', [await echo(t)], none)],
    { cluster: 'backend', access_log: logJson('%RESPONSE_FLAGS% %UPSTREAM_HOST%\n') },
    kept,
  );
  assert.equal(await exchangeRaw(port, 'hello'), '');
  assert.deepEqual(kept.lines, ['URX -\n']);
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_rq_pending_overflow'), 1);
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_cx_total'), 0);
});

test('connections wait for their endpoint as requests do, and no longer', async (t) => {
  const one = { circuit_breakers: { thresholds: [{ max_pending_requests: 1 }] } };
  const clusters = [clusterFromJson('backend', [await echo(t)], one), clusterFromJson('gone', [1], one)];
  for (const cluster of ['backend', 'gone']) {
    const { dataPlane, port } = await serve(t, clusters, { cluster });
    const heard = cluster === 'backend' ? 'hello' : '';
    for (let i = 0; i < 3; i++) assert.equal(await exchangeRaw(port, 'hello', { end: true }), heard);
    assert.equal(statOf(dataPlane, `cluster.${cluster}.upstream_rq_pending_overflow`), 0);
    assert.equal(statOf(dataPlane, `cluster.${cluster}.upstream_rq_pending_active`), 0);
  }
});

test('what waits for a tunnel that is not opened in the idle time is not counted as received', async (t) => {
  const kept = keptAccessLog('');
  const { dataPlane, port } = await serve(
    t,
    [clusterFromJson('backend', [await tcpUpstream(t, (peer) => void peer.resume())])],
    {
      ...tunnelOf('shop.test:443'),
      idle_timeout: '0.05s',
      access_log: logJson('%RESPONSE_FLAGS% %BYTES_RECEIVED% %DOWNSTREAM_LOCAL_CLOSE_REASON%\n'),
    },
    kept,
  );
  assert.equal(await exchangeRaw(port, 'hello'), '');
  assert.deepEqual(kept.lines, ['UF 0 tcp_session_idle_timeout\n']);
  assert.equal(statOf(dataPlane, 'tcp.main.downstream_cx_rx_bytes_total'), 0);
  assert.equal(statOf(dataPlane, 'tcp.main.idle_timeout'), 1);
});
