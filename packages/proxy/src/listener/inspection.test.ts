import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectPlain, createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { listenerFromJson } from '../testing/envoy-config.ts';
import { portOf, startDataPlane, statOf } from '../testing/harness.ts';
import { inspect } from './inspection.ts';

const both = { tls: true, http: true };

async function clientHello(): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({
    port,
    host: '127.0.0.1',
    servername: 'Shop.Example',
    ALPNProtocols: ['h2', 'http/1.1'],
  });
  client.on('error', () => {});
  const [socket] = await once(server, 'connection');
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

test('a real ClientHello gives its server name and ALPN, whatever the pieces it comes in', async () => {
  const hello = await clientHello();
  for (let length = 1; length < hello.length; length += 7) {
    assert.equal(inspect(hello.subarray(0, length), both), undefined, `after ${length} bytes`);
  }
  assert.deepEqual(inspect(hello, both), {
    transportProtocol: 'tls',
    serverName: 'shop.example',
    applicationProtocols: ['h2', 'http/1.1'],
  });
});

test('a request line gives its version, and only when it is complete', () => {
  const line = Buffer.from('GET /a?b=c HTTP/1.1\r\n');
  assert.equal(inspect(line.subarray(0, 10), both), undefined);
  assert.deepEqual(inspect(line, both)?.applicationProtocols, ['http/1.1']);
  assert.deepEqual(inspect(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), both)?.applicationProtocols, [
    'h2c',
  ]);
});

test('what is no HTTP is told from the first bytes', () => {
  for (const bytes of ['\0\0\0', '{"a":1}', 'GET / HTTP/3\r\n', 'hello world\n']) {
    assert.deepEqual(inspect(Buffer.from(bytes), both)?.applicationProtocols, [], bytes);
  }
});

test('what inspectors find is counted, where a listener has them', async (t) => {
  const type = (name: string) => ({ '@type': `type.googleapis.com/envoy.extensions.filters.${name}` });
  const hangUp = {
    name: 'bye',
    typed_config: { ...type('network.direct_response.v3.Config'), response: { inline_string: 'bye' } },
  };
  const listener = listenerFromJson({}, undefined, {
    listener_filters: [
      { name: 'tls', typed_config: type('listener.tls_inspector.v3.TlsInspector') },
      { name: 'http', typed_config: type('listener.http_inspector.v3.HttpInspector') },
    ],
    filter_chains: [{ filters: [hangUp] }],
  });
  const plane = startDataPlane(t);
  assert.deepEqual(await plane.update({ listeners: { set: [listener] } }), { refused: [] });
  const sent = [
    await clientHello(),
    'GET / HTTP/1.1\r\n',
    'GET / HTTP/1.0\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '\0\0\0',
  ];
  for (const bytes of sent) {
    const socket = connectPlain(portOf(plane), '127.0.0.1');
    socket.resume().write(bytes);
    await once(socket, 'end');
  }
  const counted = (name: string): number => statOf(plane, name);
  assert.deepEqual(
    ['tls_found', 'sni_found', 'alpn_found', 'tls_not_found'].map((name) => counted(`tls_inspector.${name}`)),
    [1, 1, 1, 4],
  );
  assert.deepEqual(
    ['http11_found', 'http10_found', 'http2_found', 'http_not_found'].map((name) =>
      counted(`http_inspector.${name}`),
    ),
    [1, 1, 1, 1],
  );
});

test('who goes away before it has said anything is no connection, and is served by no chain', async (t) => {
  const type = (name: string) => ({ '@type': `type.googleapis.com/envoy.extensions.filters.${name}` });
  const listener = listenerFromJson({}, undefined, {
    listener_filters: [{ name: 'tls', typed_config: type('listener.tls_inspector.v3.TlsInspector') }],
    filter_chains: [
      {
        filters: [
          {
            name: 'bye',
            typed_config: {
              ...type('network.direct_response.v3.Config'),
              response: { inline_string: 'bye' },
            },
          },
        ],
      },
    ],
  });
  const plane = startDataPlane(t);
  assert.deepEqual(await plane.update({ listeners: { set: [listener] } }), { refused: [] });
  const counted = (name: string): number => statOf(plane, `listener.127.0.0.1_0.downstream_${name}`);
  const read = async (bytes: string): Promise<string> => {
    const socket = connectPlain(portOf(plane), '127.0.0.1');
    let got = '';
    socket.setEncoding('utf8').on('data', (text) => (got += text));
    if (bytes === '') socket.end();
    else socket.write(bytes);
    await once(socket, 'close');
    return got;
  };
  const waiting = connectPlain(portOf(plane), '127.0.0.1');
  while (counted('pre_cx_active') === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(counted('cx_active'), 0);
  waiting.destroy();
  while (counted('pre_cx_active') !== 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await read(''), '');
  assert.ok(counted('listener_filter_remote_close') >= 1);
  assert.equal(counted('cx_total'), 0);
  assert.equal(await read('hello'), 'bye');
  assert.equal(counted('cx_total'), 1);
  while (counted('cx_destroy') === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.match(plane.stats.text(), /downstream_cx_length_ms: P0/);
});
