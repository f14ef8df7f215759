import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createTcp, connect } from 'node:net';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { headerName } from '../codec/header-name.ts';
import { errorCode, frameFlag, frameType } from '../http2/frame.ts';
import { clusterFromJson, listenerFromJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import {
  ask,
  exchangeRaw,
  portOfServer,
  statOf,
  tcpUpstream,
  until,
  upstream,
  type Closers,
} from '../testing/harness.ts';
import { askHttp2, http2Client, http2Upstream } from '../testing/http2-peers.ts';
import { frame, goodHead, headersFrame, literals, RawClient } from '../testing/raw-http2.ts';

const all = { match: { prefix: '/' }, route: { cluster: 'up' } };
const routes = { route_config: routesJson([all]) };

const clusterOptions = (config: object, common: object = {}): object => ({
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: config,
      common_http_protocol_options: common,
    },
  },
});
const properCase = { header_key_format: { proper_case_words: {} } };
const keepCase = {
  header_key_format: {
    stateful_formatter: {
      name: 'preserve_case',
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig',
      },
    },
  },
};

/** An endpoint that keeps the head that it saw and answers with one of its own. */
async function rawUpstream(t: Closers, answer: string): Promise<{ port: number; heads: string[] }> {
  const heads: string[] = [];
  const port = await tcpUpstream(t, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      heads.push(chunk.toString('latin1'));
      socket.write(answer);
    });
    socket.on('end', () => socket.end());
  });
  return { port, heads };
}

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-MiXed: 1\r\n\r\n';
const request = 'GET / HTTP/1.1\r\nhost: a\r\nx-wEIRD-name: 1\r\nconnection: close\r\n\r\n';

test('names of headers are written in proper case, or as they came, or small', async (t) => {
  const proper = await rawUpstream(t, answer);
  const one = await serveEnvoy(t, { ...routes, http_protocol_options: properCase }, [
    clusterFromJson('up', [proper.port], clusterOptions({ http_protocol_options: properCase })),
  ]);
  const seen = await exchangeRaw(one.port, request);
  assert.match(seen, /\r\nContent-Length: 0\r\nX-Mixed: 1\r\n/);
  assert.match(seen, /\r\nConnection: close\r\n/);
  assert.match(proper.heads[0] ?? '', /^GET \/ HTTP\/1\.1\r\nHost: a\r\nX-Weird-Name: 1\r\n/);

  const kept = await rawUpstream(t, answer);
  const two = await serveEnvoy(t, { ...routes, http_protocol_options: keepCase }, [
    clusterFromJson('up', [kept.port], clusterOptions({ http_protocol_options: keepCase })),
  ]);
  assert.match(await exchangeRaw(two.port, request), /\r\nx-MiXed: 1\r\n/);
  assert.match(kept.heads[0] ?? '', /\r\nx-wEIRD-name: 1\r\n/);

  const small = await rawUpstream(t, answer);
  const three = await serveEnvoy(t, routes, [clusterFromJson('up', [small.port])]);
  assert.match(await exchangeRaw(three.port, request), /\r\nx-mixed: 1\r\n/);
  assert.match(small.heads[0] ?? '', /\r\nx-weird-name: 1\r\n/);
});

test('names that the proxy writes itself are spelt as their sender spelt them', async (t) => {
  const chunks =
    'HTTP/1.1 200 OK\r\nTransfer-ENCODING: chunked\r\nConnection: close\r\nServer: x\r\n\r\n0\r\n\r\n';
  const up = await rawUpstream(t, chunks);
  const { port } = await serveEnvoy(t, { ...routes, http_protocol_options: keepCase }, [
    clusterFromJson('up', [up.port], clusterOptions({ http_protocol_options: keepCase })),
  ]);
  const post =
    'POST / HTTP/1.1\r\nHoST: a\r\nTransfer-Encoding: chunked\r\nCONNECTION: close\r\n\r\n1\r\na\r\n0\r\n\r\n';
  const seen = await exchangeRaw(port, post);
  assert.match(up.heads[0] ?? '', /^POST \/ HTTP\/1\.1\r\nHoST: a\r\n/);
  assert.match(up.heads[0] ?? '', /\r\nTransfer-Encoding: chunked\r\n/);
  assert.match(seen, /\r\nTransfer-ENCODING: chunked\r\n/);
  assert.match(seen, /\r\nConnection: close\r\n/);
});

test('a name that hashes as another is not taken for its spelling', async (t) => {
  const up = await rawUpstream(t, answer);
  const { port } = await serveEnvoy(t, { ...routes, http_protocol_options: keepCase }, [
    clusterFromJson('up', [up.port], clusterOptions({ http_protocol_options: keepCase })),
  ]);
  assert.equal(headerName('hou6').hash, headerName('host').hash);
  await exchangeRaw(port, 'GET / HTTP/1.1\r\nHou6: b\r\nhost: a\r\nconnection: close, hou6\r\n\r\n');
  assert.match(up.heads[0] ?? '', /^GET \/ HTTP\/1\.1\r\nhost: a\r\n/);
});

