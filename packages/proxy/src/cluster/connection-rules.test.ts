import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { clusterFromJson, listenerFromJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { fullBacklog } from '../testing/full-backlog.ts';
import { encodeVersion2 } from '../proxy-protocol/write-header.ts';
import {
  ask,
  exchangeRaw,
  portOf,
  portOfServer,
  startDataPlane,
  statOf,
  tcpUpstream,
  until,
  upstream,
} from '../testing/harness.ts';

const toBackend = { route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'backend' } }]) };
const check = (more: object) => ({
  health_checks: [
    {
      timeout: '5s',
      interval: '0.02s',
      no_traffic_interval: '0.02s',
      unhealthy_threshold: 1,
      healthy_threshold: 1,
      ...more,
    },
  ],
});
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a header chooses the endpoint of an original-destination cluster, where it holds an address', async (t) => {
  const { port: backend } = await upstream(t, (_, res) => res.end('fine'));
  const cluster = clusterFromJson('backend', [], {
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    load_assignment: undefined,
    original_dst_lb_config: { use_http_header: true },
  });
  const { dataPlane, port } = await serveEnvoy(t, toBackend, [cluster]);
  const header = (value: string) => ({ headers: { 'x-envoy-original-dst-host': value } });
  assert.equal((await ask(port, '/', header(`127.0.0.1:${backend}`))).body, 'fine');
  for (const value of ['localhost:80', '127.0.0.1', '127.0.0.1:99999', '[::1:80'])
    assert.equal((await ask(port, '/', header(value))).status, 503, value);
  assert.equal(statOf(dataPlane, 'cluster.backend.original_dst_host_invalid'), 4);
  assert.equal(statOf(dataPlane, 'cluster.backend.membership_change'), 1);
});

test('metadata chooses the endpoint of an original-destination cluster', async (t) => {
  const { port: backend } = await upstream(t, (_, res) => res.end('fine'));
  const cluster = clusterFromJson('backend', [], {
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    load_assignment: undefined,
    original_dst_lb_config: { metadata_key: { key: 'edge', path: [{ key: 'to' }] } },
  });
  const rule = { tlv_type: 224, on_tlv_present: { metadata_namespace: 'edge', key: 'to' } };
  const dataPlane = startDataPlane(t);
  const { refused } = await dataPlane.update({
    clusters: { set: [cluster] },
    listeners: {
      set: [
        listenerFromJson(toBackend, undefined, {
          listener_filters: [
            {
              name: 'envoy.filters.listener.proxy_protocol',
              typed_config: {
                '@type':
                  'type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
                rules: [rule],
              },
            },
          ],
        }),
      ],
    },
  });
  assert.deepEqual(refused, []);
  const place = { kind: 'socket', address: '192.0.2.1', port: 1 } as const;
  const header = encodeVersion2({ source: place, destination: place }, [
    { type: 224, value: Buffer.from(`127.0.0.1:${backend}`) },
  ]);
  const request = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
  assert.match(await exchangeRaw(portOf(dataPlane), header.toString('latin1') + request), /fine/);
});

test('requests of one connection have connections of their own where the cluster asks for it', async (t) => {
  const { port: backend } = await upstream(t, (_, res) => res.end('fine'));
  const cluster = clusterFromJson('backend', [backend], { connection_pool_per_downstream_connection: true });
  const { dataPlane, port } = await serveEnvoy(t, toBackend, [cluster]);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (let i = 0; i < 2; i++) {
    const request = httpRequest({ host: '127.0.0.1', port, agent }).end();
    const [response] = await once(request, 'response');
    response.resume();
    await once(response, 'end');
  }
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_cx_total'), 1);
  await ask(port);
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_cx_total'), 2);
});

test('an endpoint has a limit of connections of its own, those that are being made included', async (t) => {
  const filters = [
    {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
        stat_prefix: 'tcp',
        cluster: 'backend',
      },
    },
  ];
  const limits = { circuit_breakers: { per_host_thresholds: [{ max_connections: 1 }] } };
  const answering = await tcpUpstream(t, (peer) => peer.pipe(peer));
  for (const backend of [answering, await fullBacklog(t)]) {
    const dataPlane = startDataPlane(t);
    await dataPlane.update({
      clusters: { set: [clusterFromJson('backend', [backend], limits)] },
      listeners: { set: [listenerFromJson({}, undefined, { filter_chains: [{ filters }] })] },
    });
    const first = connect(portOf(dataPlane), '127.0.0.1');
    first.write('in');
    if (backend === answering) await once(first, 'data');
    else while (statOf(dataPlane, 'cluster.backend.upstream_cx_active') < 1) await turn();
    const second = connect(portOf(dataPlane), '127.0.0.1');
    second.on('error', () => {});
    await new Promise((resolve) => second.once('close', resolve));
    assert.equal(statOf(dataPlane, 'cluster.backend.upstream_cx_overflow'), 1);
    // What ends makes room.
    first.resetAndDestroy();
    while (statOf(dataPlane, 'cluster.backend.upstream_cx_active') > 0) await turn();
    const third = connect(portOf(dataPlane), '127.0.0.1');
    while (statOf(dataPlane, 'cluster.backend.upstream_cx_active') < 1) await turn();
    third.resetAndDestroy();
  }
});

