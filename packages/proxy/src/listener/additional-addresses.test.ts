import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { freePort } from '@lateen/testkit/free-port';
import { defaultFilterChain, defaultHttpConnectionManager, defaultListener } from '../model/index.ts';
import { ask, routeTable, routeTo, cluster, startDataPlane, upstream } from '../testing/harness.ts';

const at = (port: number) => ({ kind: 'socket', address: '127.0.0.1', port }) as const;

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

test('a listener takes the address of one that goes, with the connections that wait there', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('here'));
  const manager = defaultHttpConnectionManager({ kind: 'inline', config: routeTable([routeTo('up')]) });
  const [first, second] = [await freePort(), await freePort()];
  const named = (name: string, ...ports: readonly number[]) => ({
    ...defaultListener(name, at(ports[0] ?? 0), [defaultFilterChain([manager])]),
    additionalAddresses: ports.slice(1).map(at),
  });
  const dataPlane = startDataPlane(t);
  const clusters = { set: [cluster('up', [up])] };
  const put = (set: readonly ReturnType<typeof named>[], ...remove: readonly string[]) =>
    dataPlane.update({ clusters, listeners: { set, remove } });
  await put([named('old', first)]);
  const waiting = ask(first);
  assert.deepEqual(await put([named('new', first)], 'old'), { refused: [] });
  assert.equal((await waiting).body, 'here');
  assert.equal((await ask(first)).body, 'here');
  // Where one of the addresses cannot be had, the listener that was to go still goes, and nobody has the others.
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(second, '127.0.0.1', resolve));
  t.after(() => other.close());
  const { refused } = await put([named('next', first, second)], 'new');
  assert.deepEqual(
    refused.map(({ name }) => name),
    ['next'],
  );
  // At once, while the socket of the one before is still closing.
  assert.deepEqual(await put([named('last', first)]), { refused: [] });
  assert.equal((await ask(first)).body, 'here');
  assert.deepEqual(
    dataPlane.listeners().map(({ listener }) => listener.name),
    ['last'],
  );
});
