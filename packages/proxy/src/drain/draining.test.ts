import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request, type ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { freePort } from '@lateen/testkit/free-port';
import {
  defaultFilterChain,
  defaultListener,
  defaultTcpProxy,
  type Listener,
  type ListenerChoice,
} from '../model/index.ts';
import { listenerFromJson } from '../testing/envoy-config.ts';
import {
  cluster,
  httpListener,
  portOf,
  routeTable,
  routeTo,
  serveHttp,
  startDataPlane,
  tcpUpstream,
  until,
  upstream,
} from '../testing/harness.ts';
import { drainListeners } from './drain-listeners.ts';

/** Asks once over `agent`; answers with what the answer says of the connection. */
function ask(
  port: number,
  agent: Agent | false,
): Promise<{ status: number; connection: string | undefined }> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', agent }, (response) => {
      response.resume();
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, connection: response.headers.connection }),
      );
    })
      .on('error', reject)
      .end();
  });
}

test('answers close their connections more and more often over the drain time', async (t) => {
  const { port: up } = await upstream(t, (_, response) => response.end('x'));
  const clock = new TestClock();
  let draw = 0.5;
  const { dataPlane, port } = await serveHttp(
    t,
    [routeTo('up')],
    [cluster('up', [up])],
    {},
    {
      clock,
      random: () => draw,
      drainTimeMs: 100_000,
    },
  );
  assert.equal((await ask(port, false)).connection, 'close');
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  dataPlane.startDraining();
  assert.notEqual((await ask(port, agent)).connection, 'close');
  clock.advance(60_000);
  assert.equal((await ask(port, agent)).connection, 'close');
  draw = 0.9;
  assert.notEqual((await ask(port, agent)).connection, 'close');
  dataPlane.failHealthChecks(true);
  assert.equal((await ask(port, agent)).connection, 'close');
  dataPlane.failHealthChecks(false);
  assert.notEqual((await ask(port, agent)).connection, 'close');
  assert.match(dataPlane.stats.text(), /downstream_cx_drain_close: [1-9]/);
});

test('inbound listeners are drained alone, and stop listening when the drain time is over', async (t) => {
  const { port: up } = await upstream(t, (_, response) => response.end('x'));
  const clock = new TestClock();
  const dataPlane = startDataPlane(t, { clock, drainTimeMs: 10_000, drainStrategy: 'immediate' });
  const named = (name: string, trafficDirection: Listener['trafficDirection']): Listener => ({
    ...httpListener(routeTable([routeTo('up')])),
    name,
    trafficDirection,
  });
  await dataPlane.update({
    clusters: { set: [cluster('up', [up])] },
    listeners: { set: [named('in', 'inbound'), named('out', 'outbound')] },
  });
  const [inbound, outbound] = [portOf(dataPlane, 'in'), portOf(dataPlane, 'out')];
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  let stopped: Promise<void> | undefined;
  const watched = {
    startDraining: (only?: ListenerChoice) => dataPlane.startDraining(only),
    stopAccepting: (only?: ListenerChoice) => (stopped = dataPlane.stopAccepting(only)),
  };
  drainListeners(watched, clock, 10_000, { only: 'inbound', afterwards: 'close' });
  assert.equal((await ask(inbound, agent)).connection, 'close');
  assert.notEqual((await ask(outbound, agent)).connection, 'close');
  clock.advance(10_000);
  await stopped;
  await assert.rejects(ask(inbound, false), /ECONNREFUSED/);
  assert.equal((await ask(outbound, false)).status, 200);
});

