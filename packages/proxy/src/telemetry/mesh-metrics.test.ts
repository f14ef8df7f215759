import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Listener, NodeIdentity } from '../model/index.ts';
import { defaultFilterChain, defaultListener, defaultTcpProxy } from '../model/index.ts';
import {
  ask,
  cluster,
  endpoint,
  httpListener,
  portOf,
  routeTable,
  routeTo,
  startDataPlane,
  tcpUpstream,
  upstream,
} from '../testing/harness.ts';
import { CellTable } from './mesh-cells.ts';
import { codeOfRequest, labelsOf } from './mesh-labels.ts';
import { unknownService } from './mesh-services.ts';
import { encodePeerMetadata, PeerTable, peerOfMetadata, peerOfWorkload } from './peer.ts';
import { flag, formatFlags } from './response-flags.ts';
import type { StreamInfo } from './stream-info.ts';

const node = (workload: string): NodeIdentity => ({
  id: `sidecar~10.0.0.1~${workload}-abc.default~default.svc.cluster.local`,
  cluster: `${workload}.default`,
  metadata: {
    NAME: `${workload}-abc`,
    NAMESPACE: 'default',
    WORKLOAD_NAME: `${workload}-v1`,
    CLUSTER_ID: 'Kubernetes',
    SERVICE_ACCOUNT: workload,
    LABELS: { app: workload, version: 'v1', 'pod-template-hash': 'x' },
  },
});

const services = (name: string) => ({
  istio: { services: [{ host: `${name}.default.svc.cluster.local`, name, namespace: 'default' }] },
});

const router = {
  name: 'envoy.filters.http.router',
  config: { kind: 'router', suppressEnvoyHeaders: false },
  disabled: false,
} as const;
const meshFilters = (direction: 'inbound' | 'outbound') => [
  { name: 'istio.metadata_exchange', config: { kind: 'peer_metadata' }, disabled: false } as const,
  {
    name: 'istio.stats',
    config: { kind: 'istio_stats', reporter: direction === 'inbound' ? 'server' : 'client' },
    disabled: false,
  } as const,
  router,
];

function meshListener(direction: 'inbound' | 'outbound', to: string): Listener {
  return {
    ...httpListener(routeTable([routeTo(to)]), { httpFilters: meshFilters(direction) }),
    trafficDirection: direction,
  };
}

