import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { before, test } from 'node:test';
import { PlainWire } from './plain-wire.ts';
import { bindTcp, createListener, createTcpSocket, openSocketPoll } from './sockets.ts';
import { accepting } from './testing/accepting.ts';
import { Turn } from './turn.ts';

const skip = process.platform === 'linux' ? false : 'descriptors are served on Linux only';

before(openSocketPoll);

/** The descriptors that epolls of this process watch, as proc(5) shows them. */
function watchedIn(): number[] {
  return readdirSync('/proc/self/fdinfo').flatMap((name) => {
    try {
      const text = readFileSync(`/proc/self/fdinfo/${name}`, 'latin1');
      return [...text.matchAll(/^tfd:\s+(\d+)/gm)].map(([, watched]) => Number(watched));
    } catch {
      // The descriptor that the folder was read by.
      return [];
    }
  });
}

test('connections that wait are accepted in one pass of the event loop, and serve like any', {
  skip,
}, async (t) => {
  const turn = new Turn();
  const readBuffer = Buffer.alloc(64 * 1024);
  let accepted = 0;
  let inFirstPass = 0;
  const names = new Set<string>();
  const listener = await accepting((socket) => {
    if (accepted++ === 0) setImmediate(() => (inFirstPass = accepted));
    const { address, port } = socket.nameOf('peer');
    names.add(`${address}:${port}`);
    const wire = new PlainWire(turn, socket, readBuffer);
    wire.handler = {
      onBytes: (buffer, start, end) => wire.write(buffer, start, end),
      onEnd: () => wire.end(),
      onDrain() {},
      onClose() {},
    };
    wire.resume();
  });
  t.after(() => listener.close());
  // The kernel completes them before the event loop goes on.
  const clients = Array.from({ length: 40 }, (): Socket => connect(listener.port, '127.0.0.1'));
  const own = await Promise.all(
    clients.map(async (client, i) => {
      client.write(`from ${i}`);
      const [echo] = (await once(client, 'data')) as [Buffer];
      assert.equal(echo.toString(), `from ${i}`);
      const name = `${client.localAddress}:${client.localPort}`;
      client.end();
      await once(client, 'close');
      return name;
    }),
  );
  assert.equal(accepted, 40);
  assert.deepEqual([...names].sort(), own.sort());
  assert.ok(inFirstPass > 1 && inFirstPass <= 16, `accepted ${inFirstPass} in the first pass`);
});

test('a listener that is closed by what a connection brings accepts no more', { skip }, async () => {
  let accepted = 0;
  const listener = await accepting((socket) => {
    accepted++;
    socket.close(false);
    listener.close();
  });
  const clients = Array.from({ length: 10 }, () => connect(listener.port, '127.0.0.1'));
  await Promise.all(
    clients.map(
      (client) =>
        new Promise<void>((resolve) => {
          client.on('error', () => undefined);
          client.on('close', () => resolve());
        }),
    ),
  );
  assert.equal(accepted, 1);
});

test('an address that is in use is an error at once, and free again when its listener is closed', {
  skip,
}, async () => {
  const listener = await accepting((socket) => socket.close(false));
  const place = { address: '127.0.0.1', port: listener.port };
  assert.equal(bindTcp(place), -98);
  listener.close();
  assert.ok((bindTcp(place) ?? -1) >= 0);
});

test('a listener that is closed is not told of what comes to a copy in another process', {
  skip,
}, async (t) => {
  const fd = bindTcp({ address: '127.0.0.1', port: 0 }) ?? -1;
  const listener = createListener(fd, (socket) => socket.close(false), assert.ifError);
  assert.ok(listener);
  listener.listen(1);
  assert.equal(watchedIn().includes(fd), true);
  const heir = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  t.after(() => heir.kill());
  await once(heir, 'spawn');
  listener.close();
  assert.equal(watchedIn().includes(fd), false);
});

test('a connection that nobody takes is refused', { skip }, async () => {
  const listener = await accepting((socket) => socket.close(false));
  listener.close();
  const told = Promise.withResolvers<number>();
  const socket = createTcpSocket();
  const status = socket.connect({ address: '127.0.0.1', port: listener.port }, told.resolve);
  assert.equal(status === 0 ? await told.promise : status, -111);
  socket.close(false);
});

for (const address of ['127.0.0.1', '::1']) {
  test(`both ends of a connection to ${address} have their names`, { skip }, async (t) => {
    const fd = bindTcp({ address, port: 0 });
    if (fd !== undefined && fd < 0 && address === '::1') {
      t.skip('this host has no IPv6 loopback');
      return;
    }
    const accepted = Promise.withResolvers<ReturnType<typeof createTcpSocket>>();
    const listener = createListener(fd ?? -1, accepted.resolve, assert.ifError);
    assert.ok(listener);
    listener.listen(1);
    const { name } = listener;
    assert.equal(name.address, address);
    const client = createTcpSocket();
    const connected = Promise.withResolvers<number>();
    assert.equal(client.connect(name, connected.resolve), 0);
    assert.equal(await connected.promise, 0);
    const server = await accepted.promise;
    assert.deepEqual(server.nameOf('own'), name);
    assert.deepEqual(client.nameOf('peer'), name);
    assert.deepEqual(server.nameOf('peer'), client.nameOf('own'));
    for (const one of [client, server]) one.close(false);
    listener.close();
  });
}
