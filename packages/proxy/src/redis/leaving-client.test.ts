import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { listenerFromJson } from '../testing/envoy-config.ts';
import { portOf, startDataPlane, until, type Closers } from '../testing/harness.ts';
import type { DataPlane } from '../data-plane.ts';

async function serve(test: Closers): Promise<DataPlane> {
  const dataPlane = startDataPlane(test);
  const type = 'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy';
  const settings = { stat_prefix: 'main', settings: { op_timeout: '5s' } };
  const routes = { prefix_routes: { catch_all_route: { cluster: 'none' } } };
  const filter = {
    name: 'envoy.filters.network.redis_proxy',
    typed_config: { '@type': type, ...settings, ...routes },
  };
  const listener = listenerFromJson({}, undefined, { filter_chains: [{ filters: [filter] }] });
  assert.deepEqual((await dataPlane.update({ listeners: { set: [listener] } })).refused, []);
  return dataPlane;
}

/** A client that keeps its half open when the other ends. */
function stayingClient(test: Closers, port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  test.after(() => socket.destroy());
  return socket;
}

for (const [what, request, answer] of [
  ['QUIT', '*1\r\n$4\r\nQUIT\r\n', '+OK\r\n'],
  ['what is no Redis', 'GET / HTTP/1.1\r\n\r\n', '-downstream protocol error\r\n'],
] as const) {
  test(`a client that stays after ${what} is not waited for`, async (t) => {
    const dataPlane = await serve(t);
    const client = stayingClient(t, portOf(dataPlane));
    let heard = '';
    client.on('data', (chunk) => (heard += chunk.toString()));
    client.write(request);
    await once(client, 'end');
    assert.equal(heard, answer);
    await until(() => dataPlane.activeConnections === 0);
  });
}