test('limits of connections to each endpoint that are changed hold for endpoints that are there', async (t) => {
  const { port: backend } = await upstream(t, (request, response) => {
    if (request.url === '/') response.end('at once');
  });
  const { port, dataPlane } = await serveEnvoy(
    t,
    { route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'backend' } }]) },
    [clusterFromJson('backend', [backend])],
  );
  const stat = (name: string): number => statOf(dataPlane, `cluster.backend.upstream_${name}`);
  assert.equal((await ask(port)).body, 'at once');
  const limits = { circuit_breakers: { per_host_thresholds: [{ max_connections: 1 }] } };
  await dataPlane.update({ clusters: { set: [clusterFromJson('backend', [backend], limits)] } });
  const sockets = [1, 2].map(() => connect(port, '127.0.0.1'));
  for (const socket of sockets) socket.write('GET /held HTTP/1.1\r\nhost: a\r\n\r\n');
  await until(() => stat('rq_active') + stat('rq_pending_active') === 2 && stat('rq_active') > 0);
  assert.deepEqual([stat('rq_active'), stat('rq_pending_active'), stat('cx_overflow')], [1, 1, 1]);
  for (const socket of sockets) socket.destroy();
});

test('an endpoint that becomes unhealthy loses its connections where the cluster asks for it', async (t) => {
  let well = true;
  const server = createServer((_, res) => {
    res.statusCode = well ? 200 : 500;
    res.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const dataPlane = startDataPlane(t);
  const filters = [
    {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
        stat_prefix: 'tcp',
        cluster: 'backend',
      },
    },
  ];
  await dataPlane.update({
    clusters: {
      set: [
        clusterFromJson('backend', [portOfServer(server)], {
          close_connections_on_host_health_failure: true,
          ...check({ http_health_check: { path: '/' } }),
        }),
      ],
    },
    listeners: { set: [listenerFromJson({}, undefined, { filter_chains: [{ filters }] })] },
  });
  while (statOf(dataPlane, 'cluster.backend.membership_healthy') === 0) await turn();
  const client = connect(portOf(dataPlane), '127.0.0.1');
  client.on('error', () => {});
  client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await once(client, 'data');
  well = false;
  await new Promise((resolve) => client.once('close', resolve));
  assert.equal(statOf(dataPlane, 'cluster.backend.upstream_cx_active'), 0);
});

test('a health check says what it is to say, and believes only whom it asks for', async (t) => {
  const heard: unknown[] = [];
  const { port } = await upstream(t, (req, res) => {
    heard.push([req.headers['x-check'], req.headers['user-agent']]);
    res.setHeader('x-envoy-upstream-healthchecked-cluster', heard.length === 1 ? 'other' : 'shop-v1');
    res.end();
  });
  const http = {
    path: '/',
    request_headers_to_add: [{ header: { key: 'x-check', value: 'yes' } }],
    request_headers_to_remove: ['user-agent'],
    service_name_matcher: { prefix: 'shop' },
  };
  const dataPlane = startDataPlane(t);
  await dataPlane.update({
    clusters: { set: [clusterFromJson('backend', [port], check({ http_health_check: http }))] },
  });
  while (statOf(dataPlane, 'cluster.backend.membership_healthy') === 0) await turn();
  assert.deepEqual(heard[0], ['yes', undefined]);
  assert.equal(statOf(dataPlane, 'cluster.backend.health_check.failure'), 1);
});

test('connections come from the source address of the family of their endpoint', async (t) => {
  const server = createServer(({ socket }, response) => response.end(socket.remoteAddress));
  t.after(() => server.close());
  server.listen(0, '::');
  await once(server, 'listening');
  const port = portOfServer(server);
  const endpoint = (address: string) => ({
    lb_endpoints: [{ endpoint: { address: { socket_address: { address, port_value: port } } } }],
  });
  const cluster = (name: string, address: string, bind: object) =>
    clusterFromJson(name, [], {
      load_assignment: { cluster_name: name, endpoints: [endpoint(address)] },
      upstream_bind_config: bind,
    });
  const four = { address: '127.0.0.6', port_value: 0 };
  const six = { address: '::1', port_value: 0 };
  const both = { source_address: four, extra_source_addresses: [{ address: six }] };
  const route = (prefix: string) => ({ match: { prefix }, route: { cluster: prefix.slice(1) } });
  const { port: proxy } = await serveEnvoy(
    t,
    { route_config: routesJson(['/four', '/six', '/older'].map(route)) },
    [
      cluster('four', '127.0.0.1', both),
      cluster('six', '::1', both),
      cluster('older', '127.0.0.1', { source_address: six, additional_source_addresses: [four] }),
    ],
  );
  assert.equal((await ask(proxy, '/four')).body, '::ffff:127.0.0.6');
  assert.equal((await ask(proxy, '/six')).body, '::1');
  assert.equal((await ask(proxy, '/older')).body, '::ffff:127.0.0.6');
});
