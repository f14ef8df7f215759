import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { freePort } from '@lateen/testkit/free-port';
import { admin, ask, httpChain, logged, socketAddress, start } from '../testing/program.ts';

const workers = 3;
const routes = {
  route_config: {
    virtual_hosts: [
      {
        name: 'all',
        domains: ['*'],
        routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }],
      },
    ],
  },
};

/** Starts a proxy of three workers; answers with its port and how many connections each worker has. */
async function serve(t: TestContext, listener: object) {
  const port = await freePort();
  const child = start(
    t,
    {
      admin,
      static_resources: {
        listeners: [
          { name: 'main', address: socketAddress(port), filter_chains: [httpChain(routes)], ...listener },
        ],
      },
    },
    '--concurrency',
    String(workers),
  );
  const at = await logged(child, /admin address: (\S+)/);
  await logged(child, /warming listener main complete/g, workers);
  const spread = async (): Promise<readonly number[]> => {
    const { body } = await ask(`http://${at}/stats?filter=worker_.\\.downstream_cx_active`);
    return [...body.matchAll(/: (\d+)/g)].map(([, count]) => Number(count));
  };
  return { port, spread };
}

/** Opens connections at the same time, each of which has had an answer and stays. */
function open(t: TestContext, port: number, count: number): Promise<readonly Socket[]> {
  const one = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
      t.after(() => socket.destroy());
      socket.on('error', reject);
      socket.once('data', (chunk) => {
        assert.match(chunk.toString(), /^HTTP\/1\.1 200 /);
        resolve(socket);
      });
    });
  return Promise.all(Array.from({ length: count }, one));
}

test('with exact balance every worker has as many connections as the others', async (t) => {
  const { port, spread } = await serve(t, { connection_balance_config: { exact_balance: {} } });
  const sockets = await open(t, port, 60);
  assert.deepEqual(await spread(), [20, 20, 20]);
  // What ends is counted no more: those that come next go where there are fewest.
  for (const socket of sockets.slice(0, 30)) socket.destroy();
  while ((await spread()).reduce((sum, one) => sum + one, 0) > 30);
  await open(t, port, 45);
  assert.deepEqual(await spread(), [25, 25, 25]);
});

test('without it no worker is left with little to do where many connections come at once', async (t) => {
  const { port, spread } = await serve(t, {});
  await open(t, port, 90);
  const counts = await spread();
  assert.equal(
    counts.reduce((sum, one) => sum + one, 0),
    90,
  );
  assert.equal(counts.length, workers);
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 8, String(counts));
});
