import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import { silentLogger } from '@lateen/core';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { createTestAuthority } from '@lateen/testkit';
import { freePort } from '@lateen/testkit/free-port';
import { LogLevels } from '../logging/log-levels.ts';
import { decodeBootstrap } from '../bootstrap/bootstrap.ts';
import { bytesOf, deltaControlPlane } from '../testing/delta-control-plane.ts';
import { startDataPlane, upstream } from '../testing/harness.ts';
import {
  admin,
  ask,
  askOften,
  endpointsAt,
  httpChain,
  logged,
  socketAddress,
  start,
  statistic,
  types,
} from '../testing/program.ts';
import { trafficOf } from './worker-stats.ts';
import { WorkerPool, type WorkerPoolOptions } from './worker-pool.ts';

test('workers share the connections, take what a control plane sends, and their statistics add up', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end('hello'));
  const control = await deltaControlPlane();
  t.after(() => control.close());
  const port = await freePort();
  const put = (typeUrl: string, name: string, version: string, bytes: Uint8Array): void =>
    control.set({ typeUrl, name, version, bytes });
  const putRoute = (version: string, route: object): void =>
    put(
      RouteConfiguration.typeUrl,
      'routes',
      version,
      bytesOf(RouteConfiguration, {
        name: 'routes',
        virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }],
      }),
    );
  put(
    Cluster.typeUrl,
    'up',
    '1',
    bytesOf(Cluster, { name: 'up', type: 'STATIC', load_assignment: endpointsAt('up', up) }),
  );
  put(
    Listener.typeUrl,
    'main',
    '1',
    bytesOf(Listener, {
      name: 'main',
      address: socketAddress(port),
      filter_chains: [httpChain({ rds: { route_config_name: 'routes', config_source: { ads: {} } } })],
    }),
  );
  putRoute('1', { route: { cluster: 'up' } });
  const http2 = {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': `${types}.extensions.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  };
  const child = start(
    t,
    {
      node: { id: 'me', cluster: 'mine' },
      admin,
      dynamic_resources: {
        lds_config: { ads: {} },
        cds_config: { ads: {} },
        ads_config: {
          api_type: 'DELTA_GRPC',
          grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
        },
      },
      static_resources: {
        clusters: [
          {
            name: 'xds',
            type: 'STATIC',
            load_assignment: endpointsAt('xds', control.port),
            typed_extension_protocol_options: http2,
          },
        ],
      },
    },
    '--concurrency',
    '3',
  );
  const at = await logged(child, /admin address: (\S+)/);
  await logged(child, /warming listener main complete/, 3);
  const url = `http://127.0.0.1:${port}/`;
  let answered = 0;
  // Whoever is idle accepts: until each has carried something.
  for (let i = 0; i < 200 && (await statistic(at, 'cluster.up.upstream_cx_total')) < 3; i++) {
    for (const { status, body } of await askOften(url, 20)) {
      assert.deepEqual([status, body], [200, 'hello']);
      answered++;
    }
  }
  assert.equal(await statistic(at, 'http.main.downstream_rq_2xx'), answered);
  assert.equal(await statistic(at, 'server.concurrency'), 3);
  assert.equal(await statistic(at, 'cluster.up.membership_total'), 1);
  assert.equal(await statistic(at, 'listener_manager.listener_added'), 1);
  assert.match(
    (await ask(`http://${at}/clusters`)).body,
    new RegExp(`up::127.0.0.1:${up}::rq_total::${answered}\n`),
  );
  assert.match(
    (await ask(`http://${at}/stats/prometheus`)).body,
    /envoy_http_downstream_rq_xx\{[^}]*"2"[^}]*\} \d+/,
  );

  // A change comes to all of them, what is refused to none.
  putRoute('2', { direct_response: { status: 201, body: { inline_string: 'new' } } });
  await logged(child, /rds: add\/update 1 routes, remove 0/, 6);
  const settled = async (): Promise<boolean> =>
    (await askOften(url, 60)).every(({ status, body }) => status === 201 && body === 'new');
  for (let i = 0; i < 100 && !(await settled()); i++);
  assert.ok(await settled());
  putRoute('3', { direct_response: { status: 77 } });
  await logged(child, /RDS routes refused/);
  assert.ok(await settled());

  // What the admin port changes holds for all.
  await ask(`http://${at}/healthcheck/fail`, 'POST');
  const closes = (): Promise<boolean> =>
    new Promise((resolve, reject) => {
      get(url, { agent: false, headers: { connection: 'keep-alive' } }, (response) => {
        response.resume();
        resolve(response.headers.connection === 'close');
      }).on('error', reject);
    });
  for (let i = 0; i < 30; i++) assert.ok(await closes());
  await ask(`http://${at}/healthcheck/ok`, 'POST');
  await ask(`http://${at}/reset_counters`, 'POST');
  assert.equal(await statistic(at, 'http.main.downstream_rq_2xx'), 0);

  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null], child.log);
});