/** Labels of the lines of one metric. */
function lines(text: string, metric: string): Record<string, string>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`))
    .map((line) => {
      const labels = [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]);
      return { ...Object.fromEntries(labels), value: line.slice(line.lastIndexOf(' ') + 1) };
    });
}

test('both ends of a request count it with who the other is, and the application sees nothing of it', async (t) => {
  const seen: Record<string, unknown>[] = [];
  const app = await upstream(t, (request, response) => {
    seen.push(request.headers);
    response.writeHead(request.url === '/broken' ? 500 : 200).end('hello');
  });
  const server = startDataPlane(t, { node: node('reviews') });
  await server.update({
    clusters: { set: [cluster('inbound|9080||', [app.port], { metadata: services('reviews') })] },
    listeners: { set: [meshListener('inbound', 'inbound|9080||')] },
  });
  const client = startDataPlane(t, { node: node('productpage') });
  const reviews = endpoint(portOf(server), {
    metadata: { istio: { workload: 'reviews-v1;default;reviews;v1;Kubernetes' } },
  });
  await client.update({
    clusters: { set: [cluster('outbound|9080||reviews', [reviews], { metadata: services('reviews') })] },
    listeners: { set: [meshListener('outbound', 'outbound|9080||reviews')] },
  });
  const forged = { 'x-envoy-peer-metadata-id': 'somebody~else' };
  const answer = await ask(portOf(client), '/', { headers: forged });
  await ask(portOf(client), '/');
  await ask(portOf(client), '/broken');
  assert.equal(answer.body, 'hello');
  for (const headers of [answer.headers, ...seen]) {
    assert.equal(headers['x-envoy-peer-metadata'], undefined);
    assert.equal(headers['x-envoy-peer-metadata-id'], undefined);
  }

  const common = {
    source_workload: 'productpage-v1',
    source_app: 'productpage',
    source_version: 'v1',
    source_workload_namespace: 'default',
    destination_workload: 'reviews-v1',
    destination_canonical_service: 'reviews',
    destination_service: 'reviews.default.svc.cluster.local',
    destination_service_name: 'reviews',
    request_protocol: 'http',
    response_flags: '-',
  };
  for (const [plane, reporter] of [
    [client, 'source'],
    [server, 'destination'],
  ] as const) {
    const found = lines(plane.stats.prometheus(), 'istio_requests_total').sort((a, b) =>
      String(a['response_code']).localeCompare(String(b['response_code'])),
    );
    assert.deepEqual(
      found.map((line) => [line['response_code'], line['value'], line['reporter']]),
      [
        ['200', '2', reporter],
        ['500', '1', reporter],
      ],
    );
    for (const [key, value] of Object.entries(common)) assert.equal(found[0]?.[key], value, key);
  }
  assert.match(client.stats.prometheus(), /istio_response_bytes_sum\{[^}]*response_code="200"[^}]*\} 10/);
});

test('a listener without the statistics filter is not counted, nor are requests before a reset', async (t) => {
  const app = await upstream(t, (_request, response) => response.end());
  const plane = startDataPlane(t, { node: node('a') });
  await plane.update({
    clusters: { set: [cluster('c', [app.port])] },
    listeners: {
      set: [
        { ...httpListener(routeTable([routeTo('c')])), name: 'quiet' },
        { ...meshListener('outbound', 'c'), name: 'counted' },
      ],
    },
  });
  await ask(portOf(plane, 'quiet'));
  assert.deepEqual(lines(plane.stats.prometheus(), 'istio_requests_total'), []);
  await ask(portOf(plane, 'counted'));
  assert.equal(lines(plane.stats.prometheus(), 'istio_requests_total').length, 1);
  plane.stats.resetCounters();
  assert.deepEqual(lines(plane.stats.prometheus(), 'istio_requests_total'), []);
});

test('TCP connections are counted with their bytes', async (t) => {
  const port = await tcpUpstream(t, (socket) => socket.pipe(socket));
  const plane = startDataPlane(t, { node: node('client') });
  const chain = defaultFilterChain([
    { name: 'istio.stats', kind: 'istio_stats', reporter: 'client' },
    defaultTcpProxy('db'),
  ]);
  await plane.update({
    clusters: { set: [cluster('db', [port], { metadata: services('db') })] },
    listeners: {
      set: [
        {
          ...defaultListener('main', { kind: 'socket', address: '127.0.0.1', port: 0 }, [chain]),
          trafficDirection: 'outbound',
        },
      ],
    },
  });
  await new Promise<void>((resolve) => {
    const socket = connect(portOf(plane), '127.0.0.1', () => socket.end('12345'));
    socket.resume().on('close', () => resolve());
  });
  const [opened] = lines(plane.stats.prometheus(), 'istio_tcp_connections_opened_total');
  assert.equal(opened?.['value'], '1');
  assert.equal(opened?.['destination_service_name'], 'db');
  assert.equal(opened?.['request_protocol'], 'tcp');
  const [received] = lines(plane.stats.prometheus(), 'istio_tcp_received_bytes_total');
  assert.equal(received?.['value'], '5');
});

test('each flag is a label and nothing else, and gRPC-Web is no gRPC', async (t) => {
  const app = await upstream(t, (_request, response) => response.end());
  const plane = startDataPlane(t, { node: node('a') });
  const strict = { ...router, config: { ...router.config, strictHeaders: ['x-envoy-max-retries'] } };
  const listener = httpListener(routeTable([routeTo('c')]), {
    httpFilters: [...meshFilters('outbound').slice(0, -1), strict],
  });
  await plane.update({
    clusters: { set: [cluster('c', [app.port])] },
    listeners: { set: [{ ...listener, trafficDirection: 'outbound' }] },
  });
  await ask(portOf(plane), '/', { headers: { 'x-envoy-max-retries': 'many' } });
  await ask(portOf(plane), '/', { headers: { 'content-type': 'application/grpc-web' } });
  const found = lines(plane.stats.prometheus(), 'istio_requests_total');
  assert.deepEqual(
    found.map((line) => [line['response_code'], line['response_flags'], line['reporter']]),
    [
      ['400', 'IH', 'source'],
      ['200', '-', 'source'],
    ],
  );
  assert.deepEqual(new Set(found.map((line) => line['request_protocol'])), new Set(['http']));
});

for (const [name, bit] of Object.entries(flag)) {
  test(`the flag ${name} says nothing of the direction, the protocol or the security of a request`, () => {
    const info = { status: 200, flags: bit, request: undefined, downstreamTls: undefined };
    const self = peerOfMetadata(node('a').metadata);
    const of = (flags: number): Record<string, string> => ({
      ...labelsOf(
        { self },
        self,
        unknownService,
        codeOfRequest({ ...info, flags } as StreamInfo, false),
        false,
      ),
    });
    assert.deepEqual(of(bit), { ...of(0), response_flags: formatFlags(bit) });
  });
}

test("a peer's metadata survives its header, is read once, and nonsense is nobody", () => {
  const { metadata } = node('ratings');
  const table = new PeerTable();
  const peer = table.byId('id', () => encodePeerMetadata(metadata));
  assert.deepEqual(peer, peerOfMetadata(metadata));
  assert.equal(
    table.byId('id', () => assert.fail('read again')),
    peer,
  );
  assert.equal(
    table.byId('other', () => '!!! no struct'),
    undefined,
  );
  assert.equal(
    table.byId('third', () => undefined),
    undefined,
  );
  assert.equal(peerOfWorkload('w').canonicalService, 'w');
  assert.equal(peerOfWorkload('').workload, 'unknown');
});

test('pods of one workload, and a cluster that is sent again, are one series', async (t) => {
  const table = new PeerTable();
  const { metadata } = node('ratings');
  const pod = (name: string) => () => encodePeerMetadata({ ...metadata, NAME: name });
  assert.equal(table.byId('pod-1', pod('pod-1')), table.byId('pod-2', pod('pod-2')));
  const app = await upstream(t, (_request, response) => response.end());
  const plane = startDataPlane(t, { node: node('a') });
  const model = () => cluster('c', [app.port], { metadata: services('reviews') });
  await plane.update({
    clusters: { set: [model()] },
    listeners: { set: [meshListener('outbound', 'c')] },
  });
  await ask(portOf(plane));
  await plane.update({ clusters: { set: [{ ...model(), connectTimeoutMs: 1_000 }] } });
  await ask(portOf(plane));
  const found = lines(plane.stats.prometheus(), 'istio_requests_total');
  assert.deepEqual(
    found.map((line) => line['value']),
    ['2'],
  );
});

test('labels that somebody invents share one cell beyond the limit', () => {
  const nobody = {};
  const table = new CellTable<object, object, { count: number }>(() => ({ count: 0 }), [nobody, nobody], 3);
  for (let i = 0; i < 10; i++) table.get({}, nobody, 200).count++;
  assert.equal(table.get(nobody, nobody, 200).count, 7);
  let cells = 0;
  table.forEach(() => cells++);
  assert.equal(cells, 4);
});

test('nothing is kept of names beyond the limit', () => {
  const nobody = {};
  const table = new CellTable<object, object, object>(() => ({}), [nobody, nobody], 1);
  const names = [{}, {}];
  for (const name of names) table.get(name, nobody, 200);
  const [counted, invented] = names.splice(0).map((name) => new WeakRef(name)) as [
    WeakRef<object>,
    WeakRef<object>,
  ];
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('globalThis.gc') as (options: object) => Promise<void>;
  return collect({ type: 'major', execution: 'async' }).then(() => {
    assert.deepEqual([counted.deref() === undefined, invented.deref() === undefined], [false, true]);
    assert.ok(table.get(nobody, nobody, 200));
  });
});
