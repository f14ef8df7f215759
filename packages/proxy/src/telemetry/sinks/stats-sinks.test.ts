import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { silentLogger, TestClock } from '@lateen/core';
import { LogLevels } from '../../logging/log-levels.ts';
import { decodeBootstrap } from '../../bootstrap/bootstrap.ts';
import { serve as serveProxy } from '../../bootstrap/serve.ts';
import { Histogram } from '../histogram.ts';
import { NumberGroup } from '../number-group.ts';
import { listenerFromJson, routesJson } from '../../testing/envoy-config.ts';
import type { StatsSnapshot } from '../stats-snapshot.ts';
import { ask, cluster, portOf, startDataPlane, tcpUpstream, type Closers } from '../../testing/harness.ts';
import type { Cluster } from '../../model/index.ts';
import type { DataPlane, DataPlaneOptions } from '../../data-plane.ts';

/** Lines that a StatsD has heard. */
class Heard extends EventEmitter<{ line: [] }> {
  readonly lines: string[] = [];
  datagrams = 0;

  take(text: string): void {
    this.lines.push(...text.split('\n').filter((line) => line !== ''));
    this.emit('line');
  }

  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => pattern.test(line));
      if (found !== undefined) return found;
      await once(this, 'line');
    }
  }
}

async function udpServer(t: Closers): Promise<{ port: number; heard: Heard }> {
  const heard = new Heard();
  const socket = createSocket('udp4', (message) => {
    heard.datagrams++;
    heard.take(message.toString());
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return { port: socket.address().port, heard };
}

/** A proxy whose bootstrap has these sinks; it answers every request with 200. */
async function serve(
  t: Closers,
  sink: object,
  clusters: readonly Cluster[] = [],
  options: DataPlaneOptions = {},
): Promise<DataPlane> {
  const bootstrap = decodeBootstrap({
    stats_flush_interval: '0.05s',
    stats_sinks: [{ name: 'sink', typed_config: sink }],
    stats_config: { stats_matcher: { inclusion_list: { patterns: [{ prefix: 'http.main' }] } } },
  });
  assert.ok(bootstrap.ok, JSON.stringify(bootstrap));
  const dataPlane = startDataPlane(t, { stats: bootstrap.value.stats, ...options });
  await dataPlane.update({
    clusters: { set: clusters },
    listeners: {
      set: [
        listenerFromJson({
          stat_prefix: 'main',
          route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]),
        }),
      ],
    },
  });
  return dataPlane;
}

const statsd = 'type.googleapis.com/envoy.config.metrics.v3.StatsdSink';
const at = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

test('StatsD is told by datagrams what was added, of gauges what they are, and of every duration', async (t) => {
  const { port, heard } = await udpServer(t);
  const dataPlane = await serve(t, { '@type': statsd, address: at(port) });
  await ask(portOf(dataPlane));
  await ask(portOf(dataPlane));
  await heard.until(/^envoy\.http\.main\.downstream_rq_total:/);
  await heard.until(/^envoy\.http\.main\.downstream_rq_time:\d+(\.\d+)?\|ms$/);
  const held = connect(portOf(dataPlane), '127.0.0.1');
  await heard.until(/^envoy\.http\.main\.downstream_cx_active:1\|g$/);
  held.destroy();
  await heard.until(/^envoy\.http\.main\.downstream_cx_active:0\|g$/);
  await ask(portOf(dataPlane));
  const total = (): number =>
    heard.lines
      .filter((line) => /^envoy\.http\.main\.downstream_rq_total:\d+\|c$/.test(line))
      .reduce((sum, line) => sum + Number(line.split(/[:|]/)[1]), 0);
  while (total() < 3) await once(heard, 'line');
  assert.equal(total(), 3);
  // What the matcher hides is not told.
  assert.ok(heard.lines.every((line) => line.startsWith('envoy.http.main.')));
  assert.equal(heard.datagrams, heard.lines.length);
});