test('connections of all workers count against one limit, and the drain waits for all of them', async (t) => {
  const port = await freePort();
  const child = start(
    t,
    {
      admin,
      layered_runtime: {
        layers: [{ name: 'base', static_layer: { 'overload.global_downstream_max_connections': 12 } }],
      },
      static_resources: {
        listeners: [
          {
            name: 'main',
            address: socketAddress(port),
            filter_chains: [
              httpChain({
                route_config: {
                  virtual_hosts: [
                    {
                      name: 'all',
                      domains: ['*'],
                      routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }],
                    },
                  ],
                },
              }),
            ],
          },
        ],
      },
    },
    '--concurrency',
    '2',
    '--drain-time-s',
    '30',
  );
  const at = await logged(child, /admin address: (\S+)/);
  await logged(child, /warming listener main complete/, 2);
  const open = async (): Promise<{ readonly served: boolean; readonly end: () => void }> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    const served = await new Promise<boolean>((resolve) => {
      socket.once('data', () => resolve(true));
      socket.once('close', () => resolve(false));
    });
    return { served, end: () => socket.destroy() };
  };
  const held = [];
  for (let i = 0; i < 12; i++) held.push(await open());
  assert.ok(held.every(({ served }) => served));
  assert.equal((await open()).served, false);
  assert.equal(await statistic(at, 'server.total_connections'), 12);
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await logged(child, /draining\s+connections=12/);
  for (const { end } of held) end();
  assert.deepEqual(await exited, [0, null], child.log);
});

/** Of a pool whose workers run this program. */
function poolOptions(
  program: string,
  concurrency: number,
  onDied: (error: Error) => void,
): WorkerPoolOptions {
  const bootstrap = decodeBootstrap({});
  assert.ok(bootstrap.ok);
  return {
    concurrency,
    entry: new URL(program, import.meta.url),
    bootstrap: bootstrap.value,
    drainTimeMs: 1_000,
    drainStrategy: 'immediate',
    logLevels: new LogLevels('info'),
    agentSecrets: false,
    log: silentLogger,
    writeLog() {},
    onDied,
  };
}

test('a worker that ends by itself is told of', async (t) => {
  const died = Promise.withResolvers<Error>();
  const pool = new WorkerPool(poolOptions('testing/ends.ts', 2, died.resolve));
  pool.start(startDataPlane(t));
  assert.match((await died.promise).message, /worker 1 has ended/);
  // Who asks is not left waiting.
  assert.deepEqual(await pool.look(), []);
  await pool.close();
});

test('a worker that has ended leaves no descriptor open', async (t) => {
  const open = (): readonly string[] => readdirSync('/proc/self/fd');
  const plane = startDataPlane(t);
  const before = open();
  const pool = new WorkerPool(poolOptions('../main.ts', 3, assert.ifError));
  pool.start(plane);
  await pool.look();
  assert.ok(open().length > before.length);
  await pool.close();
  assert.equal(open().length, before.length);
});

test('a worker adds its traffic to the statistics, and not once more what all of them count', () => {
  const group = (prefix: string, numbers: readonly (readonly [string, 'counter' | 'gauge', number])[]) => ({
    prefix,
    prometheusPrefix: '',
    labels: {},
    numbers,
    histograms: [],
    texts: [['version', 'x']] as const,
  });
  const { groups } = trafficOf({
    groups: [
      group('server.', [['live', 'gauge', 1]]),
      group('cluster_manager.', [['cluster_added', 'counter', 3]]),
      group('http.main.fault.', [['active_faults', 'gauge', 3]]),
      group('connection_limit.main.', [['active_connections', 'gauge', 4]]),
      group('ext_authz.main.', [['active', 'gauge', 5]]),
      group('main.http_bandwidth_limit.request_', [
        ['pending', 'gauge', 6],
        ['incoming_size', 'gauge', 100],
      ]),
      group('mongo.main.', [['op_query_active', 'gauge', 7]]),
      group('redis.main.', [['downstream_cx_rx_bytes_buffered', 'gauge', 8]]),
      group('http.main.adaptive_concurrency.gradient_controller.', [
        ['min_rtt_calculation_active', 'gauge', 1],
        ['concurrency_limit', 'gauge', 9],
      ]),
      group('cluster.up.', [
        ['upstream_rq_total', 'counter', 7],
        ['upstream_rq_active', 'gauge', 2],
        ['membership_total', 'gauge', 4],
        ['membership_change', 'counter', 4],
        ['update_success', 'counter', 1],
      ]),
    ],
    metrics: [],
  });
  assert.deepEqual(
    groups.map(({ prefix, numbers, texts }) => [prefix, numbers, texts]),
    [
      ['http.main.fault.', [['active_faults', 'gauge', 3]], []],
      ['connection_limit.main.', [['active_connections', 'gauge', 4]], []],
      ['ext_authz.main.', [['active', 'gauge', 5]], []],
      ['main.http_bandwidth_limit.request_', [['pending', 'gauge', 6]], []],
      ['mongo.main.', [['op_query_active', 'gauge', 7]], []],
      ['redis.main.', [['downstream_cx_rx_bytes_buffered', 'gauge', 8]], []],
      ['http.main.adaptive_concurrency.gradient_controller.', [], []],
      [
        'cluster.up.',
        [
          ['upstream_rq_total', 'counter', 7],
          ['upstream_rq_active', 'gauge', 2],
        ],
        [],
      ],
    ],
  );
});

