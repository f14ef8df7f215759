import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { createGrpcServer } from '@lateen/protocol/grpc';
import { Authorization, type CheckRequest, type CheckResponse } from '@lateen/protocol/envoy/service/auth/v3';
import { clusterFromJson, listenerFromJson } from '../testing/envoy-config.ts';
import {
  exchangeRaw,
  portOf,
  startDataPlane,
  statOf,
  tcpUpstream,
  until,
  type Closers,
} from '../testing/harness.ts';
import { http2Cluster } from '../testing/http2-peers.ts';

const at = 'type.googleapis.com/envoy.extensions.filters.network';

/** A server that greets, and then says everything back. */
async function greeter(t: Closers): Promise<number> {
  return tcpUpstream(t, (socket) => {
    socket.write('hello ');
    socket.pipe(socket);
  });
}

type Answer = (request: CheckRequest) => CheckResponse | Promise<CheckResponse>;

async function start(
  t: Closers,
  answer: Answer,
  config: object = {},
  before: readonly object[] = [],
  after: readonly object[] = [],
) {
  const asked: CheckRequest[] = [];
  const server = createGrpcServer();
  server.unary(Authorization.check, (request): CheckResponse | Promise<CheckResponse> => {
    asked.push(request);
    return answer(request);
  });
  const { port: service } = await server.listen({ host: '127.0.0.1' });
  t.after(() => server.close());
  const dataPlane = startDataPlane(t, {
    node: { id: 'n', cluster: '', metadata: { LABELS: { app: 'shop' } } },
  });
  const filters = [
    ...before,
    {
      name: 'envoy.filters.network.ext_authz',
      typed_config: {
        '@type': `${at}.ext_authz.v3.ExtAuthz`,
        stat_prefix: 'gate',
        transport_api_version: 'V3',
        grpc_service: { envoy_grpc: { cluster_name: 'authz' }, timeout: '5s' },
        bootstrap_metadata_labels_key: 'LABELS',
        ...config,
      },
    },
    ...after,
    {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: { '@type': `${at}.tcp_proxy.v3.TcpProxy`, stat_prefix: 'tcp', cluster: 'up' },
    },
  ];
  const { refused } = await dataPlane.update({
    clusters: { set: [clusterFromJson('up', [await greeter(t)]), http2Cluster('authz', [service])] },
    listeners: { set: [listenerFromJson({}, { filters })] },
  });
  assert.deepEqual(refused, []);
  return {
    asked,
    port: portOf(dataPlane),
    stat: (name: string) => statOf(dataPlane, `ext_authz.gate.${name}`),
  };
}

test('a connection that the service allows is served, with the bytes that came meanwhile', async (t) => {
  const answered = Promise.withResolvers<CheckResponse>();
  const { asked, port, stat } = await start(t, () => answered.promise);
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.end('early');
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await until(() => asked.length > 0);
  assert.equal(stat('active'), 1);
  answered.resolve({ status: { code: 0 } });
  await once(socket, 'close');
  assert.equal(text, 'hello early');
  assert.deepEqual([stat('total'), stat('ok'), stat('active'), stat('cx_closed')], [1, 1, 0, 0]);
  const { source, destination } = asked[0]?.attributes ?? {};
  assert.equal(source?.address?.socketAddress?.address, '127.0.0.1');
  assert.equal(destination?.address?.socketAddress?.portValue, port);
  assert.deepEqual(destination?.labels, { app: 'shop' });
});

test('a connection that the service denies is closed before anybody is asked for it', async (t) => {
  const { port, stat } = await start(t, () => ({ status: { code: 7 } }));
  assert.equal(await exchangeRaw(port, 'x'), '');
  assert.deepEqual([stat('denied'), stat('cx_closed'), stat('ok')], [1, 1, 0]);
});

test('where the service cannot be asked connections are closed, or served with failure_mode_allow', async (t) => {
  const nowhere = { grpc_service: { envoy_grpc: { cluster_name: 'nobody' } } };
  const strict = await start(t, () => ({}), nowhere);
  assert.equal(await exchangeRaw(strict.port, 'x', { end: true }), '');
  assert.deepEqual([strict.stat('error'), strict.stat('cx_closed')], [1, 1]);
  const lenient = await start(t, () => ({}), { ...nowhere, failure_mode_allow: true });
  assert.equal(await exchangeRaw(lenient.port, 'x', { end: true }), 'hello x');
  assert.deepEqual([lenient.stat('error'), lenient.stat('failure_mode_allowed')], [1, 1]);
});

test('a client that leaves while the service thinks is forgotten', async (t) => {
  const { asked, port, stat } = await start(t, () => new Promise<CheckResponse>(() => {}));
  const socket = connect(port, '127.0.0.1');
  await until(() => asked.length > 0);
  socket.resetAndDestroy();
  await until(() => stat('active') === 0);
  assert.deepEqual([stat('total'), stat('ok'), stat('denied')], [1, 0, 0]);
});

test('only connections that shadow rules of RBAC have marked are asked about', async (t) => {
  const port = (number: number): object => ({ destination_port_range: { start: number, end: number + 1 } });
  const marks = (permission: object): object => ({
    name: 'envoy.filters.network.rbac',
    typed_config: {
      '@type': `${at}.rbac.v3.RBAC`,
      stat_prefix: 'tcp.',
      shadow_rules_stat_prefix: 'istio_ext_authz_',
      shadow_rules: {
        action: 'DENY',
        policies: { 'istio-ext-authz-ns-name': { permissions: [permission], principals: [{ any: true }] } },
      },
    },
  });
  const enabled = {
    filter_enabled_metadata: {
      filter: 'envoy.filters.network.rbac',
      path: [{ key: 'istio_ext_authz_shadow_effective_policy_id' }],
      value: { string_match: { prefix: 'istio-ext-authz' } },
    },
  };
  const deny: Answer = () => ({ status: { code: 7 } });
  const marked = await start(t, deny, enabled, [marks({ any: true })]);
  assert.equal(await exchangeRaw(marked.port, 'x', { end: true }), '');
  const passed = await start(t, deny, enabled, [marks(port(1))]);
  assert.equal(await exchangeRaw(passed.port, 'x', { end: true }), 'hello x');
  assert.deepEqual([passed.stat('disabled'), passed.stat('total')], [1, 0]);
});

test('rules after it decide by what the service says of a connection', async (t) => {
  const condition = {
    filter: 'envoy.filters.network.ext_authz',
    path: [{ key: 'tenant' }],
    value: { string_match: { exact: 'evil' } },
  };
  const rules = {
    name: 'envoy.filters.network.rbac',
    typed_config: {
      '@type': `${at}.rbac.v3.RBAC`,
      stat_prefix: 'gate.',
      rules: {
        action: 'DENY',
        policies: { tenant: { permissions: [{ metadata: condition }], principals: [{ any: true }] } },
      },
    },
  };
  const tenants = ['evil', 'good'];
  const answer = (): CheckResponse => ({
    status: { code: 0 },
    dynamicMetadata: { tenant: tenants.shift() ?? '' },
  });
  const { port } = await start(t, answer, {}, [], [rules]);
  for (const answered of ['', 'hello hi']) {
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.end('hi');
    await new Promise((resolve) => socket.on('close', resolve));
    assert.equal(text, answered);
  }
});
