import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { entryOfText } from '../runtime/runtime-entry.ts';
import { Runtime } from '../runtime/runtime.ts';
import { clusterFromJson, listenerFromJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, portOf, statOf, startDataPlane, upstream } from '../testing/harness.ts';
import { becomes } from '../testing/watched-proxy.ts';
import { OverloadState } from './overload-state.ts';

const log = {
  access_log: [
    {
      name: 'log',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
        log_format: {
          text_format_source: { inline_string: '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n' },
        },
      },
    },
  ],
};
const manager = {
  route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' } }]),
  ...log,
};

test('new requests are answered with 503 while overload asks for it', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('ok'));
  const overload = new OverloadState();
  const lines: string[] = [];
  const { port, dataPlane } = await serveEnvoy(
    t,
    { ...manager, append_local_overload: true },
    [clusterFromJson('up', [up])],
    { overload, writeAccessLog: (_sink, text) => void lines.push(text) },
  );
  assert.equal((await ask(port)).body, 'ok');
  overload.stopAcceptingRequests = 1;
  const { status, body, headers } = await ask(port);
  assert.deepEqual([status, body, headers['x-envoy-local-overloaded']], [503, 'envoy overloaded', 'true']);
  overload.stopAcceptingRequests = 0;
  assert.equal((await ask(port)).status, 200);
  assert.equal(statOf(dataPlane, 'http.http.downstream_rq_overload_close'), 1);
  assert.deepEqual(lines, ['200 - via_upstream\n', '503 OM overload\n', '200 - via_upstream\n']);
});

test('a share of overload falls on a share of the requests', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('ok'));
  const overload = new OverloadState();
  overload.stopAcceptingRequests = 0.5;
  let drawn = 0;
  const { port } = await serveEnvoy(t, manager, [clusterFromJson('up', [up])], {
    overload,
    random: () => drawn,
    writeAccessLog() {},
  });
  drawn = 0.49;
  assert.equal((await ask(port)).status, 503);
  drawn = 0.51;
  assert.equal((await ask(port)).status, 200);
});

test('connections end with their answer while overload asks for it', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('ok'));
  const overload = new OverloadState();
  const { port, dataPlane } = await serveEnvoy(t, manager, [clusterFromJson('up', [up])], {
    overload,
    writeAccessLog() {},
  });
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const said = async () => {
    const asked = request({ port, host: '127.0.0.1', agent });
    asked.end();
    const [answer] = await once(asked, 'response');
    answer.resume();
    await once(answer, 'end');
    return answer.headers.connection;
  };
  assert.equal(await said(), undefined);
  overload.disableHttpKeepalive = 1;
  assert.equal(await said(), 'close');
  assert.equal(statOf(dataPlane, 'http.http.downstream_cx_overload_disable_keepalive'), 1);
  assert.equal(statOf(dataPlane, 'http.http.downstream_cx_drain_close'), 0);
});

/** True where a connection is served, false where it is closed at once. */
async function isServed(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  await once(socket, 'close');
  return text.startsWith('HTTP/1.1 ');
}

test('connections are closed at once while overload asks for it, but not those of a listener that is exempt', async (t) => {
  const overload = new OverloadState();
  overload.rejectIncomingConnections = 1;
  const dataPlane = startDataPlane(t, { overload, writeAccessLog() {} });
  await dataPlane.update({
    listeners: {
      set: [
        listenerFromJson(manager),
        { ...listenerFromJson(manager, {}, { bypass_overload_manager: true }), name: 'exempt' },
      ],
    },
  });
  assert.equal(await isServed(portOf(dataPlane)), false);
  assert.equal(await isServed(portOf(dataPlane, 'exempt')), true);
  assert.match(dataPlane.stats.text(), /downstream_cx_overload_reject: 1\n/);
  overload.rejectIncomingConnections = 0;
  assert.deepEqual(dataPlane.clientConnections, { active: 0, taken: 0 });
  assert.equal(await isServed(portOf(dataPlane)), true);
  assert.equal(dataPlane.clientConnections.taken, 1);
});

test('a connection counts as its listener was when it came, also where that becomes exempt', async (t) => {
  const dataPlane = startDataPlane(t, { writeAccessLog() {} });
  await dataPlane.update({ listeners: { set: [listenerFromJson(manager)] } });
  const client = connect({ port: portOf(dataPlane), host: '127.0.0.1' });
  t.after(() => client.destroy());
  await becomes(() => dataPlane.clientConnections.active, 1);
  await dataPlane.update({
    listeners: { set: [listenerFromJson(manager, {}, { bypass_overload_manager: true })] },
  });
  client.destroy();
  await becomes(() => dataPlane.activeConnections, 0);
  assert.equal(dataPlane.clientConnections.active, 0);
});

for (const from of ['the monitor', 'the runtime'] as const) {
  test(`no more connections are taken over all listeners than ${from} allows`, async (t) => {
    const overload = new OverloadState();
    const runtime = new Runtime([
      {
        name: 'base',
        kind: 'static',
        values: new Map([
          ['overload.global_downstream_max_connections', entryOfText(from === 'the runtime' ? '2' : '100')],
        ]),
      },
    ]);
    // As Envoy: where there is a monitor, the key does not hold.
    if (from === 'the monitor') overload.maxDownstreamConnections = 2;
    const dataPlane = startDataPlane(t, { overload, runtime, writeAccessLog() {} });
    await dataPlane.update({
      listeners: {
        set: [
          listenerFromJson(manager),
          { ...listenerFromJson(manager), name: 'second' },
          { ...listenerFromJson(manager, {}, { ignore_global_conn_limit: true }), name: 'unlimited' },
        ],
      },
    });
    const first = connect({ port: portOf(dataPlane), host: '127.0.0.1' });
    const second = connect({ port: portOf(dataPlane, 'second'), host: '127.0.0.1' });
    t.after(() => second.destroy());
    await becomes(() => dataPlane.activeConnections, 2);
    assert.equal(await isServed(portOf(dataPlane, 'second')), false);
    assert.match(dataPlane.stats.text(), /downstream_global_cx_overflow: 1\n/);
    assert.equal(await isServed(portOf(dataPlane, 'unlimited')), true);
    first.destroy();
    await becomes(() => dataPlane.activeConnections, 1);
    assert.equal(await isServed(portOf(dataPlane, 'second')), true);
  });
}