test('a sink is told what all workers have counted, and of each value that any of them has seen', async (t) => {
  const added = { total: 0, values: 0 };
  const sink = createSocket('udp4', (message) => {
    for (const line of message.toString().split('\n')) {
      const counted = /^p\.http\.main\.downstream_rq_total:(\d+)\|c$/.exec(line);
      if (counted !== null) added.total += Number(counted[1]);
      if (/^p\.http\.main\.downstream_rq_time:[\d.]+\|ms$/.test(line)) added.values++;
    }
    sink.emit('told');
  }).bind(0, '127.0.0.1');
  t.after(() => sink.close());
  await once(sink, 'listening');
  const port = await freePort();
  const direct = { match: { prefix: '/' }, direct_response: { status: 200 } };
  const routes = { route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [direct] }] } };
  const child = start(
    t,
    {
      admin,
      stats_flush_interval: '0.05s',
      stats_sinks: [
        {
          name: 'statsd',
          typed_config: {
            '@type': `${types}.config.metrics.v3.StatsdSink`,
            address: socketAddress(sink.address().port),
            prefix: 'p',
          },
        },
      ],
      static_resources: {
        listeners: [{ name: 'main', address: socketAddress(port), filter_chains: [httpChain(routes)] }],
      },
    },
    '--concurrency',
    '2',
  );
  await logged(child, /warming listener main complete/, 2);
  let asked = 0;
  // So many that the other thread carries some of them.
  for (; asked < 600; asked += 20) await askOften(`http://127.0.0.1:${port}/`, 20);
  while (added.total < asked || added.values < asked) await once(sink, 'told');
  assert.deepEqual(added, { total: asked, values: asked });
});

test('a session of TLS is resumed by whichever worker accepts, and not where the client is judged by other roots', async (t) => {
  const [authority, other] = [await createTestAuthority(), await createTestAuthority('Other')];
  const own = await authority.issue({ dns: ['a.test'] });
  const client = await authority.issue({ dns: ['client.test'] });
  const ports = [await freePort(), await freePort()] as const;
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
  const listeners = ports.map((port, i) => ({
    name: `l${i}`,
    address: socketAddress(port),
    filter_chains: [
      {
        ...httpChain(routes),
        transport_socket: {
          name: 'tls',
          typed_config: {
            '@type': `${types}.extensions.transport_sockets.tls.v3.DownstreamTlsContext`,
            common_tls_context: {
              tls_certificates: [
                { certificate_chain: { inline_string: own.cert }, private_key: { inline_string: own.key } },
              ],
              validation_context: {
                trusted_ca: { inline_string: i === 0 ? authority.root : `${authority.root}\n${other.root}` },
              },
            },
          },
        },
      },
    ],
  }));
  const child = start(t, { admin, static_resources: { listeners } }, '--concurrency', '3');
  await logged(child, /warming listener l1 complete/, 3);
  const visit = async (
    port: number,
    version: SecureVersion,
    session?: Buffer,
  ): Promise<{ readonly reused: boolean; readonly ticket: Buffer | undefined }> => {
    const socket = connectTls({
      host: '127.0.0.1',
      port,
      servername: 'a.test',
      ca: authority.root,
      ...client,
      minVersion: version,
      maxVersion: version,
      ...(session === undefined ? {} : { session }),
    });
    let ticket: Buffer | undefined;
    socket.on('session', (given: Buffer) => (ticket = given));
    await once(socket, 'secureConnect');
    const reused = socket.isSessionReused();
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    return { reused, ticket };
  };
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { ticket } = await visit(ports[0], version);
    assert.ok(ticket !== undefined);
    const visits = await Promise.all(Array.from({ length: 60 }, () => visit(ports[0], version, ticket)));
    assert.deepEqual(new Set(visits.map(({ reused }) => reused)), new Set([true]));
    assert.equal((await visit(ports[1], version, ticket)).reused, false);
  }
});
