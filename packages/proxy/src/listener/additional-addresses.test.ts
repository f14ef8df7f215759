import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { defaultFilterChain, defaultHttpConnectionManager, defaultListener } from '../model/index.ts';
import { ask, routeTable, routeTo, cluster, startDataPlane, upstream } from '../testing/harness.ts';

const at = (port: number) => ({ kind: 'socket', address: '127.0.0.1', port }) as const;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a listener serves at each of its addresses, and at no more than those of its last version', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('here'));
  const manager = defaultHttpConnectionManager({ kind: 'inline', config: routeTable([routeTo('up')]) });
  const [first, second, third] = [await freePort(), await freePort(), await freePort()];
  const listener = (...more: readonly number[]) => ({
    ...defaultListener('main', at(first), [defaultFilterChain([manager])]),
    additionalAddresses: more.map(at),
  });
  const dataPlane = startDataPlane(t);
  const put = (...more: readonly number[]) =>
    dataPlane.update({ clusters: { set: [cluster('up', [up])] }, listeners: { set: [listener(...more)] } });
  assert.deepEqual(await put(second), { refused: [] });
  for (const port of [first, second]) assert.equal((await ask(port)).body, 'here');
  assert.deepEqual(await put(third), { refused: [] });
  for (const port of [first, third]) assert.equal((await ask(port)).body, 'here');
  // What waits at a socket that goes is served first.
  for (;;) {
    const gone = await ask(second).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    if (gone === 'ECONNREFUSED') break;
  }
  assert.equal(dataPlane.listeners()[0]?.boundAddresses.length, 2);
});
