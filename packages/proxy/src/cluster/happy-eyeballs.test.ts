import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import type { Address } from '../model/index.ts';
import { clusterFromJson } from '../testing/envoy-config.ts';
import { fullBacklog } from '../testing/full-backlog.ts';
import {
  ask,
  cluster,
  endpoint,
  portOfServer,
  routeTo,
  serveHttp,
  statOf,
  upstream,
} from '../testing/harness.ts';

const local = (port: number): Address => ({ kind: 'socket', address: '127.0.0.1', port });

test('where the first address of an endpoint refuses, the next one serves', async (t) => {
  const { port: up } = await upstream(t, (_, response) => void response.end('second'));
  const one = endpoint(1, { additionalAddresses: [local(2), local(up)] });
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [cluster('up', [one])]);
  assert.equal((await ask(port)).body, 'second');
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_connect_fail'), 0);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_total'), 1);
});

test('an endpoint all of whose addresses refuse has failed once', async (t) => {
  const one = endpoint(1, { additionalAddresses: [local(2), local(3)] });
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [cluster('up', [one])]);
  assert.equal((await ask(port)).status, 503);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_connect_fail'), 1);
});

test('endpoints may have addresses of both families, and the cluster says which one comes first', async (t) => {
  const servers = await Promise.all(
    ['127.0.0.1', '::1'].map(async (host, i) => {
      const server = createServer((_, response) => void response.end(i === 0 ? 'v4' : 'v6'));
      server.listen(0, host);
      await once(server, 'listening');
      t.after(() => {
        server.close();
        server.closeAllConnections();
      });
      return { host, port: portOfServer(server) };
    }),
  );
  const socket = ({ host, port }: { host: string; port: number }): object => ({
    address: { socket_address: { address: host, port_value: port } },
  });
  const load_assignment = {
    cluster_name: 'up',
    endpoints: [
      {
        lb_endpoints: [{ endpoint: { ...socket(servers[0]!), additional_addresses: [socket(servers[1]!)] } }],
      },
    ],
  };
  for (const [version, body] of [
    ['DEFAULT', 'v4'],
    ['V6', 'v6'],
  ] as const) {
    const model = clusterFromJson('up', [], {
      load_assignment,
      upstream_connection_options: { happy_eyeballs_config: { first_address_family_version: version } },
    });
    const { port } = await serveHttp(t, [routeTo('up')], [model]);
    assert.equal((await ask(port)).body, body);
  }
});

test('an address that does not answer is not waited for: the next one is tried meanwhile', async (t) => {
  const silent = await fullBacklog(t);
  const { port: up } = await upstream(t, (_, response) => void response.end('second'));
  const one = endpoint(silent, { additionalAddresses: [local(up)] });
  const { port, dataPlane } = await serveHttp(
    t,
    [routeTo('up')],
    [cluster('up', [one], { connectTimeoutMs: 60_000 })],
  );
  assert.equal((await ask(port)).body, 'second');
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_connect_timeout'), 0);
});

test('the time for a connection holds for all addresses together', async (t) => {
  const silent = await fullBacklog(t);
  const one = endpoint(silent, { additionalAddresses: [local(silent), local(silent)] });
  const { port, dataPlane } = await serveHttp(
    t,
    [routeTo('up')],
    [cluster('up', [one], { connectTimeoutMs: 200 })],
  );
  assert.equal((await ask(port)).status, 503);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_cx_connect_timeout'), 1);
});
