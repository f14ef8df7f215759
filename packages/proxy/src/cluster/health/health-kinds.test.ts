import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { HealthCheck } from '../../model/index.ts';
import { cluster, tcpUpstream, upstream, type Closers } from '../../testing/harness.ts';
import { clusterFromJson } from '../../testing/envoy-config.ts';
import { check, checked } from './testing/checked.ts';

for (const [reuseConnection, expected] of [
  [true, 1],
  [false, 3],
] as const) {
  test(`HTTP: three checks take ${expected} connections where reuse is ${reuseConnection}`, async (t) => {
    const sockets = new Set<Socket>();
    const { port } = await upstream(t, ({ socket }, response) => {
      sockets.add(socket);
      response.end();
    });
    const model = cluster('checked', [port], { healthChecks: [{ ...check, reuseConnection }] });
    const { next, healthy } = await checked(t, model);
    for (const ms of [0, 40_000, 40_000]) await next(ms);
    assert.equal(healthy(), true);
    assert.equal(sockets.size, expected);
  });

  test(`TCP: three checks take ${expected} connections where reuse is ${reuseConnection}`, async (t) => {
    let connections = 0;
    let asked = 0;
    const port = await tcpUpstream(t, (socket) => {
      connections++;
      socket.on('data', () => {
        asked++;
        socket.write('pong');
      });
    });
    const tcp: HealthCheck = {
      ...check,
      reuseConnection,
      check: { kind: 'tcp', send: Buffer.from('ping'), receive: [Buffer.from('pong')] },
    };
    const { next, healthy } = await checked(t, cluster('checked', [port], { healthChecks: [tcp] }));
    for (const ms of [0, 40_000, 40_000]) await next(ms);
    assert.equal(healthy(), true);
    assert.deepEqual([connections, asked], [expected, 3]);
  });
}

test('HTTP: the host that is asked for is the endpoint’s own, else the check’s, else the cluster', async (t) => {
  const hosts: (string | undefined)[] = [];
  const { port } = await upstream(t, ({ headers }, response) => {
    hosts.push(headers.host);
    response.end();
  });
  const ask = async (host: string, health_check_config: object): Promise<void> => {
    const at = { socket_address: { address: '127.0.0.1', port_value: port } };
    const endpoint = { hostname: 'named', address: at, health_check_config };
    const model = clusterFromJson('checked', [], {
      load_assignment: { cluster_name: 'checked', endpoints: [{ lb_endpoints: [{ endpoint }] }] },
      health_checks: [
        {
          timeout: '1s',
          interval: '10s',
          unhealthy_threshold: 1,
          healthy_threshold: 1,
          http_health_check: { path: '/', host },
        },
      ],
    });
    const { next, healthy } = await checked(t, model);
    await next(0);
    assert.equal(healthy(), true);
  };
  await ask('', {});
  await ask('check', {});
  await ask('check', { hostname: 'own' });
  assert.deepEqual(hosts, ['checked', 'check', 'own']);
});

/** A server that speaks as much of Redis as checks ask for; collects what comes. */
async function redis(t: Closers, answer: (command: readonly string[]) => string) {
  const commands: (readonly string[])[] = [];
  const port = await tcpUpstream(t, (socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      for (;;) {
        const lines = text.split('\r\n');
        const count = Number(lines[0]?.slice(1));
        if (text === '' || lines.length < 1 + 2 * count + 1) return;
        const command = Array.from({ length: count }, (_, i) => lines[2 + 2 * i] ?? '');
        text = lines.slice(1 + 2 * count).join('\r\n');
        commands.push(command);
        socket.write(answer(command));
      }
    });
  });
  return { port, commands };
}

/** A cluster as Envoy's configuration has it, checked by Redis. */
const redisCluster = (port: number, config: object, more: object = {}) =>
  clusterFromJson('checked', [port], {
    health_checks: [
      {
        timeout: '1s',
        interval: '5s',
        no_traffic_interval: '60s',
        unhealthy_threshold: 1,
        healthy_threshold: 1,
        custom_health_check: {
          name: 'envoy.health_checkers.redis',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.health_checkers.redis.v3.Redis',
            ...config,
          },
        },
      },
    ],
    ...more,
  });

