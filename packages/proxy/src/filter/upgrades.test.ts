import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { clusterFromJson, filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { keptAccessLog, portOfServer, statOf, tcpUpstream, until, type Closers } from '../testing/harness.ts';
import { http2Client, http2Upstream } from '../testing/http2-peers.ts';

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const acceptOf = (asked: string): string =>
  createHash('sha1').update(`${asked}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

/** A server of HTTP/1.1 that switches protocols and sends back what it gets. */
async function echoUpgrade(t: Closers): Promise<number> {
  const server = createServer();
  server.on('upgrade', (request, socket: Socket) => {
    const asked = request.headers['sec-websocket-key'] ?? '';
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
        `sec-websocket-accept: ${acceptOf(asked)}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return portOfServer(server);
}

/** The same in HTTP/2. */
async function echoConnect(t: Closers): Promise<{ port: number; protocols: string[] }> {
  const protocols: string[] = [];
  const { port } = await http2Upstream(
    t,
    (stream, headers) => {
      protocols.push(`${headers[':method']} ${headers[':protocol']} ${headers[':path']}`);
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    },
    { enableConnectProtocol: true },
  );
  return { port, protocols };
}

const http2Options = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: { allow_connect: true } },
    },
  },
};
const manager = {
  route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' } }]),
  http2_protocol_options: { allow_connect: true },
  upgrade_configs: [{ upgrade_type: 'websocket' }],
};

