import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { freePort } from '@lateen/testkit/free-port';
import { upstream } from '../testing/harness.ts';
import { nameServer } from '../testing/name-server.ts';
import {
  admin,
  endpointsAt,
  httpChain,
  logged,
  socketAddress,
  start,
  statistic,
  types,
} from '../testing/program.ts';

/** Starts a proxy of two workers with one listener for one cluster; answers with its port and its admin's address. */
async function serve(
  t: TestContext,
  up: number,
  cluster: object,
  filters: { readonly http?: readonly object[]; readonly network?: readonly object[] } = {},
  runtime: object = {},
): Promise<{ readonly port: number; readonly at: string }> {
  const port = await freePort();
  const child = start(
    t,
    {
      admin,
      layered_runtime: { layers: [{ name: 'base', static_layer: runtime }] },
      static_resources: {
        clusters: [{ name: 'up', type: 'STATIC', load_assignment: endpointsAt('up', up), ...cluster }],
        listeners: [
          {
            name: 'main',
            address: socketAddress(port),
            filter_chains: [
              httpChain(
                {
                  route_config: {
                    virtual_hosts: [
                      {
                        name: 'all',
                        domains: ['*'],
                        routes: [{ match: { prefix: '/' }, route: { cluster: 'up' } }],
                      },
                    ],
                  },
                },
                filters.http,
                filters.network,
              ),
            ],
          },
        ],
      },
    },
    '--concurrency',
    '2',
  );
  const at = await logged(child, /admin address: (\S+)/);
  await logged(child, /warming listener main complete/, 2);
  return { port, at };
}

/** Sends a request on a connection of its own, which stays. */
function send(
  t: TestContext,
  port: number,
  headers = '',
): { readonly socket: Socket; readonly status: Promise<number> } {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(`GET / HTTP/1.1\r\nhost: a\r\n${headers}\r\n`);
  const status = new Promise<number>((resolve) => {
    socket.once('data', (chunk) => resolve(Number(chunk.toString().slice(9, 12))));
    socket.once('close', () => resolve(0));
  });
  return { socket, status };
}

/** Sends requests one after another, each on a connection of its own, until all of so many are answered like this. */
async function settlesAt(t: TestContext, port: number, status: number): Promise<void> {
  for (let inRow = 0; inRow < 30; ) {
    const { socket, status: answered } = send(t, port);
    inRow = (await answered) === status ? inRow + 1 : 0;
    socket.destroy();
  }
}

test('requests under way count against one limit, whichever worker has them', async (t) => {
  const held: ServerResponse[] = [];
  let arrived = Promise.withResolvers<void>();
  const { port: up } = await upstream(t, (_request, response) => {
    held.push(response);
    arrived.resolve();
  });
  const { port, at } = await serve(t, up, { circuit_breakers: { thresholds: [{ max_requests: 3 }] } });
  // One after another: what is let in and what is not is known before the next.
  for (let i = 0; i < 40; i++) {
    arrived = Promise.withResolvers();
    const { status } = send(t, port);
    await Promise.race([arrived.promise, status.then((one) => assert.equal(one, 503))]);
  }
  assert.equal(held.length, 3);
  assert.equal(await statistic(at, 'cluster.up.upstream_rq_active_overflow'), 37);
  assert.equal(await statistic(at, 'cluster.up.circuit_breakers.default.rq_open'), 1);
  // What ends makes room for all again.
  for (const response of held.splice(0)) response.end();
  while ((await statistic(at, 'cluster.up.upstream_rq_active')) > 0);
  for (let i = 0; i < 20; i++) {
    arrived = Promise.withResolvers();
    const { status } = send(t, port);
    await arrived.promise;
    held.pop()?.end();
    assert.equal(await status, 200);
  }
});