test('Redis: a host that answers PING is healthy, one that does not is not', async (t) => {
  let loading = false;
  const { port, commands } = await redis(t, () => (loading ? '-LOADING wait\r\n' : '+PONG\r\n'));
  const { next, healthy } = await checked(t, redisCluster(port, {}));
  await next(0);
  assert.equal(healthy(), true);
  loading = true;
  await next(60_000);
  assert.equal(healthy(), false);
  loading = false;
  await next(60_000);
  assert.equal(healthy(), true);
  assert.deepEqual(commands, [['PING'], ['PING'], ['PING']]);
});

test('Redis: a host is not used while it has the key, and is given the password first', async (t) => {
  let has = 0;
  const { port, commands } = await redis(t, ([name]) => (name === 'auth' ? '+OK\r\n' : `:${has}\r\n`));
  const password = {
    typed_extension_protocol_options: {
      'envoy.filters.network.redis_proxy': {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProtocolOptions',
        auth_password: { inline_string: 'secret' },
      },
    },
  };
  const { next, healthy } = await checked(t, redisCluster(port, { key: 'maintenance' }, password));
  await next(0);
  assert.equal(healthy(), true);
  has = 1;
  await next(60_000);
  assert.equal(healthy(), false);
  assert.deepEqual(commands.slice(0, 3), [
    ['auth', 'secret'],
    ['EXISTS', 'maintenance'],
    ['EXISTS', 'maintenance'],
  ]);
});

test('changes of health are written down, and checks where that is asked for', async (t) => {
  let status = 200;
  const { port } = await upstream(t, (_request, response) => response.writeHead(status).end());
  const written: { readonly sink: string; readonly event: Record<string, unknown> }[] = [];
  const events = { paths: ['/health.log'], everyFailure: true, everySuccess: true };
  const model = cluster('checked', [port], { healthChecks: [{ ...check, healthyThreshold: 1, events }] });
  const { next, clock } = await checked(t, model, {
    writeAccessLog: (sink, text) => void written.push({ sink, event: JSON.parse(text) }),
  });
  await next(0);
  status = 503;
  await next(40_000);
  await next(60_000);
  status = 200;
  await next(60_000);
  assert.deepEqual(
    written.map(({ event }) => Object.entries(event).find(([name]) => name.endsWith('_event'))),
    [
      ['add_healthy_event', { first_check: true }],
      ['successful_health_check_event', {}],
      ['eject_unhealthy_event', { failure_type: 'ACTIVE' }],
      ['health_check_failure_event', { failure_type: 'ACTIVE', first_check: false }],
      ['health_check_failure_event', { failure_type: 'ACTIVE', first_check: false }],
      ['add_healthy_event', { first_check: false }],
      ['successful_health_check_event', {}],
    ],
  );
  const last = written.at(-1);
  assert.equal(last?.sink, '/health.log');
  assert.equal(last?.event['health_checker_type'], 'HTTP');
  assert.equal(last?.event['cluster_name'], 'checked');
  assert.equal(last?.event['timestamp'], new Date(clock.now()).toISOString());
  assert.deepEqual(last?.event['host'], {
    socket_address: {
      protocol: 'TCP',
      address: '127.0.0.1',
      port_value: port,
      resolver_name: '',
      ipv4_compat: false,
    },
  });
});

test('both ways to name the file of events are taken', () => {
  const sink = {
    name: 'envoy.health_check.event_sink.file',
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink',
      event_log_path: '/b.log',
    },
  };
  const { healthChecks } = clusterFromJson('a', [1], {
    health_checks: [
      {
        timeout: '1s',
        interval: '5s',
        unhealthy_threshold: 1,
        healthy_threshold: 1,
        tcp_health_check: {},
        event_log_path: '/a.log',
        event_logger: [sink],
        always_log_health_check_failures: true,
        reuse_connection: false,
      },
    ],
  });
  assert.deepEqual(healthChecks[0]?.events, {
    paths: ['/a.log', '/b.log'],
    everyFailure: true,
    everySuccess: false,
  });
  assert.equal(healthChecks[0]?.reuseConnection, false);
});
