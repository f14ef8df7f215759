import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import type { DataPlane } from '../data-plane.ts';
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

const types = 'type.googleapis.com/envoy.extensions';
const http2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${types}.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

interface Told {
  readonly dataPlane: DataPlane;
  /** What the client heard, and how it ended. */
  readonly client: string;
  /** Response flags and the transport's failure. */
  readonly logged: string;
}

/** Says hello through a tunnel, ends, and waits for the end. */
async function through(
  t: Closers,
  endpoint: number,
  tunneling: object,
  { proxy = {}, cluster = {}, end = true }: { proxy?: object; cluster?: object; end?: boolean } = {},
): Promise<Told> {
  const kept = keptAccessLog('');
  const dataPlane = startDataPlane(t, kept.options);
  const inline = { inline_string: '%RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON%' };
  const log = {
    '@type': `${types}.access_loggers.stream.v3.StdoutAccessLog`,
    log_format: { text_format_source: inline },
  };
  const filter = {
    '@type': `${types}.filters.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: 'main',
    cluster: 'backend',
    tunneling_config: { hostname: 'there:80', ...tunneling },
    access_log: [{ name: 'log', typed_config: log }],
    ...proxy,
  };
  const filters = [{ name: 'envoy.filters.network.tcp_proxy', typed_config: filter }];
  const { refused } = await dataPlane.update({
    clusters: { set: [clusterFromJson('backend', [endpoint], cluster)] },
    listeners: { set: [listenerFromJson({}, undefined, { filter_chains: [{ filters }] })] },
  });
  assert.deepEqual(refused, []);
  const socket = connect({ port: portOf(dataPlane), host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => socket.destroy());
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString()));
  socket.write('hello');
  if (end) socket.end();
  const how = await new Promise<string>((resolve) => {
    socket.on('end', () => resolve('FIN')).on('error', () => resolve('RST'));
  });
  await until(() => kept.lines.length > 0);
  return { dataPlane, client: `${heard} ${how}`, logged: kept.lines.join('') };
}

const destroyed = (dataPlane: DataPlane): number[] =>
  ['local', 'local_with_active_rq', 'remote', 'remote_with_active_rq'].map((name) =>
    statOf(dataPlane, `cluster.backend.upstream_cx_destroy_${name}`),
  );

/** Grants a tunnel and says something; `then` follows. */
const grants = (t: Closers, head: string, then: (socket: Socket) => void): Promise<number> =>
  tcpUpstream(t, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\n${head}`);
      then(socket);
    });
  });

test('a POST whose client has ended ends with all of its connection, also where its answer does not', async (t) => {
  let sent = '';
  const over = Promise.withResolvers<void>();
  const endpoint = await grants(t, 'transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n', (socket) => {
    socket.on('data', (chunk) => (sent += chunk.toString()));
    socket.on('end', () => {
      socket.end();
      over.resolve();
    });
  });
  const { dataPlane, client, logged } = await through(t, endpoint, { use_post: true, post_path: '/p' });
  await over.promise;
  assert.equal(sent, '5\r\nhello\r\n0\r\n\r\n');
  assert.equal(client, 'hi FIN');
  assert.equal(logged, '- -');
  assert.deepEqual(destroyed(dataPlane), [1, 1, 0, 0]);
});

test('a POST whose answer ends takes its connection with it', async (t) => {
  const head = 'content-length: 2\r\n\r\nhi';
  const endpoint = await grants(t, head, () => {});
  const options = { end: false };
  const { dataPlane, client, logged } = await through(t, endpoint, { use_post: true }, options);
  assert.equal(client, 'hi FIN');
  assert.equal(logged, '- -');
  assert.deepEqual(destroyed(dataPlane), [1, 1, 0, 0]);
});

test('a tunnel that its endpoint ends is a request until then, and closed by us', async (t) => {
  const endpoint = await grants(t, '\r\nhi', (socket) => socket.end());
  const { dataPlane, client } = await through(t, endpoint, {}, { end: false });
  assert.equal(client, 'hi FIN');
  assert.deepEqual(destroyed(dataPlane), [1, 1, 0, 0]);
});

test('a tunnel that breaks off resets its client', async (t) => {
  const endpoint = await grants(t, '\r\nhi', (socket) => socket.once('data', () => socket.resetAndDestroy()));
  const { client, logged } = await through(t, endpoint, {}, { end: false });
  assert.equal(client, 'hi RST');
  assert.equal(logged, 'UR -');
});

test('a tunnel that was refused before it was granted is flagged, and what ended it without an answer is no failure of the transport', async (t) => {
  let tries = 0;
  const endpoint = await tcpUpstream(t, (socket) => {
    socket.once('data', () => socket.end(++tries === 1 ? '' : 'HTTP/1.1 200 OK\r\n\r\nhi'));
  });
  const twice = { proxy: { max_connect_attempts: 2 } };
  const { dataPlane, client, logged } = await through(t, endpoint, {}, twice);
  assert.equal(client, 'hi FIN');
  assert.equal(logged, 'UF -');
  assert.deepEqual(destroyed(dataPlane), [2, 2, 0, 0]);
});

test('tunnels of HTTP/2 that either side resets are counted', async (t) => {
  for (const [answer, stat] of [
    [{ ':status': 403 }, 'upstream_rq_tx_reset'],
    [undefined, 'upstream_rq_rx_reset'],
  ] as const) {
    const server = createHttp2Server().on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {});
      if (answer === undefined) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      else stream.respond(answer);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { dataPlane, client } = await through(t, portOfServer(server), {}, { cluster: http2 });
    assert.match(client, /^ (?:FIN|RST)$/);
    for (const name of ['upstream_rq_tx_reset', 'upstream_rq_rx_reset'])
      assert.equal(statOf(dataPlane, `cluster.backend.${name}`), name === stat ? 1 : 0, name);
  }
});
