import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import {
  defaultFilterChain,
  defaultListener,
  defaultTcpProxy,
  defaultThresholds,
  type Cluster,
} from '../model/index.ts';
import { fullBacklog } from '../testing/full-backlog.ts';
import {
  cluster,
  portOf,
  portOfServer,
  startDataPlane,
  tcpUpstream,
  until,
  type Closers,
} from '../testing/harness.ts';
import { becomes, busyGauges, LogWatch, statsOf, watchedLog } from '../testing/watched-proxy.ts';

interface Case {
  readonly what: string;
  readonly cluster: (t: Closers) => Cluster | undefined | Promise<Cluster | undefined>;
  readonly flags: string;
  readonly failure?: string;
  readonly counted: Readonly<Record<string, number>>;
  /** What the client reads before it is left alone. */
  readonly answer?: string;
}

async function nobody(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOfServer(server);
  server.close();
  return port;
}

const cases: readonly Case[] = [
  {
    what: 'an endpoint that refuses',
    cluster: async () => cluster('up', [await nobody()]),
    flags: 'UF,URX',
    failure: 'delayed_connect_error:_Connection_refused',
    counted: {
      'cluster.up.upstream_cx_total': 1,
      'cluster.up.upstream_cx_connect_fail': 1,
      'cluster.up.upstream_cx_connect_attempts_exceeded': 1,
      'cluster.up.upstream_cx_destroy': 1,
    },
  },
  {
    what: 'an endpoint that does not take the connection',
    cluster: async (t) => ({ ...cluster('up', [await fullBacklog(t)]), connectTimeoutMs: 60 }),
    flags: 'UF,URX',
    counted: { 'cluster.up.upstream_cx_connect_timeout': 1, 'cluster.up.upstream_cx_connect_fail': 1 },
  },
  {
    what: 'a cluster without endpoints',
    cluster: () => cluster('up', []),
    flags: 'UH',
    counted: { 'cluster.up.upstream_cx_none_healthy': 1, 'cluster.up.upstream_cx_total': 0 },
  },
  {
    what: 'a cluster that is not known',
    cluster: () => undefined,
    flags: 'NC',
    counted: { 'tcp.up.downstream_cx_no_route': 1 },
  },
  {
    what: 'more connections than the cluster may have',
    cluster: async () => ({
      ...cluster('up', [await nobody()]),
      circuitBreakers: { default: { ...defaultThresholds, maxConnections: 0 }, high: defaultThresholds },
    }),
    flags: 'UO',
    counted: { 'cluster.up.upstream_cx_overflow': 1, 'cluster.up.upstream_cx_total': 0 },
  },
  {
    what: 'an endpoint that resets',
    cluster: async (t) =>
      cluster('up', [
        await tcpUpstream(t, (s) => s.write('half', () => setImmediate(() => s.resetAndDestroy()))),
      ]),
    flags: 'UR',
    counted: { 'cluster.up.upstream_cx_destroy_remote': 1 },
    answer: 'half',
  },
  {
    what: 'an endpoint that ends',
    cluster: async (t) => cluster('up', [await tcpUpstream(t, (s) => s.end('all'))]),
    flags: '-',
    counted: {
      'cluster.up.upstream_cx_destroy_local_with_active_rq': 1,
      'cluster.up.upstream_rq_total': 1,
      'cluster.up.upstream_rq_pending_total': 1,
      'cluster.up.upstream_rq_active': 0,
    },
    answer: 'all',
  },
];

for (const one of cases) {
  test(`TCP to ${one.what}`, async (t) => {
    const log = new LogWatch();
    const dataPlane = startDataPlane(t, { writeAccessLog: log.write });
    const up = await one.cluster(t);
    const proxy = { ...defaultTcpProxy('up'), accessLogs: [watchedLog] };
    const { refused } = await dataPlane.update({
      clusters: { set: up === undefined ? [] : [up] },
      listeners: {
        set: [
          defaultListener('main', { kind: 'socket', address: '127.0.0.1', port: 0 }, [
            defaultFilterChain([proxy]),
          ]),
        ],
      },
    });
    assert.deepEqual(refused, []);
    const client = connect(portOf(dataPlane), '127.0.0.1');
    let text = '';
    client.on('data', (chunk) => (text += chunk.toString()));
    client.on('error', () => {});
    await new Promise<void>((resolve) => client.on('close', () => resolve()));
    const { flags, failure } = await log.next();
    assert.deepEqual({ flags, failure }, { flags: one.flags, failure: one.failure ?? null });
    assert.equal(text, one.answer ?? '');
    await becomes(() => busyGauges(dataPlane), []);
    assert.deepEqual(statsOf(dataPlane, Object.keys(one.counted)), one.counted);
  });
}

for (const { what, cluster: make } of cases.filter(({ flags }) => ['UH', 'NC', 'UO'].includes(flags))) {
  test(`a client that does not leave is left, with TCP to ${what}`, async (t) => {
    const dataPlane = startDataPlane(t);
    const up = await make(t);
    const chain = defaultFilterChain([defaultTcpProxy('up')]);
    const address = { kind: 'socket', address: '127.0.0.1', port: 0 } as const;
    await dataPlane.update({
      clusters: { set: up === undefined ? [] : [up] },
      listeners: { set: [defaultListener('main', address, [chain])] },
    });
    const client = connect({ port: portOf(dataPlane), host: '127.0.0.1', allowHalfOpen: true });
    client.on('error', () => {});
    await once(client.resume(), 'end');
    // The kernel answers with a reset where nobody has the connection any more.
    await until(() => {
      if (!client.destroyed) client.write('still here');
      return client.destroyed;
    });
  });
}

test('a client that does not leave is left when it has its direct response', async (t) => {
  const dataPlane = startDataPlane(t);
  const chain = defaultFilterChain([
    { name: 'direct', kind: 'direct_response', body: Buffer.from('that is all') },
  ]);
  const address = { kind: 'socket', address: '127.0.0.1', port: 0 } as const;
  await dataPlane.update({ listeners: { set: [defaultListener('main', address, [chain])] } });
  const client = connect({ port: portOf(dataPlane), host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => {});
  let said = '';
  client.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(client, 'end');
  assert.equal(said, 'that is all');
  await until(() => {
    if (!client.destroyed) client.write('still here');
    return client.destroyed;
  });
});