test('versions of listeners that come while inbound ones are drained are drained, and do not listen again', async (t) => {
  const { port: up } = await upstream(t, (_, response) => response.end('x'));
  const clock = new TestClock();
  const dataPlane = startDataPlane(t, { clock, drainTimeMs: 10_000, random: () => 0.5 });
  const version = (statPrefix: string, port: number): Listener => ({
    ...httpListener(routeTable([routeTo('up')]), { statPrefix }),
    address: { kind: 'socket', address: '127.0.0.1', port },
    trafficDirection: 'inbound',
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const clusters = { set: [cluster('up', [up])] };
  await dataPlane.update({ clusters, listeners: { set: [version('a', 0)] } });
  const port = portOf(dataPlane);
  await dataPlane.update({ listeners: { set: [version('a', port)] } });
  assert.notEqual((await ask(port, agent)).connection, 'close');
  dataPlane.startDraining('inbound');
  clock.advance(4_000);
  await dataPlane.update({
    listeners: { set: [{ ...version('b', port), name: 'other' }, version('a', port)] },
  });
  assert.notEqual((await ask(port, agent)).connection, 'close');
  clock.advance(2_000);
  assert.equal((await ask(port, agent)).connection, 'close', 'it came before the last version did');
  await dataPlane.update({ listeners: { set: [version('c', port)] } });
  assert.equal((await ask(port, agent)).connection, 'close');
  await dataPlane.stopAccepting('inbound');
  await dataPlane.update({ listeners: { set: [version('d', port), { ...version('e', 0), name: 'new' }] } });
  await assert.rejects(ask(port, false), /ECONNREFUSED/);
  for (const { state, boundAddresses } of dataPlane.listeners())
    assert.deepEqual([state, boundAddresses], ['draining', []]);
});

test('sockets that are being bound when listening ends do not listen', async (t) => {
  for (const end of ['stopAccepting', 'close'] as const) {
    const asked = Promise.withResolvers<void>();
    const taken = Promise.withResolvers<undefined>();
    const dataPlane = startDataPlane(t, {
      takeSocket() {
        asked.resolve();
        return taken.promise;
      },
    });
    const { port, server } = await upstream(t, () => {});
    await new Promise((resolve) => server.close(resolve));
    const address = { kind: 'socket', address: '127.0.0.1', port } as const;
    const listener = { ...httpListener(routeTable([])), address };
    const updated = dataPlane.update({ listeners: { set: [listener] } });
    await asked.promise;
    await dataPlane[end]();
    taken.resolve(undefined);
    await updated;
    await until(() => dataPlane.listeners().every(({ boundAddresses }) => boundAddresses.length === 0));
    // One pass of the event loop is left to those that came before.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await assert.rejects(ask(port, false), /ECONNREFUSED/);
  }
});

test('a connection that waits to be accepted when listening ends is served', async (t) => {
  const { port: up } = await upstream(t, (_, response) => response.end('x'));
  const { dataPlane, port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  // It is connected by the kernel alone: no event is handled between here and the end of listening.
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  const stopped = Promise.all([dataPlane.stopAccepting(), dataPlane.stopAccepting()]);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1.1 200/);
  await stopped;
  await assert.rejects(ask(port, false), /ECONNREFUSED/);
});

test('connections of a filter chain that did not change stay when their listener is replaced', async (t) => {
  const echo = await tcpUpstream(t, (socket) => socket.pipe(socket));
  const clock = new TestClock();
  const dataPlane = startDataPlane(t, { clock, drainTimeMs: 10_000 });
  const listener = (port: number, statPrefix: string): Listener =>
    defaultListener('main', { kind: 'socket', address: '127.0.0.1', port: 0 }, [
      {
        ...defaultFilterChain([defaultTcpProxy('up')]),
        name: 'kept',
        match: { ...defaultFilterChain([]).match, sourcePorts: [port] },
      },
      { ...defaultFilterChain([{ ...defaultTcpProxy('up'), statPrefix }]), name: 'changed' },
    ]);
  const clusters = { set: [cluster('up', [echo])] };
  await dataPlane.update({ clusters, listeners: { set: [listener(1, 'a')] } });
  const port = portOf(dataPlane);
  const changed = connect(port, '127.0.0.1');
  changed.write('1');
  await once(changed, 'data');
  const sourcePort = changed.localPort ?? 0;
  assert.ok(sourcePort > 0);
  // The second connection is of a chain of its own, which the third version has unchanged.
  const local = await freePort();
  await dataPlane.update({ listeners: { set: [listener(local, 'a')] } });
  const kept = connect({ port, host: '127.0.0.1', localPort: local });
  kept.write('1');
  await once(kept, 'data');
  const gone = once(changed, 'close');
  await dataPlane.update({ listeners: { set: [listener(local, 'b')] } });
  clock.advance(10_000);
  await gone;
  assert.equal(dataPlane.activeConnections, 1);
  kept.write('2');
  assert.equal(String((await once(kept, 'data'))[0]), '2');
  kept.destroy();
});

test('a removed listener lets HTTP/2 connections go by a GOAWAY that refuses nothing under way', async (t) => {
  const asked = Promise.withResolvers<ServerResponse>();
  const { port: up } = await upstream(t, (_, response) => asked.resolve(response));
  const clock = new TestClock();
  const { dataPlane, port } = await serveHttp(
    t,
    [routeTo('up')],
    [cluster('up', [up])],
    {},
    {
      clock,
      drainTimeMs: 10_000,
    },
  );
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  stream.setEncoding('utf8');
  let body = '';
  stream.on('data', (chunk: string) => (body += chunk));
  const answer = await asked.promise;
  await dataPlane.update({ listeners: { remove: ['main'] } });
  assert.equal(dataPlane.activeConnections, 1);
  const goaway = once(session, 'goaway');
  const closed = once(session, 'close');
  clock.advance(9_000);
  await goaway;
  answer.end('done');
  await once(stream, 'end');
  assert.equal(body, 'done');
  await closed;
  await until(() => dataPlane.activeConnections === 0);
  assert.doesNotMatch(dataPlane.stats.text(), /^listener\./m);
});

test('listeners that stop at once end their connections by answers all the same', async (t) => {
  const { port: up } = await upstream(t, (_, response) => response.end('x'));
  const clock = new TestClock();
  const settings = { clock, drainTimeMs: 10_000, drainStrategy: 'immediate' } as const;
  const { dataPlane, port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up])], {}, settings);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  assert.notEqual((await ask(port, agent)).connection, 'close');
  let stopped: Promise<void> | undefined;
  const watched = {
    startDraining: (only?: ListenerChoice) => dataPlane.startDraining(only),
    stopAccepting: (only?: ListenerChoice) => (stopped = dataPlane.stopAccepting(only)),
  };
  drainListeners(watched, clock, 10_000, { only: 'all', afterwards: 'now' });
  await stopped;
  await assert.rejects(ask(port, false), /ECONNREFUSED/);
  assert.equal((await ask(port, agent)).connection, 'close');
});

test('a listener that is drained where it changes alone keeps its connections when health checks are failed', async (t) => {
  const { port: up } = await upstream(t, (_, response) => response.end('x'));
  const dataPlane = startDataPlane(t);
  const hosts = [
    { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'up' } }] },
  ];
  const named = (name: string, more: object): Listener =>
    listenerFromJson({ route_config: { name: 'routes', virtual_hosts: hosts } }, {}, { name, ...more });
  await dataPlane.update({
    clusters: { set: [cluster('up', [up])] },
    listeners: { set: [named('all', {}), named('modify', { drain_type: 'MODIFY_ONLY' })] },
  });
  dataPlane.failHealthChecks(true);
  assert.equal((await ask(portOf(dataPlane, 'all'), false)).connection, 'close');
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  assert.notEqual((await ask(portOf(dataPlane, 'modify'), agent)).connection, 'close');
});
