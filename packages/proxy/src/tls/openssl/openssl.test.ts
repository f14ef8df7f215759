import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect as connectTcp, type AddressInfo } from 'node:net';
import { before, test, type TestContext } from 'node:test';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '@lateen/testkit';
import { takeConnections } from '../../listener/accept.ts';
import { Turn } from '../../wire/turn.ts';
import { describeTls } from '../describe-connection.ts';
import { Handshake, type HandshakeListener } from '../handshake.ts';
import type { SecureWire } from '../secure-wire.ts';
import { createContext, type ContextOptions } from './context.ts';
import { Openssl } from './openssl.ts';
import { contextOptions } from './testing/context-options.ts';
import { TlsSession } from './tls-session.ts';

let authority: TestAuthority;
let certificate: TestCertificate;
before(async () => {
  authority = await createTestAuthority();
  certificate = await authority.issue({ dns: ['server.example'] });
});

/** A server that sends back what it gets; `failures` are the handshakes that broke. */
async function startEcho(t: TestContext, more: Partial<ContextOptions> = {}) {
  const openssl = new Openssl();
  const context = createContext(openssl, contextOptions(certificate, more));
  assert.ok(context.ok);
  const turn = new Turn();
  const readBuffer = Buffer.alloc(64 * 1024);
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const failures: string[] = [];
  const wires: SecureWire[] = [];
  let failed = Promise.withResolvers<string>();
  takeConnections(server, (handle) => {
    const session = TlsSession.server(openssl, context.value, { required: false, judge: () => undefined });
    const listener: HandshakeListener = {
      judge: (ready) => describeTls(ready, '', ready.peerCertificate()),
      onSecure(wire) {
        wires.push(wire);
        wire.handler = {
          onBytes: (buffer, start, end) => wire.write(buffer, start, end),
          onEnd: () => wire.end(),
          onDrain() {},
          onClose() {},
        };
      },
      onFailed(_reason, error) {
        failures.push(error);
        failed.resolve(error);
        failed = Promise.withResolvers();
      },
    };
    new Handshake(turn, { handle, readBuffer }, openssl, session, listener).start();
  });
  const { port } = server.address() as AddressInfo;
  return { port, failures, wires, nextFailure: () => failed.promise };
}

async function connect(port: number, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    ca: authority.root,
    servername: 'server.example',
    ...more,
  });
  await once(socket, 'secureConnect');
  return socket;
}

test('many connections whose bytes come in pieces never hear of each other', async (t) => {
  const { port } = await startEcho(t);
  const clients = await Promise.all(Array.from({ length: 24 }, () => connect(port)));
  await Promise.all(
    clients.map(async (client, i) => {
      const sent = Buffer.concat(
        Array.from({ length: 12 }, (_, j) =>
          Buffer.concat([Buffer.alloc(i * 997 + j, i), randomBytes(j * 1500)]),
        ),
      );
      const received: Buffer[] = [];
      let length = 0;
      const whole = new Promise<void>((resolve) => {
        client.on('data', (chunk: Buffer) => {
          received.push(chunk);
          length += chunk.length;
          if (length >= sent.length) resolve();
        });
      });
      for (let at = 0; at < sent.length; at += 7_001 + i) client.write(sent.subarray(at, at + 7_001 + i));
      await whole;
      assert.ok(Buffer.concat(received).equals(sent), `connection ${i} got other bytes`);
      client.destroy();
    }),
  );
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`speaks ${version} and says so`, async (t) => {
    const { port, wires } = await startEcho(t, {
      minVersion: version,
      maxVersion: version,
      alpn: ['h2', 'http/1.1'],
    });
    const client = await connect(port, {
      ALPNProtocols: ['http/1.1', 'x'],
      cert: certificate.cert,
      key: certificate.key,
    });
    assert.equal(client.getProtocol(), version);
    assert.equal(client.alpnProtocol, 'http/1.1');
    client.write('hello');
    const [echo] = (await once(client, 'data')) as [Buffer];
    assert.equal(echo.toString(), 'hello');
    const info = wires[0]?.tls;
    assert.equal(info?.version, version);
    assert.equal(info?.alpn, 'http/1.1');
    assert.equal(info?.cipher, client.getCipher().name);
    assert.deepEqual(info?.peerDnsSans, ['server.example']);
    client.destroy();
  });
}

test("a client with another version is told so, and the error is OpenSSL's", async (t) => {
  const { port, nextFailure } = await startEcho(t, { minVersion: 'TLSv1.3' });
  const failure = nextFailure();
  await assert.rejects(connect(port, { maxVersion: 'TLSv1.2' }), /protocol version/);
  assert.match(await failure, /unsupported protocol/);
});

test('a session is resumed by its ticket, and not where tickets are off', async (t) => {
  for (const ticketsDisabled of [false, true]) {
    const { port } = await startEcho(t, { ticketsDisabled, maxVersion: 'TLSv1.2' });
    const first = await connect(port);
    const session = first.getSession();
    first.destroy();
    const second = await connect(port, session === undefined ? {} : { session });
    assert.equal(second.isSessionReused(), !ticketsDisabled);
    second.destroy();
  }
});

