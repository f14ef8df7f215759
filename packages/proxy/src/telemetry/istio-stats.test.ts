import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { fromJson } from '@lateen/protocol';
import { knownTypes } from '../decode/known-types.ts';
import { listenerDecoder } from '../decode/resource.ts';
import { listenerFromJson, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, cluster, portOf, startDataPlane, tcpUpstream, until, upstream } from '../testing/harness.ts';
import { askHttp2, http2Client, http2Cluster, http2Upstream } from '../testing/http2-peers.ts';

/** The filter as Istio's control plane sends it: its message inside of a TypedStruct. */
const inStruct = (value: object) => ({
  name: 'istio.stats',
  typed_config: {
    '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
    type_url: 'type.googleapis.com/stats.PluginConfig',
    value,
  },
});
/** The same as the message itself. */
const asMessage = (value: object) => ({
  name: 'istio.stats',
  typed_config: { '@type': 'type.googleapis.com/stats.PluginConfig', ...value },
});

const grpcStats = {
  name: 'envoy.filters.http.grpc_stats',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
    emit_filter_state: true,
  },
};

const services = { istio: { services: [{ host: 'app.default', name: 'app', namespace: 'default' }] } };
const all = { match: { prefix: '/' }, route: { cluster: 'app' } };

/** The lines of one metric: names of labels with the value. */
function series(text: string, metric: string): { readonly labels: string[]; readonly value: number }[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`))
    .map((line) => ({
      labels: [...line.matchAll(/(\w+)="/g)].map(([, name = '']) => name),
      value: Number(line.slice(line.lastIndexOf(' ') + 1)),
    }));
}

for (const [form, filter] of [
  ['a TypedStruct', inStruct],
  ['a message', asMessage],
] as const) {
  test(`labels that are removed are added up over, and metrics are dropped: ${form}`, async (t) => {
    const app = await upstream(t, (request, response) =>
      response.writeHead(request.url === '/none' ? 404 : 200).end('hello'),
    );
    const metrics = [
      { name: 'requests_total', tags_to_remove: ['response_code', 'no_label_of_istio'] },
      { name: 'response_bytes', tags_to_remove: ['response_code'] },
      { name: 'request_bytes', drop: true },
      { tags_to_remove: ['source_cluster'] },
    ];
    const { dataPlane, port } = await serveEnvoy(
      t,
      { route_config: routesJson([all]), http_filters: [filter({ metrics }), routerJson] },
      [cluster('app', [app.port], { metadata: services })],
    );
    for (const path of ['/', '/none', '/']) await ask(port, path);
    const text = dataPlane.stats.prometheus();
    const [total, ...others] = series(text, 'istio_requests_total');
    assert.equal(total?.value, 3);
    assert.deepEqual(others, []);
    assert.ok(!total.labels.includes('response_code'));
    assert.ok(!total.labels.includes('source_cluster'));
    assert.ok(total.labels.includes('destination_cluster'));
    assert.deepEqual(
      series(text, 'istio_response_bytes_sum').map(({ value }) => value),
      [15],
    );
    assert.equal(series(text, 'istio_request_bytes_count').length, 0);
    const durations = series(text, 'istio_request_duration_milliseconds_count');
    assert.deepEqual(new Set(durations.map(({ value }) => value)), new Set([1, 2]));
    assert.ok(!durations[0]?.labels.includes('source_cluster'));
  });
}

test('listeners with the same options count together, others do not hide what the first shows', async (t) => {
  const app = await upstream(t, (_request, response) => response.end());
  const dataPlane = startDataPlane(t);
  const listener = (name: string, filter: object) => ({
    ...listenerFromJson({ route_config: routesJson([all]), http_filters: [filter, routerJson] }),
    name,
  });
  const removed = { metrics: [{ tags_to_remove: ['response_code'] }] };
  await dataPlane.update({
    clusters: { set: [cluster('app', [app.port], { metadata: services })] },
    listeners: {
      set: [
        listener('plain', inStruct({})),
        listener('first', inStruct(removed)),
        listener('second', asMessage(removed)),
      ],
    },
  });
  for (const name of ['plain', 'first', 'second']) await ask(portOf(dataPlane, name));
  const found = series(dataPlane.stats.prometheus(), 'istio_requests_total');
  assert.deepEqual(
    found.map(({ labels, value }) => [labels.includes('response_code'), value]),
    [
      [true, 1],
      [false, 2],
    ],
  );
});

test('labels are expressions of the request, and unknown where there is no value', async (t) => {
  const app = await upstream(t, (_request, response) => response.end());
  const metrics = [
    {
      name: 'requests_total',
      dimensions: {
        method: 'request.method',
        'request.host': 'request.host',
        destination_port: 'string(destination.port)',
        version: "request.headers['x-version']",
        who: "node.metadata['WORKLOAD_NAME'] + '!'",
        source_app: "'fixed'",
        known: 'has(request.headers.x_none)',
      },
    },
  ];
  const { dataPlane, port } = await serveEnvoy(
    t,
    { route_config: routesJson([all]), http_filters: [inStruct({ metrics }), routerJson] },
    [cluster('app', [app.port], { metadata: services })],
    { node: { id: 'n', cluster: 'c', metadata: { WORKLOAD_NAME: 'me' } } },
  );
  const headers = { host: 'a.example', 'x-version': '2' };
  await ask(port, '/1', { headers });
  await ask(port, '/2', { headers });
  await ask(port, '/3', { method: 'POST', headers: { host: 'a.example' } });
  const text = dataPlane.stats.prometheus();
  const labels = (method: string, version: string): RegExp =>
    new RegExp(
      `^istio_requests_total\\{.*source_app="fixed".*,destination_port="${port}",known="false",method="${method}",` +
        `request_host="a.example",version="${version}",who="me!"\\} (\\d)$`,
      'm',
    );
  assert.equal(labels('GET', '2').exec(text)?.[1], '2');
  assert.equal(labels('POST', 'unknown').exec(text)?.[1], '1');
  // Other metrics are added up over the values.
  assert.deepEqual(
    series(text, 'istio_response_bytes_count').map(({ value }) => value),
    [3],
  );
});

test('a request for which there is no cluster counts for the host it asked for, unless that is switched off', async (t) => {
  for (const [options, service] of [
    [{}, 'shop.example'],
    [{ disable_host_header_fallback: true }, 'unknown'],
  ] as const) {
    const { dataPlane, port } = await serveEnvoy(
      t,
      {
        route_config: routesJson([
          { name: 'block_all', match: { prefix: '/' }, direct_response: { status: 502 } },
        ]),
        http_filters: [inStruct(options), routerJson],
      },
      [],
    );
    await ask(port, '/', { headers: { host: 'shop.example' } });
    const text = dataPlane.stats.prometheus();
    assert.match(text, new RegExp(`istio_requests_total\\{[^}]*destination_service="${service}"`));
    assert.match(text, /istio_requests_total\{[^}]*destination_service_name="BlackHoleCluster"/);
  }
});

test('expressions that are none, and what is not built, are refused by their paths', () => {
  const listener = (value: object) => {
    const message = fromJson(
      listenerDecoder.type,
      {
        name: 'l',
        address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
        filter_chains: [{ filters: [inStruct(value)] }],
      },
      { registry: knownTypes },
    );
    assert.ok(message.ok);
    const decoded = listenerDecoder.fromMessage(message.value);
    return decoded.ok ? [] : decoded.problems.map(({ path }) => path.replace(/^.*typed_config\./, ''));
  };
  assert.deepEqual(
    listener({ metrics: [{ dimensions: { good: 'request.method', bad: 'request.method ==' } }] }),
    ['value.metrics[0].dimensions.bad'],
  );
  assert.deepEqual(listener({ metrics: [{ dimensions: { bad: 'nobody.knows' } }] }), [
    'value.metrics[0].dimensions.bad',
  ]);
  assert.deepEqual(listener({ definitions: [{ name: 'mine', value: '1' }] }), ['value.definitions']);
  assert.deepEqual(listener({ reporter: 'SERVER_GATEWAY' }), ['value.reporter']);
  assert.deepEqual(listener({ metric: [] }), ['value.metric']);
});

test('bytes of a TCP connection are counted while it lasts', async (t) => {
  const port = await tcpUpstream(t, (socket) => socket.pipe(socket));
  const chain = (reporting: string) => ({
    filters: [
      inStruct({
        tcp_reporting_duration: reporting,
        metrics: [{ name: 'tcp_sent_bytes_total', dimensions: { port: 'upstream.port' } }],
      }),
      {
        name: 'tcp',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
          stat_prefix: 'tcp',
          cluster: 'app',
        },
      },
    ],
  });
  const dataPlane = startDataPlane(t);
  await dataPlane.update({
    clusters: { set: [cluster('app', [port], { metadata: services })] },
    listeners: {
      set: [
        listenerFromJson({}, chain('0.02s')),
        { ...listenerFromJson({}, chain('0s')), name: 'at the end' },
      ],
    },
  });
  const value = (metric: string): number =>
    series(dataPlane.stats.prometheus(), metric).reduce((sum, one) => sum + one.value, 0);
  const quiet = connect(portOf(dataPlane, 'at the end'), '127.0.0.1');
  quiet.write('hello');
  await once(quiet, 'data');
  const client = connect(portOf(dataPlane), '127.0.0.1');
  client.write('abc');
  await once(client, 'data');
  await until(() => value('istio_tcp_sent_bytes_total') >= 3);
  assert.equal(value('istio_tcp_received_bytes_total'), 3);
  assert.match(dataPlane.stats.prometheus(), new RegExp(`istio_tcp_sent_bytes_total\\{.*port="${port}"\\}`));
  assert.equal(value('istio_tcp_connections_opened_total'), 2);
  assert.equal(value('istio_tcp_connections_closed_total'), 0);
  for (const socket of [client, quiet]) {
    socket.end();
    await once(socket, 'close');
  }
  await until(() => dataPlane.activeConnections === 0);
  assert.equal(value('istio_tcp_sent_bytes_total'), 8);
  assert.equal(value('istio_tcp_received_bytes_total'), 8);
});

test('messages of gRPC streams are counted in each direction, wherever they are cut', async (t) => {
  const message = (text: string): Buffer => {
    const frame = Buffer.alloc(5 + text.length, text);
    frame[0] = 0;
    frame.writeUInt32BE(text.length, 1);
    return frame;
  };
  const up = await http2Upstream(t, (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.resume();
    stream.on('end', () => {
      const bytes = Buffer.concat([message('one'), message(''), message('three')]);
      // The second prefix is cut in two.
      stream.write(bytes.subarray(0, 10));
      setImmediate(() => stream.end(bytes.subarray(10)));
    });
  });
  const { dataPlane, port } = await serveEnvoy(
    t,
    { route_config: routesJson([all]), http_filters: [grpcStats, inStruct({}), routerJson] },
    [http2Cluster('app', [up.port], { metadata: services })],
  );
  const client = await http2Client(t, port);
  const body = Buffer.concat([message('hello'), message('you')]);
  const call = { ':method': 'POST', ':path': '/s/m', 'content-type': 'application/grpc', te: 'trailers' };
  await askHttp2(client, call, body);
  await askHttp2(client, { ':method': 'POST', ':path': '/plain', 'content-type': 'text/plain' }, body);
  const text = dataPlane.stats.prometheus();
  const [requests] = series(text, 'istio_request_messages_total');
  assert.equal(requests?.value, 2);
  assert.ok(requests.labels.includes('destination_service') && !requests.labels.includes('response_code'));
  assert.deepEqual(
    series(text, 'istio_response_messages_total').map(({ value }) => value),
    [3],
  );
  assert.equal(series(text, 'istio_requests_total').length, 2);
});

test('messages are counted while a stream lasts', async (t) => {
  const empty = Buffer.alloc(5);
  const up = await http2Upstream(t, (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.pipe(stream);
  });
  const { dataPlane, port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([all]),
      http_filters: [grpcStats, inStruct({ tcp_reporting_duration: '0.01s' }), routerJson],
    },
    [http2Cluster('app', [up.port], { metadata: services })],
  );
  const client = await http2Client(t, port);
  const stream = client.request(
    { ':method': 'POST', ':path': '/s/m', 'content-type': 'application/grpc', te: 'trailers' },
    { endStream: false },
  );
  const told = (metric: string): number => series(dataPlane.stats.prometheus(), metric)[0]?.value ?? 0;
  let sent = 0;
  while (told('istio_response_messages_total') < 2) {
    stream.write(empty);
    sent++;
    await once(stream, 'data');
  }
  assert.equal(series(dataPlane.stats.prometheus(), 'istio_requests_total').length, 0);
  stream.end();
  await once(stream, 'close');
  await until(() => told('istio_requests_total') > 0);
  assert.equal(told('istio_request_messages_total'), sent);
  assert.equal(told('istio_response_messages_total'), sent);
});

test('the version of Istio is told where its metrics are, and once for two processes', async (t) => {
  const node = (metadata: Readonly<Record<string, unknown>>) => ({ id: 'n', cluster: 'c', metadata });
  for (const [metadata, tag] of [
    [{ ISTIO_VERSION: '1.24.0' }, '1.24.0'],
    [{}, 'unknown'],
  ] as const) {
    const manager = { route_config: routesJson([all]), http_filters: [inStruct({}), routerJson] };
    const { dataPlane } = await serveEnvoy(t, manager, [], { node: node(metadata) });
    const line = `istio_build{component="proxy",tag="${tag}"} 1`;
    const both = dataPlane.stats.mergedWith([dataPlane.stats.snapshot()]);
    for (const stats of [dataPlane.stats, both]) assert.ok(stats.prometheus().split('\n').includes(line));
  }
  assert.doesNotMatch(startDataPlane(t).stats.prometheus(), /istio_build/);
});

test("a scrape that is filtered has those of Istio's metrics whose names match", async (t) => {
  const app = await upstream(t, (_request, response) => response.end());
  const { dataPlane, port } = await serveEnvoy(
    t,
    { route_config: routesJson([all]), http_filters: [inStruct({}), routerJson] },
    [cluster('app', [app.port])],
  );
  await ask(port);
  const names = (regex: RegExp): string[] =>
    [...dataPlane.stats.prometheus({ regex }).matchAll(/^# TYPE (\w+) /gm)].map(([, name = '']) => name);
  assert.deepEqual(names(/^istio_requests/), ['istio_requests_total']);
  assert.deepEqual(names(/^istiocustom\.istio_re.*_bytes$/), ['istio_request_bytes', 'istio_response_bytes']);
  assert.deepEqual(names(/^cluster\.app\.upstream_rq_total$/), ['envoy_cluster_upstream_rq_total']);
});
