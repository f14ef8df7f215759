import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import { test } from 'node:test';
import { decode, fromJson } from '@lateen/protocol';
import { StreamAccessLogsMessage } from '@lateen/protocol/envoy/service/accesslog/v3';
import { knownTypes } from '../../decode/known-types.ts';
import { listenerDecoder } from '../../decode/resource.ts';
import type { NodeIdentity } from '../../model/index.ts';
import { listenerFromJson, routesJson, serveEnvoy } from '../../testing/envoy-config.ts';
import {
  ask,
  cluster,
  portOf,
  startDataPlane,
  statOf,
  tcpUpstream,
  until,
  upstream,
} from '../../testing/harness.ts';
import type { Closers } from '../../testing/harness.ts';
import { http2Cluster, http2Upstream } from '../../testing/http2-peers.ts';
import { decodeOtlpLogs } from '../../testing/otlp.ts';

const loggers = 'type.googleapis.com/envoy.extensions.access_loggers';
const node: NodeIdentity = {
  id: 'sidecar~1',
  cluster: 'reviews.default',
  locality: { region: 'r', zone: 'z', subZone: '' },
  metadata: { NAMESPACE: 'default' },
};
const all = { match: { prefix: '/' }, route: { cluster: 'app' }, name: 'everything' };

/** A service that takes records: the path, headers and message of each call. */
class Collector extends EventEmitter<{ call: [] }> {
  readonly calls: {
    readonly path: string;
    readonly headers: IncomingHttpHeaders;
    readonly message: Buffer;
  }[] = [];
  status = '0';
  port = 0;

  static async start(t: Closers): Promise<Collector> {
    const collector = new Collector();
    const { port } = await http2Upstream(t, (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': collector.status }));
        stream.end(Buffer.alloc(5));
        const message = Buffer.concat(chunks).subarray(5);
        collector.calls.push({ path: String(headers[':path']), headers, message });
        collector.emit('call');
      });
    });
    collector.port = port;
    return collector;
  }

  async message(index = 0): Promise<StreamAccessLogsMessage> {
    while (this.calls.length <= index) await once(this, 'call');
    const decoded = decode(StreamAccessLogsMessage, this.calls[index]?.message ?? Buffer.alloc(0));
    assert.ok(decoded.ok);
    return decoded.value;
  }
}

function grpcLog(kind: 'Http' | 'Tcp', common: object, more: object = {}, filter?: object): object {
  return {
    name: 'als',
    ...(filter === undefined ? {} : { filter }),
    typed_config: {
      '@type': `${loggers}.grpc.v3.${kind}GrpcAccessLogConfig`,
      common_config: {
        log_name: 'requests',
        transport_api_version: 'V3',
        grpc_service: {
          envoy_grpc: { cluster_name: 'als' },
          initial_metadata: [{ key: 'X-Who', value: 'me' }],
        },
        ...common,
      },
      ...more,
    },
  };
}