test('whatever is sent in place of a handshake ends that connection alone', async (t) => {
  const { port, failures } = await startEcho(t);
  const steady = await connect(port);
  for (let i = 0; i < 60; i++) {
    const garbage = randomBytes(1 + Math.floor(Math.random() * 400));
    // Half of them look like a record of a handshake.
    if (i % 2 === 0) Buffer.from([22, 3, 1, 0, garbage.length & 0xff, 1]).copy(garbage);
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.end(garbage);
    await once(socket, 'close');
  }
  assert.equal(failures.length, 60);
  steady.write('still here');
  const [echo] = (await once(steady, 'data')) as [Buffer];
  assert.equal(echo.toString(), 'still here');
  steady.destroy();
});

test('bytes that were changed on their way end the connection', async (t) => {
  const { port, wires } = await startEcho(t);
  let corrupts = false;
  const relay = createServer((downstream) => {
    const upstream = connectTcp(port, '127.0.0.1');
    downstream.on('data', (chunk: Buffer) => {
      if (corrupts) chunk[chunk.length - 1] = (chunk.at(-1) as number) ^ 1;
      upstream.write(chunk);
    });
    upstream.pipe(downstream);
    for (const socket of [upstream, downstream]) {
      socket.on('error', () => {});
      socket.on('close', () => void [upstream, downstream].map((one) => one.destroy()));
    }
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.after(() => relay.close());
  const client = await connect((relay.address() as AddressInfo).port);
  const closed = new Promise<void>((resolve) => {
    client.on('error', () => {});
    client.on('close', () => resolve());
  });
  client.write('unchanged');
  await once(client, 'data');
  corrupts = true;
  client.write('changed');
  await closed;
  assert.equal(wires[0]?.closed, true);
});

test('an error that another use of OpenSSL has left is not taken for one of a read', () => {
  const near = new Openssl();
  const far = new Openssl();
  const own = createContext(near, contextOptions(certificate));
  const other = createContext(far, contextOptions(certificate));
  assert.ok(own.ok && other.ok);
  const server = TlsSession.server(near, own.value, undefined);
  const client = TlsSession.client(far, other.value, {
    serverName: '',
    protocols: Buffer.alloc(0),
    session: undefined,
  });
  const carry = (from: Openssl, to: Openssl): void => {
    const bytes = Buffer.alloc(64 * 1024);
    const length = from.c.BIO_read(from.output.pointer, bytes, bytes.length);
    if (length > 0) to.input.feed(bytes, length);
  };
  for (let state = 'more'; state !== 'done'; ) {
    client.handshake();
    carry(far, near);
    state = server.handshake();
    carry(near, far);
  }
  const none = Buffer.from('none');
  const bio = near.c.BIO_new_mem_buf(none, none.length);
  near.c.PEM_read_bio_X509(bio, null, null, null);
  near.c.BIO_free(bio);
  assert.ok(server.read(Buffer.alloc(100), 0) <= 0);
  assert.equal(server.ended, 'no');
  server.free();
  client.free();
});

test('what OpenSSL does not take is a problem with its words', async () => {
  const openssl = new Openssl();
  const other = await authority.issue({ dns: ['other.example'] });
  for (const [more, pattern] of [
    [
      {
        certificates: [
          { chain: Buffer.from(certificate.cert), privateKey: Buffer.from(other.key), passphrase: undefined },
        ],
      },
      /key values mismatch/,
    ],
    [
      {
        certificates: [
          { chain: Buffer.from('none'), privateKey: Buffer.from(other.key), passphrase: undefined },
        ],
      },
      /certificate and key/,
    ],
    [{ ciphers: 'NO-SUCH-CIPHER' }, /cipher suites.*no cipher match/],
    [{ groups: 'P-999' }, /curves/],
    [{ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }, /versions/],
  ] as const) {
    const result = createContext(openssl, contextOptions(certificate, more));
    assert.equal(result.ok, false, JSON.stringify(more));
    assert.match(result.problems[0]?.message ?? '', pattern);
  }
});

test('contexts that nobody uses any more are freed, whatever they have', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const openssl = new Openssl();
  const other = await authority.issue({ dns: ['other.example'] });
  const several = [...contextOptions(certificate).certificates, ...contextOptions(other).certificates];
  const made = (more: Partial<ContextOptions>): WeakRef<object> => {
    const context = createContext(openssl, contextOptions(certificate, more));
    assert.ok(context.ok);
    return new WeakRef(context.value);
  };
  const contexts = [
    made({}),
    made({ alpn: ['h2'] }),
    made({ certificates: several, chooseCertificate: () => 0 }),
    made({ ticketKeys: [randomBytes(80)] }),
    made({ trustDomains: [{ name: 'cluster.local', bundle: Buffer.from(authority.root) }] }),
    made({ staple: () => 'omitted' }),
  ];
  // What a turn has seen of a weak reference stays until its end.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  assert.deepEqual(
    contexts.map((context) => context.deref()),
    contexts.map(() => undefined),
  );
});