/** Speaks an upgrade by HTTP/1.1; resolves with the head of the answer and the socket after it. */
async function upgradeHttp1(port: number, path = '/chat'): Promise<{ head: string; socket: Socket }> {
  const socket = connect(port, '127.0.0.1');
  socket.write(
    `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n` +
      `sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
  );
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  return { head: chunk.toString('latin1'), socket };
}

async function echoes(socket: Socket): Promise<void> {
  const heard = once(socket, 'data');
  socket.write('hello');
  assert.equal(((await heard) as [Buffer])[0].toString(), 'hello');
  const ended = once(socket, 'end');
  socket.end();
  await ended;
}

async function connectHttp2(session: ClientHttp2Session, headers: object): Promise<ClientHttp2Stream> {
  if (session.remoteSettings.enableConnectProtocol === undefined) await once(session, 'remoteSettings');
  const stream = session.request({ ':method': 'CONNECT', ...headers });
  const [answer] = (await once(stream, 'response')) as [Record<string, string | number>];
  assert.equal(answer[':status'], 200);
  assert.equal(answer['sec-websocket-accept'], undefined);
  return stream;
}

async function echoesHttp2(stream: ClientHttp2Stream): Promise<void> {
  const heard = once(stream, 'data');
  stream.write('hello');
  assert.equal(((await heard) as [Buffer])[0].toString(), 'hello');
  const ended = once(stream, 'close');
  stream.resume();
  stream.end();
  await ended;
}

const websocket = { ':protocol': 'websocket', ':scheme': 'http', ':path': '/chat', ':authority': 'a' };

test('a WebSocket goes from HTTP/1.1 to HTTP/1.1, and is counted', async (t) => {
  const { port, dataPlane } = await serveEnvoy(t, manager, [clusterFromJson('up', [await echoUpgrade(t)])]);
  const { head, socket } = await upgradeHttp1(port);
  assert.match(head, /^HTTP\/1\.1 101 /);
  assert.ok(head.includes(`sec-websocket-accept: ${acceptOf(key)}`));
  assert.equal(statOf(dataPlane, 'http.http.downstream_cx_upgrades_active'), 1);
  await echoes(socket);
  assert.equal(statOf(dataPlane, 'http.http.downstream_cx_upgrades_active'), 0);
});

test('an endpoint that ends a WebSocket first is left as well', async (t) => {
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  const ends = await tcpUpstream(t, (socket) => {
    socket.once('data', () =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nbye'),
    );
    socket.on('close', leave);
  });
  const { port, dataPlane } = await serveEnvoy(t, manager, [clusterFromJson('up', [ends])]);
  const { socket } = await upgradeHttp1(port);
  await Promise.all([left, once(socket, 'close')]);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_active'), 0);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_destroy_remote'), 1);
});

test('a WebSocket in a stream of HTTP/2 goes to an endpoint of HTTP/1.1, with a key that we make', async (t) => {
  const { port } = await serveEnvoy(t, manager, [clusterFromJson('up', [await echoUpgrade(t)])]);
  const session = await http2Client(t, port);
  await echoesHttp2(await connectHttp2(session, websocket));
});

test('a WebSocket of HTTP/1.1 goes to an endpoint of HTTP/2, and its key is answered', async (t) => {
  const up = await echoConnect(t);
  const { port } = await serveEnvoy(t, manager, [clusterFromJson('up', [up.port], http2Options)]);
  for (let i = 0; i < 2; i++) {
    const { head, socket } = await upgradeHttp1(port);
    assert.match(head, /^HTTP\/1\.1 101 /);
    assert.ok(head.includes(`sec-websocket-accept: ${acceptOf(key)}`), head);
    await echoes(socket);
  }
  assert.deepEqual(up.protocols, ['CONNECT websocket /chat', 'CONNECT websocket /chat']);
});

test('a WebSocket goes from HTTP/2 to HTTP/2', async (t) => {
  const up = await echoConnect(t);
  const { port, dataPlane } = await serveEnvoy(t, manager, [clusterFromJson('up', [up.port], http2Options)]);
  const session = await http2Client(t, port);
  await echoesHttp2(await connectHttp2(session, websocket));
  assert.equal(statOf(dataPlane, 'http.http.downstream_rq_active'), 0);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_active'), 0);
});

test('an endpoint of HTTP/2 that takes no other protocol is not asked for one', async (t) => {
  let streams = 0;
  const { port: up } = await http2Upstream(t, (stream) => {
    streams++;
    stream.respond({ ':status': 200 }, { endStream: true });
  });
  const { port } = await serveEnvoy(t, manager, [clusterFromJson('up', [up], http2Options)]);
  const { head } = await upgradeHttp1(port);
  assert.match(head, /^HTTP\/1\.1 503 /);
  assert.equal(streams, 0);
});

test('a WebSocket that waits for the settings of an endpoint is answered where that one goes', async (t) => {
  const goes = await tcpUpstream(t, (socket) => void socket.once('data', () => socket.destroy()));
  const { port, dataPlane } = await serveEnvoy(t, manager, [clusterFromJson('up', [goes], http2Options)]);
  const { head } = await upgradeHttp1(port);
  assert.match(head, /^HTTP\/1\.1 503 /);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_active'), 0);
});

test('what a WebSocket says before the settings of its endpoint have come is sent after them', async (t) => {
  const up = await echoConnect(t);
  const { promise: told, resolve: tell } = Promise.withResolvers<void>();
  const slow = await tcpUpstream(t, (socket) => {
    const to = connect(up.port, '127.0.0.1').on('error', () => {});
    socket.on('close', () => to.destroy()).pipe(to);
    void told.then(() => to.pipe(socket));
  });
  const { port } = await serveEnvoy(t, manager, [clusterFromJson('up', [slow], http2Options)]);
  const session = await http2Client(t, port);
  await once(session, 'remoteSettings');
  const stream = session.request({ ':method': 'CONNECT', ...websocket });
  let heard = '';
  stream.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  stream.end('hello');
  await new Promise((resolve) => session.ping(resolve));
  tell();
  await once(stream, 'close');
  assert.equal(heard, 'hello');
  assert.equal(stream.rstCode, 0);
});

test('extended CONNECT that was not offered, and an upgrade that nobody allows, are refused', async (t) => {
  const up = await echoUpgrade(t);
  const plain = await serveEnvoy(t, { ...manager, http2_protocol_options: {} }, [
    clusterFromJson('up', [up]),
  ]);
  const session = await http2Client(t, plain.port);
  const stream = session.request({ ':method': 'CONNECT', ...websocket });
  stream.on('error', () => {});
  await new Promise<void>((resolve) => stream.on('close', resolve));
  assert.notEqual(stream.rstCode, 0);
  const none = await serveEnvoy(t, { ...manager, upgrade_configs: [] }, [clusterFromJson('up', [up])]);
  const { head } = await upgradeHttp1(none.port);
  assert.match(head, /^HTTP\/1\.1 403 /);
  assert.equal(statOf(none.dataPlane, 'http.http.downstream_rq_ws_on_non_ws_route'), 1);
});

test('a tunnel ends at the proxy where the route says so, in both versions of HTTP', async (t) => {
  const up = await tcpUpstream(t, (socket) => void socket.pipe(socket));
  const { port, dataPlane } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        {
          match: { connect_matcher: {} },
          route: { cluster: 'up', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
        },
      ]),
    },
    [clusterFromJson('up', [up])],
  );
  const socket = connect(port, '127.0.0.1');
  socket.write('CONNECT far.example:443 HTTP/1.1\r\nhost: far.example:443\r\n\r\n');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  assert.match(chunk.toString(), /^HTTP\/1\.1 200 /);
  await echoes(socket);
  const session = await http2Client(t, port);
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'far.example:443' });
  await once(stream, 'response');
  await echoesHttp2(stream);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_active'), 0);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_total'), 2);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_active'), 0);
});

test('tunnels that end at the proxy count against the limits of connections', async (t) => {
  const up = await tcpUpstream(t, (socket) => void socket.pipe(socket));
  const connects = { match: { connect_matcher: {} } };
  const upgrade_configs = [{ upgrade_type: 'CONNECT', connect_config: {} }];
  for (const limit of [
    { thresholds: [{ max_connections: 1 }] },
    { per_host_thresholds: [{ max_connections: 1 }] },
  ]) {
    const { port, dataPlane } = await serveEnvoy(
      t,
      { route_config: routesJson([{ ...connects, route: { cluster: 'up', upgrade_configs } }]) },
      [clusterFromJson('up', [up], { circuit_breakers: limit })],
    );
    const tunnel = async (): Promise<{ status: string; socket: Socket }> => {
      const socket = connect(port, '127.0.0.1');
      socket.write('CONNECT far.example:443 HTTP/1.1\r\nhost: far.example:443\r\n\r\n');
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      return { status: chunk.toString().slice(9, 12), socket };
    };
    for (const expected of ['200', '200']) {
      const first = await tunnel();
      assert.equal(first.status, expected);
      const second = await tunnel();
      assert.equal(second.status, '503');
      second.socket.destroy();
      await echoes(first.socket);
      await until(() => statOf(dataPlane, 'cluster.up.upstream_cx_active') === 0);
    }
    assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_overflow'), 2);
  }
});

test('an endpoint of a tunnel that refuses is told as 503', async (t) => {
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([
        {
          match: { connect_matcher: {} },
          route: { cluster: 'up', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
        },
      ]),
    },
    [clusterFromJson('up', [1])],
  );
  const socket = connect(port, '127.0.0.1');
  socket.write('CONNECT far.example:443 HTTP/1.1\r\nhost: far.example:443\r\n\r\n');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  assert.match(chunk.toString(), /^HTTP\/1\.1 503 /);
  socket.destroy();
});

test('upgrades may have filters of their own', async (t) => {
  const { port } = await serveEnvoy(
    t,
    {
      ...manager,
      upgrade_configs: [
        {
          upgrade_type: 'websocket',
          filters: [
            {
              name: 'fault',
              typed_config: {
                '@type': `${filterTypes}.fault.v3.HTTPFault`,
                abort: { http_status: 429, percentage: { numerator: 100 } },
              },
            },
            routerJson,
          ],
        },
      ],
    },
    [clusterFromJson('up', [await echoUpgrade(t)])],
  );
  const { head } = await upgradeHttp1(port);
  assert.match(head, /^HTTP\/1\.1 429 /);
});

test('the log says who ended a tunnel, where the end of its connection is its end', async (t) => {
  const up = await tcpUpstream(t, (socket) => {
    socket.once('data', (asked: Buffer) => {
      if (asked.includes('HTTP/1.1'))
        socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
      if (asked.includes('/ends')) socket.end();
    });
    socket.once('end', () => socket.end());
  });
  const log = keptAccessLog('');
  const text_format_source = { inline_string: '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%' };
  const { port } = await serveEnvoy(
    t,
    {
      ...manager,
      route_config: routesJson([
        {
          match: { connect_matcher: {} },
          route: { cluster: 'up', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
        },
        { match: { prefix: '/' }, route: { cluster: 'up' } },
      ]),
      access_log: [
        {
          name: 'stdout',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
            log_format: { text_format_source },
          },
        },
      ],
    },
    [clusterFromJson('up', [up])],
    log.options,
  );
  const ends = async (socket: Socket, first: string): Promise<void> => {
    const closed = once(socket, 'close');
    socket.resume();
    if (first !== '') socket.end(first);
    await closed;
  };
  const connectTo = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.write('CONNECT far.example:443 HTTP/1.1\r\nhost: far.example:443\r\n\r\n');
    await once(socket, 'data');
    return socket;
  };
  await ends((await upgradeHttp1(port)).socket, 'bye');
  await ends((await upgradeHttp1(port, '/ends')).socket, '');
  await ends(await connectTo(), 'bye');
  const terminated = await connectTo();
  terminated.write('/ends');
  await ends(terminated, '');
  const session = await http2Client(t, port);
  const stream = await connectHttp2(session, websocket);
  const ended = once(stream, 'close');
  stream.resume().end('bye');
  await ended;
  await until(() => log.lines.length === 5);
  assert.deepEqual(log.lines, [
    '101 DC downstream_remote_disconnect',
    '101 UC upstream_reset_after_response_started{connection_termination}',
    '200 DC downstream_remote_disconnect',
    '200 - via_upstream',
    '101 - via_upstream',
  ]);
});