test('failures in a row count whichever worker saw them, and one ejection holds for all', async (t) => {
  let asked = 0;
  const { port: up } = await upstream(t, (_request, response) => {
    asked++;
    response.writeHead(500).end();
  });
  const { port, at } = await serve(t, up, {
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    outlier_detection: {
      consecutive_5xx: 20,
      base_ejection_time: '600s',
      max_ejection_time: '600s',
      max_ejection_percent: 100,
    },
  });
  for (let i = 0; i < 20; i++) assert.equal(await send(t, port).status, 500);
  const ejections = 'cluster.up.outlier_detection.ejections_enforced_total';
  while ((await statistic(at, ejections)) < 1);
  await settlesAt(t, port, 503);
  const before = asked;
  for (let i = 0; i < 30; i++) assert.equal(await send(t, port).status, 503);
  assert.equal(asked, before);
  assert.equal(await statistic(at, ejections), 1);
  assert.equal(await statistic(at, 'cluster.up.outlier_detection.ejections_active'), 1);
});

test('one worker checks the health of the hosts, and all go by what it finds', async (t) => {
  let healthy = true;
  const checkers = new Set<Socket>();
  const { port: up } = await upstream(t, ({ url, socket }, response) => {
    if (url === '/health') checkers.add(socket);
    response.writeHead(url === '/health' && !healthy ? 503 : 200).end();
  });
  const { port, at } = await serve(t, up, {
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    health_checks: [
      {
        timeout: '1s',
        interval: '0.02s',
        no_traffic_interval: '0.02s',
        unhealthy_threshold: 1,
        healthy_threshold: 1,
        http_health_check: { path: '/health' },
      },
    ],
  });
  await settlesAt(t, port, 200);
  assert.equal(checkers.size, 1);
  healthy = false;
  await settlesAt(t, port, 503);
  healthy = true;
  await settlesAt(t, port, 200);
  assert.ok((await statistic(at, 'cluster.up.health_check.attempt')) > 0);
});

const always = { default_value: { numerator: 100, denominator: 'HUNDRED' } };

test('a local rate limit is one for all workers, in HTTP and for connections', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end());
  const limits = (kind: string, more: object) => ({
    name: 'limit',
    typed_config: {
      '@type': `${types}.extensions.filters.${kind}.local_ratelimit.v3.LocalRateLimit`,
      stat_prefix: 'limit',
      ...more,
    },
  });
  const http = limits('http', {
    token_bucket: { max_tokens: 10, fill_interval: '3600s' },
    filter_enabled: always,
    filter_enforced: always,
  });
  const network = limits('network', { token_bucket: { max_tokens: 25, fill_interval: '3600s' } });
  const { port } = await serve(t, up, {}, { http: [http], network: [network] });
  const statuses = [];
  for (let i = 0; i < 40; i++) statuses.push(await send(t, port).status);
  assert.deepEqual(statuses, [
    ...Array.from({ length: 10 }, () => 200),
    ...Array.from({ length: 15 }, () => 429),
    ...Array.from({ length: 15 }, () => 0),
  ]);
});

test('limits of connections hold for all workers: of a filter, and of a listener', async (t) => {
  const { port: up } = await upstream(t, (_request, response) => response.end());
  const limit = {
    name: 'limit',
    typed_config: {
      '@type': `${types}.extensions.filters.network.connection_limit.v3.ConnectionLimit`,
      stat_prefix: 'limit',
      max_connections: 7,
    },
  };
  const byFilter = await serve(t, up, {}, { network: [limit] });
  const byListener = await serve(
    t,
    up,
    {},
    {},
    { 'envoy.resource_limits.listener.main.connection_limit': 7 },
  );
  for (const { port } of [byFilter, byListener]) {
    const held = [];
    for (let i = 0; i < 30; i++) {
      const one = send(t, port);
      if ((await one.status) === 200) held.push(one.socket);
    }
    assert.equal(held.length, 7);
    // One that goes makes room for one, whichever worker had it.
    held[3]?.destroy();
    while ((await send(t, port).status) !== 200);
    assert.equal(await send(t, port).status, 0);
  }
});