test('request lines hold the whole URL where endpoints want that', async (t) => {
  const up = await rawUpstream(t, answer);
  const { port } = await serveEnvoy(t, routes, [
    clusterFromJson(
      'up',
      [up.port],
      clusterOptions({ http_protocol_options: { send_fully_qualified_url: true } }),
    ),
  ]);
  await exchangeRaw(port, 'GET /x?y HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n');
  assert.match(up.heads[0] ?? '', /^GET http:\/\/shop\.example\/x\?y HTTP\/1\.1\r\nhost: shop\.example\r\n/);
});

test('100-continue is answered here, or left to the endpoint, which may refuse', async (t) => {
  const expects =
    'POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\nconnection: close\r\n\r\n';
  let refuse = false;
  const up = await tcpUpstream(t, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      if (refuse) socket.end('HTTP/1.1 417 No\r\ncontent-length: 0\r\n\r\n');
      else if (/expect: 100-continue/.test(text)) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      if (text.endsWith('hi')) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
  });
  const talk = async (port: number): Promise<string> => {
    const socket = connect(port, '127.0.0.1');
    let seen = '';
    socket.on('data', (chunk: Buffer) => {
      if (/ 100 /.test(chunk.toString())) socket.write('hi');
      seen += chunk.toString();
    });
    socket.write(expects);
    await once(socket, 'close');
    return seen;
  };
  const here = await serveEnvoy(t, routes, [clusterFromJson('up', [up])]);
  assert.match(await talk(here.port), /^HTTP\/1\.1 100 Continue.*200 OK/s);
  const there = await serveEnvoy(t, { ...routes, proxy_100_continue: true }, [clusterFromJson('up', [up])]);
  assert.match(await talk(there.port), /^HTTP\/1\.1 100 Continue.*200 OK/s);
  refuse = true;
  assert.match(await talk(there.port), /^HTTP\/1\.1 417 /);
});

test('a connection to an endpoint takes no further request after its longest time', async (t) => {
  const sockets = new Set<unknown>();
  const { port: up, server } = await upstream(t, (request, response) => {
    sockets.add(request.socket);
    response.end();
  });
  const closed = new Promise((resolve) =>
    server.on('connection', (socket) => void socket.on('close', resolve)),
  );
  const { port, dataPlane } = await serveEnvoy(t, routes, [
    clusterFromJson(
      'up',
      [up],
      clusterOptions({ http_protocol_options: {} }, { max_connection_duration: '0.05s' }),
    ),
  ]);
  await ask(port);
  await closed;
  await ask(port);
  assert.equal(sockets.size, 2);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_max_duration_reached'), 1);
});

test('an answer with more headers than the cluster takes is refused', async (t) => {
  const up = await rawUpstream(t, answer);
  const { port } = await serveEnvoy(t, routes, [
    clusterFromJson('up', [up.port], clusterOptions({ http_protocol_options: {} }, { max_headers_count: 1 })),
  ]);
  assert.match(await exchangeRaw(port, request), /^HTTP\/1\.1 50[23] /);
});

test('a client of HTTP/2 that answers no PING is let go, one that does stays', async (t) => {
  const keepalive = {
    connection_keepalive: { interval: '0.03s', timeout: '0.03s', interval_jitter: { value: 0 } },
  };
  const { port, dataPlane } = await serveEnvoy(t, { ...routes, http2_protocol_options: keepalive }, []);
  const raw = await RawClient.connect(t, port);
  await raw.expect((f) => f.type === frameType.ping);
  assert.equal(await raw.goawayCode(), errorCode.noError);
  assert.equal(statOf(dataPlane, 'http2.keepalive_timeout'), 1);
  const good = await http2Client(t, port);
  const pings: number[] = [];
  const three = new Promise<void>((resolve) =>
    good.on('ping', () => {
      if (pings.push(1) === 3) resolve();
    }),
  );
  await three;
  assert.equal(good.closed, false);
  assert.equal(statOf(dataPlane, 'http2.keepalive_timeout'), 1);
});

