import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect } from 'node:tls';
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