test('a limit that follows times is one for all workers, and learns from what all of them see', async (t) => {
  const held: ServerResponse[] = [];
  let arrived = Promise.withResolvers<void>();
  const { port: up } = await upstream(t, (_request, response) => {
    held.push(response);
    arrived.resolve();
  });
  const adaptive = {
    name: 'adaptive',
    typed_config: {
      '@type': `${types}.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency`,
      gradient_controller_config: {
        concurrency_limit_params: { concurrency_update_interval: '60s' },
        min_rtt_calc_params: { interval: '3600s', request_count: 8, min_concurrency: 4 },
      },
    },
  };
  const { port, at } = await serve(t, up, {}, { http: [adaptive] });
  const stat = (name: string): Promise<number> =>
    statistic(at, `http.main.adaptive_concurrency.gradient_controller.${name}`);
  for (let round = 0; round < 2; round++) {
    assert.equal(await stat('min_rtt_calculation_active'), 1);
    const statuses: Promise<number>[] = [];
    for (let i = 0; i < 20; i++) {
      arrived = Promise.withResolvers();
      const { status } = send(t, port);
      statuses.push(status);
      await Promise.race([arrived.promise, status.then((one) => assert.equal(one, 503))]);
    }
    assert.equal(held.length, 4);
    for (const response of held.splice(0)) response.end();
    const all = await Promise.all(statuses);
    assert.equal(all.filter((one) => one === 200).length, 4);
  }
  assert.equal(await stat('rq_blocked'), 32);
  assert.equal(await stat('min_rtt_calculation_active'), 0);
  assert.equal(await stat('concurrency_limit'), 4);
});

test('one worker asks for names, and the endpoints of all are what it was told last', async (t) => {
  const served = new Map<string, number>();
  const serveAt = async (host: string, port: number): Promise<number> => {
    const server = createServer((request, response) => {
      served.set(host, (served.get(host) ?? 0) + 1);
      response.end(request.url);
    });
    server.listen(port, host);
    await once(server, 'listening');
    t.after(() => server.close());
    return (server.address() as AddressInfo).port;
  };
  const up = await serveAt('127.0.0.1', 0);
  await serveAt('127.0.0.2', up);
  const known = { a: [[127, 0, 0, 1]] };
  const names = await nameServer(t, 'up.test', known);
  const { port, at } = await serve(t, up, {
    type: 'STRICT_DNS',
    dns_lookup_family: 'V4_ONLY',
    dns_refresh_rate: '0.2s',
    load_assignment: {
      cluster_name: 'up',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(up, 'up.test') } }] }],
    },
    typed_dns_resolver_config: {
      name: 'envoy.network.dns_resolver.cares',
      typed_config: {
        '@type': `${types}.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig`,
        resolvers: [socketAddress(names.port)],
      },
    },
  });
  const all = async (): Promise<void> => {
    served.clear();
    for (let i = 0; i < 20; i++) assert.equal(await send(t, port).status, 200);
  };
  await settlesAt(t, port, 200);
  await all();
  assert.deepEqual([...served], [['127.0.0.1', 20]]);
  known.a = [[127, 0, 0, 2]];
  do await all();
  while (served.has('127.0.0.1'));
  assert.deepEqual([...served], [['127.0.0.2', 20]]);
  // Each attempt is one question: the other worker asks nobody.
  const questions = names.asked.length;
  const attempts = await statistic(at, 'cluster.up.update_attempt');
  assert.ok(questions <= attempts, `${questions} questions, ${attempts} attempts`);
});

test('connections to one endpoint count against its limit, whichever worker has them', async (t) => {
  const peers = new Set<Socket>();
  const { port: up } = await upstream(t, ({ socket }) => void peers.add(socket));
  const limits = { circuit_breakers: { per_host_thresholds: [{ max_connections: 4 }] } };
  const original = { type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED', load_assignment: undefined };
  const byHeader = { original_dst_lb_config: { use_http_header: true } };
  for (const kind of [{}, { type: 'STRICT_DNS' }, { ...original, ...byHeader }]) {
    peers.clear();
    const { port, at } = await serve(t, up, { ...limits, ...kind });
    for (let i = 0; i < 30; i++) send(t, port, `x-envoy-original-dst-host: 127.0.0.1:${up}\r\n`);
    while ((await statistic(at, 'cluster.up.upstream_cx_overflow')) < 26 || peers.size < 4);
    // A worker that has none to an endpoint may always have one, so that its requests do not wait in vain; and two that
    // look at the same time may both see room.
    assert.ok(peers.size >= 4 && peers.size <= 6, `${peers.size} connections`);
  }
});
