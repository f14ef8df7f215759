import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { clusterFromJson, listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import { portOf, startDataPlane, tcpUpstream, type Closers } from '../testing/harness.ts';
import { becomes } from '../testing/watched-proxy.ts';

const fields = ['WIRE', 'HEADER'].flatMap((kind) =>
  ['DOWNSTREAM', 'UPSTREAM'].flatMap((side) =>
    ['RECEIVED', 'SENT'].map((way) => `${side}_${kind}_BYTES_${way}`),
  ),
);

type Counts = Readonly<Record<string, number>>;

function accessLog(name: string): object {
  const format = Object.fromEntries(fields.map((field) => [field, `%${field}%`]));
  return {
    name: 'log',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
      log_format: { json_format: { name, ...format } },
    },
  };
}

const http2Cluster = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

/** An endpoint that keeps what it is sent, and answers each request with these bytes. */
async function rawEndpoint(t: Closers, answer: string) {
  const seen = { bytes: '' };
  const port = await tcpUpstream(t, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      seen.bytes += chunk.toString('latin1');
      if (/\r\n\r\n(?:$|[^]*0\r\n\r\n$)/.test(seen.bytes)) socket.write(answer);
    });
  });
  return { port, seen };
}

/** Two proxies after each other with HTTP/2 between them, each with a log of what passes its wires. */
async function chained(t: Closers, endpoint: number) {
  const lines: Record<string, Counts> = {};
  const options = {
    writeAccessLog(_sink: string, text: string) {
      const { name, ...counts } = JSON.parse(text) as Record<string, number>;
      lines[String(name)] = counts;
    },
  };
  const inner = startDataPlane(t, options);
  const routes = routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' } }]);
  const listener = (name: string) =>
    listenerFromJson({ route_config: routes, access_log: [accessLog(name)] });
  await inner.update({
    clusters: { set: [clusterFromJson('up', [endpoint])] },
    listeners: { set: [listener('inner')] },
  });
  const outer = startDataPlane(t, options);
  await outer.update({
    clusters: { set: [clusterFromJson('up', [portOf(inner)], http2Cluster)] },
    listeners: { set: [listener('outer')] },
  });
  return {
    port: portOf(outer),
    /** What both have logged of a request. */
    logged: async (): Promise<{ outer: Counts; inner: Counts }> => {
      await becomes(() => Object.keys(lines).toSorted(), ['inner', 'outer']);
      const both = lines as unknown as { outer: Counts; inner: Counts };
      const found = { outer: both.outer, inner: both.inner };
      delete lines['outer'];
      delete lines['inner'];
      return found;
    },
  };
}

async function exchange(socket: Socket, request: string, end: RegExp): Promise<string> {
  let text = '';
  const onData = (chunk: Buffer): void => void (text += chunk.toString('latin1'));
  socket.on('data', onData);
  socket.write(request);
  while (!end.test(text)) await once(socket, 'data');
  socket.off('data', onData);
  return text;
}

/** Names, values, and what stands between them: `:` of those that came, `: ` of those that were sent, and the ends of lines. */
function fieldBytes(head: string, between: number): number {
  const [, ...lines] = (head.split('\r\n\r\n')[0] as string).split('\r\n');
  return lines.reduce((sum, line) => sum + line.replace(': ', '').length + between + 2, 0);
}

test('access logs tell the bytes on the wires, of HTTP/1 and HTTP/2', async (t) => {
  const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX-Long: some value\r\n\r\nhello';
  const endpoint = await rawEndpoint(t, answer);
  const { port, logged } = await chained(t, endpoint.port);
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  for (const body of ['', 'abc']) {
    endpoint.seen.bytes = '';
    const chunks = body === '' ? '' : `${body.length}\r\n${body}\r\n0\r\n\r\n`;
    const framing = body === '' ? '' : 'transfer-encoding: chunked\r\n';
    const sent = `POST /a HTTP/1.1\r\nhost: some.host\r\nx-own: 1\r\n${framing}content-type: a/b\r\n\r\n${chunks}`;
    const received = await exchange(socket, sent, /hello$/);
    const { outer, inner } = await logged();
    assert.equal(outer['DOWNSTREAM_WIRE_BYTES_RECEIVED'], sent.length);
    assert.equal(outer['DOWNSTREAM_HEADER_BYTES_RECEIVED'], fieldBytes(sent, 1));
    assert.equal(outer['DOWNSTREAM_WIRE_BYTES_SENT'], received.length);
    assert.equal(outer['DOWNSTREAM_HEADER_BYTES_SENT'], fieldBytes(received, 2));
    // Between the two are frames, which both count alike.
    for (const kind of ['WIRE', 'HEADER']) {
      assert.equal(outer[`UPSTREAM_${kind}_BYTES_SENT`], inner[`DOWNSTREAM_${kind}_BYTES_RECEIVED`]);
      assert.equal(outer[`UPSTREAM_${kind}_BYTES_RECEIVED`], inner[`DOWNSTREAM_${kind}_BYTES_SENT`]);
    }
    const frames = body === '' ? 0 : 9 + body.length;
    assert.equal(
      (inner['DOWNSTREAM_WIRE_BYTES_RECEIVED'] ?? 0) - (inner['DOWNSTREAM_HEADER_BYTES_RECEIVED'] ?? 0),
      frames,
    );
    assert.ok((inner['DOWNSTREAM_HEADER_BYTES_RECEIVED'] ?? 0) > 9);
    assert.equal(inner['UPSTREAM_WIRE_BYTES_SENT'], endpoint.seen.bytes.length);
    assert.equal(inner['UPSTREAM_HEADER_BYTES_SENT'], fieldBytes(endpoint.seen.bytes, 2));
    assert.equal(inner['UPSTREAM_WIRE_BYTES_RECEIVED'], answer.length);
    assert.equal(inner['UPSTREAM_HEADER_BYTES_RECEIVED'], fieldBytes(answer, 1));
  }
});

test('what went to endpoints that failed counts too, and nothing where the proxy itself answers', async (t) => {
  const lines: Counts[] = [];
  const sent: number[] = [];
  const port = await tcpUpstream(t, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      sent.push(chunk.length);
      if (sent.length === 1) socket.destroy();
      else socket.end('HTTP/1.1 204 No Content\r\n\r\n');
    });
  });
  const dataPlane = startDataPlane(t, {
    writeAccessLog: (_sink, text) => void lines.push(JSON.parse(text) as Counts),
  });
  const routes = routesJson([
    { match: { path: '/own' }, direct_response: { status: 200 } },
    {
      match: { prefix: '/' },
      route: { cluster: 'up', retry_policy: { retry_on: 'reset', num_retries: 1 } },
    },
  ]);
  await dataPlane.update({
    clusters: { set: [clusterFromJson('up', [port])] },
    listeners: { set: [listenerFromJson({ route_config: routes, access_log: [accessLog('log')] })] },
  });
  const socket = connect(portOf(dataPlane), '127.0.0.1');
  t.after(() => socket.destroy());
  await exchange(socket, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n', /\r\n\r\n$/);
  await exchange(socket, 'GET /own HTTP/1.1\r\nhost: a\r\n\r\n', /\r\n\r\n$/);
  await becomes(() => lines.length, 2);
  assert.deepEqual(
    lines.map((line) => [line['UPSTREAM_WIRE_BYTES_SENT'], line['UPSTREAM_WIRE_BYTES_RECEIVED']]),
    [
      [(sent[0] ?? 0) + (sent[1] ?? 0), 'HTTP/1.1 204 No Content\r\n\r\n'.length],
      [0, 0],
    ],
  );
});
