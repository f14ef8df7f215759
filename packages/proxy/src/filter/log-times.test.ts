import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { clusterFromJson, listenerFromJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import {
  ask,
  keptAccessLog,
  portOf,
  startDataPlane,
  tcpUpstream,
  until,
  upstream,
} from '../testing/harness.ts';

const all = {
  match: { prefix: '/' },
  route: { cluster: 'app', upgrade_configs: [{ upgrade_type: 'websocket' }] },
};
const log = (format: string, filter?: object): object => ({
  name: 'log',
  ...(filter === undefined ? {} : { filter }),
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
    log_format: { text_format_source: { inline_string: format } },
  },
});

test('a line is written when a request begins, while it lasts and when it ends', async (t) => {
  const kept = keptAccessLog('');
  let finish: () => void = () => {};
  const app = await upstream(t, (_request, response) => {
    response.writeHead(200).write('a');
    finish = () => response.end('b');
  });
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([all]),
      access_log: [log('%ACCESS_LOG_TYPE% %REQ(:PATH)% %RESPONSE_CODE%\n')],
      access_log_options: { flush_access_log_on_new_request: true, access_log_flush_interval: '0.02s' },
    },
    [clusterFromJson('app', [app.port])],
    kept.options,
  );
  const answer = ask(port, '/x');
  await until(() => kept.lines.length >= 3);
  finish();
  await answer;
  await until(() => kept.lines.some((line) => line.startsWith('DownstreamEnd')));
  assert.equal(kept.lines[0], 'DownstreamStart /x 0\n');
  assert.ok(kept.lines.slice(1, -1).every((line) => line.startsWith('DownstreamPeriodic /x')));
  assert.equal(kept.lines.at(-1), 'DownstreamEnd /x 200\n');
});

test('a line is written when an upgrade is granted', async (t) => {
  const kept = keptAccessLog('');
  const up = await tcpUpstream(t, (socket) => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
    );
    socket.on('end', () => socket.end());
  });
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([all]),
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      access_log: [log('%ACCESS_LOG_TYPE% %RESPONSE_CODE%\n')],
      access_log_options: { flush_log_on_tunnel_successfully_established: true },
    },
    [clusterFromJson('app', [up])],
    kept.options,
  );
  const socket = connect(port, '127.0.0.1');
  socket.write(
    'GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n' +
      'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  assert.match(chunk.toString(), /^HTTP\/1.1 101 /);
  assert.deepEqual(kept.lines, ['DownstreamTunnelSuccessfullyEstablished 101\n']);
  socket.destroy();
  await until(() => kept.lines.length >= 2);
  assert.equal(kept.lines[1], 'DownstreamEnd 101\n');
});

test('the log of a listener is told of each connection, and of those that no chain takes', async (t) => {
  const kept = keptAccessLog('');
  const dataPlane = startDataPlane(t, kept.options);
  const format = '%ACCESS_LOG_TYPE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %DOWNSTREAM_LOCAL_PORT%\n';
  const manager = {
    route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]),
  };
  const { refused } = await dataPlane.update({
    listeners: {
      set: [
        listenerFromJson(manager, {}, { access_log: [log(format)] }),
        {
          ...listenerFromJson(
            manager,
            { filter_chain_match: { destination_port: 1 } },
            { access_log: [log(format), log('filtered\n', { response_flag_filter: { flags: ['NR'] } })] },
          ),
          name: 'nobody',
        },
      ],
    },
  });
  assert.deepEqual(refused, []);
  await ask(portOf(dataPlane), '/');
  await until(() => kept.lines.length > 0);
  const lost = connect(portOf(dataPlane, 'nobody'), '127.0.0.1');
  lost.on('error', () => {});
  await once(lost, 'close');
  await until(() => kept.lines.length >= 3);
  assert.deepEqual(kept.lines, [
    `NotSet - - ${portOf(dataPlane)}\n`,
    `NotSet NR filter_chain_not_found ${portOf(dataPlane, 'nobody')}\n`,
    'filtered\n',
  ]);
});

test('the log of a listener is told what network filters say of the connection', async (t) => {
  const kept = keptAccessLog('');
  const dataPlane = startDataPlane(t, kept.options);
  const filters = 'type.googleapis.com/envoy.extensions.filters';
  const rbac = {
    name: 'rbac',
    typed_config: {
      '@type': `${filters}.network.rbac.v3.RBAC`,
      stat_prefix: 'r',
      shadow_rules: { policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } } },
    },
  };
  const manager = {
    name: 'http',
    typed_config: {
      '@type': `${filters}.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: 'h',
      http_filters: [{ name: 'router', typed_config: { '@type': `${filters}.http.router.v3.Router` } }],
      route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]),
    },
  };
  const own = listenerFromJson(
    {},
    { filters: [rbac, manager] },
    { access_log: [log('%DYNAMIC_METADATA(envoy.filters.network.rbac:shadow_engine_result)%\n')] },
  );
  const { refused } = await dataPlane.update({ listeners: { set: [own] } });
  assert.deepEqual(refused, []);
  await ask(portOf(dataPlane), '/');
  await until(() => kept.lines.length > 0);
  assert.deepEqual(kept.lines, ['allowed\n']);
});

test('expressions of CEL choose the requests that are written', async (t) => {
  const kept = keptAccessLog('');
  const cel = (expression: string): object => ({
    extension_filter: {
      name: 'cel',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter',
        expression,
      },
    },
  });
  const manager = (expression: string): object => ({
    route_config: routesJson([
      { match: { path: '/bad' }, direct_response: { status: 503 } },
      { match: { prefix: '/' }, direct_response: { status: 200 } },
    ]),
    access_log: [log('%REQ(:PATH)%\n', cel(expression))],
  });
  const { port } = await serveEnvoy(
    t,
    manager(
      "response.code >= 400 || request.url_path.startsWith('/api') && request.headers['x-log'] == 'yes'",
    ),
    [],
    kept.options,
  );
  await ask(port, '/bad');
  await ask(port, '/api/1');
  await ask(port, '/api/2', { headers: { 'x-log': 'yes' } });
  await ask(port, '/');
  assert.deepEqual(kept.lines, ['/bad\n', '/api/2\n']);
  assert.throws(
    () => listenerFromJson(manager('response.code >')),
    /access_log\[0\].filter.extension_filter/,
  );
});