test('a service is told of requests: who asks, what, and how it ended', async (t) => {
  const collector = await Collector.start(t);
  const app = await upstream(t, (_request, response) =>
    response.writeHead(201, { 'x-kind': 'answer', 'x-other': 'no' }).end('hello'),
  );
  const log = grpcLog(
    'Http',
    {
      buffer_size_bytes: 0,
      custom_tags: [{ tag: 'who', request_header: { name: 'x-user', default_value: 'nobody' } }],
    },
    {
      additional_request_headers_to_log: ['X-Test', 'x-absent'],
      additional_response_headers_to_log: ['x-kind'],
    },
  );
  const { dataPlane, port } = await serveEnvoy(
    t,
    { route_config: routesJson([all]), access_log: [log] },
    [cluster('app', [app.port]), http2Cluster('als', [collector.port])],
    { node },
  );
  const before = Date.now();
  await ask(port, '/path?q=1', {
    method: 'POST',
    body: '123',
    headers: { 'x-test': 'yes', 'x-user': 'jason', 'user-agent': 'tests' },
  });
  const { identifier, httpLogs } = await collector.message();
  assert.equal(identifier?.logName, 'requests');
  assert.equal(identifier?.node?.id, 'sidecar~1');
  assert.deepEqual(identifier?.node?.metadata, { NAMESPACE: 'default' });
  const [call] = collector.calls;
  assert.equal(call?.path, '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs');
  assert.equal(call?.headers['x-who'], 'me');
  const [entry, ...others] = httpLogs?.logEntry ?? [];
  assert.deepEqual(others, []);
  assert.equal(entry?.protocolVersion, 'HTTP11');
  const { request, response, commonProperties: common } = entry ?? {};
  assert.equal(request?.requestMethod, 'POST');
  assert.equal(request?.path, '/path?q=1');
  assert.equal(request?.userAgent, 'tests');
  assert.equal(request?.requestBodyBytes, 3);
  assert.deepEqual(request?.requestHeaders, { 'x-test': 'yes' });
  assert.equal(response?.responseCode, 201);
  assert.equal(response?.responseCodeDetails, 'via_upstream');
  assert.equal(response?.responseBodyBytes, 5);
  assert.deepEqual(response?.responseHeaders, { 'x-kind': 'answer' });
  assert.equal(common?.upstreamCluster, 'app');
  assert.equal(common?.routeName, 'everything');
  assert.deepEqual(common?.customTags, { who: 'jason' });
  assert.equal(common?.upstreamRemoteAddress?.socketAddress?.portValue, app.port);
  assert.equal(common?.downstreamLocalAddress?.socketAddress?.portValue, port);
  assert.equal(common?.accessLogType, 'DownstreamEnd');
  assert.equal(common?.intermediateLogEntry, undefined);
  assert.ok((common?.startTime ?? 0) >= before - 1 && (common?.startTime ?? 0) <= Date.now());
  assert.equal(common?.streamId, request?.requestId);
  await until(() => statOf(dataPlane, 'access_logs.grpc_access_log.logs_written') > 0);
});

test('flags are told, filters hold, and records of a while are one call', async (t) => {
  const collector = await Collector.start(t);
  const errors = {
    status_code_filter: { comparison: { op: 'GE', value: { default_value: 500, runtime_key: 'unused' } } },
  };
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([{ match: { path: '/fine' }, direct_response: { status: 200 } }, all]),
      access_log: [
        grpcLog('Http', { buffer_flush_interval: '0.2s' }, {}, errors),
        // Another logger of the same service: its records come in the same calls.
        grpcLog('Http', { buffer_flush_interval: '0.2s' }, {}, { not_health_check_filter: {} }),
      ],
    },
    [cluster('app', []), http2Cluster('als', [collector.port])],
  );
  for (const path of ['/1', '/fine', '/2']) await ask(port, path);
  const { httpLogs } = await collector.message();
  assert.deepEqual(
    httpLogs?.logEntry?.map(({ request, commonProperties }) => [
      request?.path,
      commonProperties?.responseFlags?.noHealthyUpstream ?? false,
    ]),
    [
      ['/1', true],
      ['/1', true],
      ['/fine', false],
      ['/2', true],
      ['/2', true],
    ],
  );
});

test('a service is told of TCP connections, also of the last ones when the proxy ends', async (t) => {
  const collector = await Collector.start(t);
  const echo = await tcpUpstream(t, (socket) => socket.pipe(socket));
  const dataPlane = startDataPlane(t);
  const { refused } = await dataPlane.update({
    clusters: { set: [cluster('app', [echo]), http2Cluster('als', [collector.port])] },
    listeners: {
      set: [
        listenerFromJson(
          {},
          {
            filters: [
              {
                name: 'tcp',
                typed_config: {
                  '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
                  stat_prefix: 'tcp',
                  cluster: 'app',
                  access_log: [grpcLog('Tcp', { buffer_flush_interval: '1000s' })],
                },
              },
            ],
          },
        ),
      ],
    },
  });
  assert.deepEqual(refused, []);
  const client = connect(portOf(dataPlane), '127.0.0.1');
  client.end('hello');
  client.resume();
  await once(client, 'close');
  await until(() => dataPlane.activeConnections === 0);
  assert.equal(collector.calls.length, 0);
  await dataPlane.close();
  const { tcpLogs } = await collector.message();
  const [entry] = tcpLogs?.logEntry ?? [];
  assert.deepEqual(entry?.connectionProperties, { receivedBytes: 5, sentBytes: 5 });
  assert.equal(entry?.commonProperties?.accessLogType, 'TcpConnectionEnd');
  assert.equal(entry?.commonProperties?.upstreamCluster, 'app');
});