test('a client of HTTP/2 that answers no PING is let go also while it is drained', async (t) => {
  const clock = new TestClock();
  const keepalive = {
    connection_keepalive: { interval: '10s', timeout: '2s', interval_jitter: { value: 0 } },
  };
  const silent = await tcpUpstream(t, () => {});
  const { port, dataPlane } = await serveEnvoy(
    t,
    { ...routes, http2_protocol_options: keepalive },
    [clusterFromJson('up', [silent])],
    { clock },
  );
  const raw = await RawClient.connect(t, port);
  raw.send(headersFrame(1, goodHead));
  await until(() => statOf(dataPlane, 'cluster.up.upstream_rq_active') === 1);
  dataPlane.drainConnections();
  await raw.expect((f) => f.type === frameType.ping);
  clock.advance(13_000);
  assert.equal(statOf(dataPlane, 'http2.keepalive_timeout'), 1);
  assert.equal(statOf(dataPlane, 'http.http.downstream_rq_active'), 0);
});

test('a head of several frames does not end the connection once it is complete', async (t) => {
  const clock = new TestClock();
  const { port: up } = await upstream(t, (request, response) => {
    if (request.url !== '/held') response.end();
    else release = () => response.end();
  });
  let release = (): void => {};
  const { port, dataPlane } = await serveEnvoy(
    t,
    {
      ...routes,
      request_headers_timeout: '10s',
      common_http_protocol_options: { idle_timeout: '0s' },
    },
    [clusterFromJson('up', [up])],
    { clock },
  );
  const raw = await RawClient.connect(t, port);
  const isEnd = (f: { flags: number }): boolean => (f.flags & frameFlag.endStream) !== 0;
  const held = goodHead.map(([name, value]) => [name, name === ':path' ? '/held' : value] as const);
  raw.send(headersFrame(1, held));
  await until(() => statOf(dataPlane, 'cluster.up.upstream_rq_active') === 1);
  raw.send(
    frame(frameType.headers, frameFlag.endStream, 3, literals(goodHead.slice(0, 2))),
    frame(frameType.continuation, frameFlag.endHeaders, 3, literals(goodHead.slice(2))),
  );
  await raw.expect((f) => f.streamId === 3 && isEnd(f));
  release();
  await raw.expect((f) => f.streamId === 1 && isEnd(f));
  clock.advance(20_000);
  raw.send(headersFrame(5, goodHead));
  await raw.expect((f) => f.streamId === 5 && isEnd(f));
});

test('an endpoint of HTTP/2 that answers no PING loses its connection, and requests on it fail', async (t) => {
  // It takes everything and says nothing.
  const server = createTcp((socket) => void socket.on('error', () => {}).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const keepalive = { connection_keepalive: { interval: '0.03s', timeout: '0.03s' } };
  const { port, dataPlane } = await serveEnvoy(t, routes, [
    clusterFromJson('up', [portOfServer(server)], clusterOptions({ http2_protocol_options: keepalive })),
  ]);
  assert.equal((await ask(port)).status, 503);
  assert.equal(statOf(dataPlane, 'cluster.up.http2.keepalive_timeout'), 1);
});

test('tables of HPACK are as small as configured, both ways, and answers stay right', async (t) => {
  const { port: up } = await http2Upstream(t, (stream, headers) => {
    stream.respond({ ':status': 200, 'x-echo': String(headers['x-say']) });
    stream.end();
  });
  const { port } = await serveEnvoy(t, { ...routes, http2_protocol_options: { hpack_table_size: 0 } }, [
    clusterFromJson('up', [up], clusterOptions({ http2_protocol_options: { hpack_table_size: 64 } })),
  ]);
  const session = await http2Client(t, port);
  for (const say of ['one', 'one', 'two', 'one', 'one']) {
    const { headers } = await askHttp2(session, { ':path': '/', 'x-say': say });
    assert.equal(headers['x-echo'], say);
  }
  assert.equal(session.remoteSettings.headerTableSize, 0);
});

test('limits of floods are those that are configured', async (t) => {
  const { port, dataPlane } = await serveEnvoy(
    t,
    { ...routes, http2_protocol_options: { max_consecutive_inbound_frames_with_empty_payload: 1 } },
    [],
  );
  const client = await RawClient.connect(t, port);
  const empty = frame(frameType.data, 0, 1);
  client.send(headersFrame(1, [...goodHead.slice(1), [':method', 'POST']], false), empty, empty);
  assert.equal(await client.goawayCode(), errorCode.enhanceYourCalm);
  assert.equal(statOf(dataPlane, 'http2.inbound_empty_frames_flood'), 1);
});

test('further settings are sent, those of the codec itself are refused', async (t) => {
  const custom = (identifier: number) => ({
    ...routes,
    http2_protocol_options: { custom_settings_parameters: [{ identifier, value: 7 }] },
  });
  const { port } = await serveEnvoy(t, custom(0x99), []);
  const client = await RawClient.connect(t, port);
  const { payload } = await client.expect((f) => f.type === frameType.settings && f.payload.length > 0);
  assert.ok(payload.includes(Buffer.from([0, 0x99, 0, 0, 0, 7])));
  assert.throws(() => listenerFromJson(custom(4)), /has an option of its own/);
});
