import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { Server, ServerCredentials, type ServerReadableStream } from '@grpc/grpc-js';
import { decode } from '@lateen/protocol';
import { StreamMetricsMessage } from '@lateen/protocol/envoy/service/metrics/v3';
import type { MetricFamily } from '@lateen/protocol/io/prometheus/client';
import { decodeBootstrap } from '../../bootstrap/bootstrap.ts';
import { clusterFromJson, listenerFromJson, routesJson } from '../../testing/envoy-config.ts';
import { ask, portOf, startDataPlane, type Closers } from '../../testing/harness.ts';
import type { DataPlane } from '../../data-plane.ts';

/** A metrics service of another implementation of gRPC: keeps the messages of all streams. */
class Service extends EventEmitter<{ message: [] }> {
  readonly messages: StreamMetricsMessage[] = [];
  port = 0;

  static async start(t: Closers): Promise<Service> {
    const service = new Service();
    const server = new Server();
    server.addService(
      {
        streamMetrics: {
          path: '/envoy.service.metrics.v3.MetricsService/StreamMetrics',
          requestStream: true,
          responseStream: false,
          requestSerialize: (bytes: Buffer) => bytes,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      },
      {
        streamMetrics(
          call: ServerReadableStream<Buffer, Buffer>,
          done: (error: null, value: Buffer) => void,
        ) {
          call.on('data', (bytes: Buffer) => {
            const message = decode(StreamMetricsMessage, bytes);
            assert.ok(message.ok);
            service.messages.push(message.value);
          });
          call.on('end', () => {
            done(null, Buffer.alloc(0));
            service.emit('message');
          });
        },
      },
    );
    service.port = await new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
    t.after(() => server.forceShutdown());
    return service;
  }

  /** The families of this name and kind, in the order in which they came. */
  families(name: string, type?: MetricFamily['type']): MetricFamily[] {
    return this.messages
      .flatMap(({ envoyMetrics = [] }) => envoyMetrics)
      .filter(
        (family) => family.name === name && (type === undefined || (family.type ?? 'COUNTER') === type),
      );
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await once(this, 'message');
  }
}

/** A proxy that tells the service, and answers every request with 200. */
async function serve(t: Closers, service: Service, config: object): Promise<DataPlane> {
  const bootstrap = decodeBootstrap({
    stats_flush_interval: '0.05s',
    stats_sinks: [
      {
        name: 'envoy.stat_sinks.metrics_service',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig',
          transport_api_version: 'V3',
          grpc_service: { envoy_grpc: { cluster_name: 'metrics' } },
          ...config,
        },
      },
    ],
    stats_config: { stats_matcher: { inclusion_list: { patterns: [{ prefix: 'http.main' }] } } },
  });
  assert.ok(bootstrap.ok, JSON.stringify(bootstrap));
  const dataPlane = startDataPlane(t, {
    stats: bootstrap.value.stats,
    node: { id: 'me', cluster: 'here', metadata: { NAMESPACE: 'default' } },
  });
  const cluster = clusterFromJson('metrics', [service.port], { http2_protocol_options: {} });
  const listener = listenerFromJson({
    stat_prefix: 'main',
    route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]),
  });
  const { refused } = await dataPlane.update({
    clusters: { set: [cluster] },
    listeners: { set: [listener] },
  });
  assert.deepEqual(refused, []);
  return dataPlane;
}

test('a metrics service is told who speaks, of counters and gauges, and what histograms have recorded since', async (t) => {
  const service = await Service.start(t);
  const dataPlane = await serve(t, service, {});
  for (let i = 0; i < 3; i++) await ask(portOf(dataPlane));
  const total = 'http.main.downstream_rq_total';
  const valueOf = (family: MetricFamily | undefined) => family?.metric?.[0]?.counter?.value;
  await service.until(() => valueOf(service.families(total).at(-1)) === 3);
  assert.deepEqual(service.messages[0]?.identifier?.node?.id, 'me');
  const held = connect(portOf(dataPlane), '127.0.0.1');
  const active = (): number | undefined => {
    const gauge = service.families('http.main.downstream_cx_active', 'GAUGE').at(-1)?.metric?.[0]?.gauge;
    return gauge === undefined ? undefined : (gauge.value ?? 0);
  };
  await service.until(() => active() === 1);
  held.destroy();
  await service.until(() => active() === 0);
  const time = 'http.main.downstream_rq_time';
  const recorded = (type: MetricFamily['type']) =>
    service.families(time, type).reduce((sum, { metric }) => {
      const { histogram, summary } = metric?.[0] ?? {};
      return sum + ((histogram ?? summary)?.sampleCount ?? 0);
    }, 0);
  await service.until(() => recorded('HISTOGRAM') === 3 && recorded('SUMMARY') === 3);
  const seen = service.families(time, 'HISTOGRAM').length;
  await service.until(() => service.families(time, 'HISTOGRAM').length > seen + 1);
  // Each value is told once.
  assert.equal(recorded('HISTOGRAM'), 3);
  // What the matcher hides, and what was never used, is not told.
  const names = service.messages.flatMap(({ envoyMetrics = [] }) =>
    envoyMetrics.map(({ name }) => name ?? ''),
  );
  assert.ok(names.every((name) => name.startsWith('http.main.')));
  assert.ok(!names.includes('http.main.downstream_rq_5xx'));
});

test('counters may be told as what was added, names without what labels say, and histograms one way', async (t) => {
  const service = await Service.start(t);
  const dataPlane = await serve(t, service, {
    report_counters_as_deltas: true,
    emit_tags_as_labels: true,
    histogram_emit_mode: 'SUMMARY',
  });
  const total = 'http.downstream_rq_total';
  const told = (): number =>
    service.families(total).reduce((sum, { metric }) => sum + (metric?.[0]?.counter?.value ?? 0), 0);
  await ask(portOf(dataPlane));
  await service.until(() => told() === 1);
  await ask(portOf(dataPlane));
  await service.until(() => told() === 2);
  assert.deepEqual(service.families(total)[0]?.metric?.[0]?.label, [
    { name: 'envoy.http_conn_manager_prefix', value: 'main' },
  ]);
  const time = 'http.downstream_rq_time';
  await service.until(() => service.families(time, 'SUMMARY').length > 0);
  assert.equal(service.families(time, 'HISTOGRAM').length, 0);
});

test('a version of the protocol that nobody speaks is refused', () => {
  const decoded = decodeBootstrap({
    stats_sinks: [
      {
        name: 'sink',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig',
          transport_api_version: 'V2',
          grpc_service: { envoy_grpc: { cluster_name: 'metrics' } },
        },
      },
    ],
  });
  assert.ok(!decoded.ok);
  assert.match(JSON.stringify(decoded.problems), /stats_sinks\[0\]\.typed_config\.transport_api_version/);
});