test('DogStatsD is told labels, several lines in a datagram', async (t) => {
  const { port, heard } = await udpServer(t);
  const sink = {
    '@type': 'type.googleapis.com/envoy.config.metrics.v3.DogStatsdSink',
    address: at(port),
    prefix: 'mesh',
    max_bytes_per_datagram: 1_000,
  };
  const dataPlane = await serve(t, sink);
  await ask(portOf(dataPlane));
  await heard.until(/^mesh\.http\.downstream_rq_total:1\|c\|#envoy\.http_conn_manager_prefix:main$/);
  await heard.until(/^mesh\.http\.downstream_rq_xx:1\|c\|#envoy\.response_code_class:2,/);
  assert.ok(heard.datagrams < heard.lines.length);
});

test('StatsD is told over a connection to a cluster, also of the last before the proxy ends', async (t) => {
  const heard = new Heard();
  const port = await tcpUpstream(t, (socket) => {
    socket.on('data', (chunk) => heard.take(chunk.toString()));
    socket.on('end', () => socket.end());
  });
  const dataPlane = await serve(t, { '@type': statsd, tcp_cluster_name: 'statsd' }, [
    cluster('statsd', [port]),
  ]);
  await ask(portOf(dataPlane));
  await heard.until(/^envoy\.http\.main\.downstream_rq_total:1\|c$/);
  await ask(portOf(dataPlane), '/', { method: 'POST', body: 'x' });
  await dataPlane.close();
  await heard.until(/^envoy\.http\.main\.downstream_rq_2xx:1\|c$/);
});

test('StatsD is told by datagrams of the last too; what other workers have counted may come when the proxy has ended', async (t) => {
  const { port, heard } = await udpServer(t);
  const late = Promise.withResolvers<readonly StatsSnapshot[]>();
  const asked = Promise.withResolvers<void>();
  let isFirst = true;
  const otherWorkers = (): Promise<readonly StatsSnapshot[]> => {
    if (!isFirst) return Promise.resolve([]);
    isFirst = false;
    asked.resolve();
    return late.promise;
  };
  const dataPlane = await serve(t, { '@type': statsd, address: at(port) }, [], { otherWorkers });
  await ask(portOf(dataPlane));
  await asked.promise;
  await dataPlane.close();
  await heard.until(/^envoy\.http\.main\.downstream_rq_total:1\|c$/);
  const numbers = [['late', 'counter', 1]] as const;
  const group = {
    prefix: 'http.main.',
    prometheusPrefix: '',
    labels: {},
    numbers,
    histograms: [],
    texts: [],
  };
  late.resolve([{ groups: [group], metrics: [] }]);
  // A fault would be an error that nobody catches, by which this test fails.
  await setImmediate();
});

test('with stats_flush_on_admin sinks are told when the admin port shows statistics, and at no other time', async (t) => {
  const { port, heard } = await udpServer(t);
  const bootstrap = decodeBootstrap({
    stats_flush_on_admin: true,
    stats_sinks: [{ name: 'sink', typed_config: { '@type': statsd, address: at(port) } }],
    admin: { address: at(0) },
  });
  assert.ok(bootstrap.ok, JSON.stringify(bootstrap));
  const clock = new TestClock();
  const serving = await serveProxy({
    bootstrap: bootstrap.value,
    clock,
    log: silentLogger,
    logLevels: new LogLevels('info'),
    drainTimeMs: 0,
    drainStrategy: 'immediate',
    terminationMs: 0,
    lameDuckMs: 0,
    configPath: undefined,
    adminAddressPath: undefined,
    statePath: undefined,
    keyPath: undefined,
  });
  t.after(async () => {
    serving.stop();
    await serving.stopped;
  });
  const time = new Histogram();
  const group = new NumberGroup('mine.', 'envoy_mine_', {}, { count: ['count', 'counter'] });
  serving.proxy.dataPlane.stats.add(group);
  serving.proxy.dataPlane.stats.add({
    prefix: 'mine.',
    prometheusPrefix: 'envoy_mine_',
    labels: {},
    visit: (visitor) => visitor.histogram('time', time),
    resetCounters() {},
  });
  const address = serving.admin?.address;
  assert.ok(address?.kind === 'socket');
  const look = async (path: string): Promise<string> =>
    await (await fetch(`http://127.0.0.1:${address.port}${path}`)).text();
  group.n.count = 3;
  clock.advance(60_000);
  await look('/clusters');
  assert.deepEqual(heard.lines, []);
  await look('/stats?filter=mine');
  await heard.until(/^envoy\.mine\.count:3\|c$/);
  group.n.count = 5;
  time.record(3);
  // An interval of histograms lasts from one look to the next.
  assert.match(await look('/stats?filter=mine.time'), /P100\(5,5\)/);
  assert.match(await look('/stats?filter=mine.time'), /P100\(nan,5\)/);
  await heard.until(/^envoy\.mine\.count:2\|c$/);
  group.n.count = 9;
  await look('/stats/prometheus');
  await heard.until(/^envoy\.mine\.count:4\|c$/);
});

test('intervals that are too short or too long, or two ways to flush, are refused by their paths', () => {
  const problems = (json: object): string[] => {
    const decoded = decodeBootstrap(json);
    return decoded.ok ? [] : decoded.problems.map(({ path }) => path);
  };
  for (const interval of ['0s', '0.0005s', '300s'])
    assert.deepEqual(problems({ stats_flush_interval: interval }), ['stats_flush_interval'], interval);
  assert.deepEqual(problems({ stats_flush_on_admin: false }), ['stats_flush_on_admin']);
  assert.deepEqual(problems({ stats_flush_interval: '1s', stats_flush_on_admin: true }), [
    'stats_flush_on_admin',
  ]);
});

test('other sinks, and addresses that are none, are refused by their paths', () => {
  const problems = (sink: object): string[] => {
    const decoded = decodeBootstrap({ stats_sinks: [{ name: 'sink', typed_config: sink }] });
    return decoded.ok ? [] : decoded.problems.map(({ path }) => path);
  };
  const hystrix = { '@type': 'type.googleapis.com/envoy.config.metrics.v3.HystrixSink' };
  assert.deepEqual(problems(hystrix), ['stats_sinks[0].typed_config']);
  assert.deepEqual(problems({ '@type': statsd, address: { pipe: { path: '/x' } } }), [
    'stats_sinks[0].typed_config.address',
  ]);
});