test('records that a service does not take are lost and counted, and requests go on', async (t) => {
  const collector = await Collector.start(t);
  collector.status = '13';
  for (const clusters of [[http2Cluster('als', [collector.port])], []]) {
    const { dataPlane, port } = await serveEnvoy(
      t,
      {
        route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]),
        access_log: [grpcLog('Http', { buffer_size_bytes: 0 })],
      },
      clusters,
    );
    assert.equal((await ask(port)).status, 200);
    await until(() => statOf(dataPlane, 'access_logs.grpc_access_log.logs_dropped') > 0);
    assert.equal(statOf(dataPlane, 'access_logs.grpc_access_log.logs_written'), 0);
  }
});

const openTelemetryLog = (more: object): object => ({
  name: 'otel',
  typed_config: {
    '@type': `${loggers}.open_telemetry.v3.OpenTelemetryAccessLogConfig`,
    common_config: {
      log_name: 'otel_envoy_accesslog',
      grpc_service: { envoy_grpc: { cluster_name: 'als' } },
      buffer_size_bytes: 0,
    },
    ...more,
  },
});

test('a collector of OpenTelemetry has lines with attributes, and who sends them', async (t) => {
  const collector = await Collector.start(t);
  const pair = (key: string, text: string) => ({ key, value: { string_value: text } });
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 204 } }]),
      access_log: [
        openTelemetryLog({
          resource_attributes: { values: [pair('service', 'reviews')] },
          body: { string_value: '%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE%' },
          attributes: { values: [pair('status', '%RESPONSE_CODE%'), pair('cluster', '%UPSTREAM_CLUSTER%')] },
        }),
      ],
    },
    [http2Cluster('als', [collector.port])],
    { node },
  );
  await ask(port, '/x');
  if (collector.calls.length === 0) await once(collector, 'call');
  const [call] = collector.calls;
  assert.equal(call?.path, '/opentelemetry.proto.collector.logs.v1.LogsService/Export');
  const { resource, records } = decodeOtlpLogs(call?.message ?? Buffer.alloc(0));
  assert.deepEqual(resource, {
    log_name: 'otel_envoy_accesslog',
    zone_name: 'z',
    cluster_name: 'reviews.default',
    node_name: 'sidecar~1',
    service: 'reviews',
  });
  assert.equal(records.length, 1);
  assert.equal(records[0]?.body, 'GET /x 204');
  assert.deepEqual(records[0]?.attributes, { status: '204', cluster: '-' });
  assert.ok(Math.abs(Number((records[0]?.timeNs ?? 0n) / 1_000_000n) - Date.now()) < 60_000);
});

test('a command that is not known, and an old version of the service, are refused by their paths', async (t) => {
  const dataPlane = startDataPlane(t);
  const listener = listenerFromJson({
    route_config: routesJson([all]),
    access_log: [
      openTelemetryLog({ attributes: { values: [{ key: 'a', value: { string_value: '%NO%' } }] } }),
    ],
  });
  const { refused } = await dataPlane.update({ listeners: { set: [listener] } });
  assert.match(refused[0]?.problems[0]?.path ?? '', /access_log\[0\]\.typed_config\.attributes\.a$/);
  const message = fromJson(
    listenerDecoder.type,
    {
      name: 'l',
      address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
      access_log: [grpcLog('Tcp', { transport_api_version: 'V2' })],
    },
    { registry: knownTypes },
  );
  assert.ok(message.ok);
  const decoded = listenerDecoder.fromMessage(message.value);
  assert.ok(!decoded.ok);
  const paths = decoded.problems.map(({ path }) => path);
  assert.ok(paths.includes('access_log[0].typed_config.common_config.transport_api_version'), String(paths));
});
