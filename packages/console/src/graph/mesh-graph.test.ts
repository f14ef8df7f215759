import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readMeshConfig } from '../config/mesh-config.ts';
import type { SourceObject } from '../mesh-source.ts';
import type { Counters, OutboundKey } from '../metrics/proxy-reading.ts';
import type { MeasuredPod, Measurements } from '../metrics/traffic-meter.ts';
import { makeConfig, makePod, makeService } from '../testing/small-mesh.ts';
import { meshGraph } from './mesh-graph.ts';
import { groupApps } from './workloads.ts';

const host = 'reviews.default.svc.cluster.local';
const pods = [
  makePod('productpage', 'v1'),
  makePod('reviews', 'v1'),
  makePod('reviews', 'v2'),
  makePod('istio-ingressgateway', '', 'router'),
];
const services = [
  makeService('productpage'),
  makeService('reviews'),
  makeService('a-reviews-v2', { app: 'reviews', version: 'v2' }),
];
const rule = makeConfig('DestinationRule', 'reviews', {
  host: 'reviews',
  subsets: [
    { name: 'one', labels: { version: 'v1' } },
    { name: 'two', labels: { version: 'v2' } },
  ],
});

const none: Measurements = { pods: new Map(), unread: [], isMeasured: false };

function graph(configs: readonly SourceObject[] = [], measurements = none, allPods = pods) {
  return meshGraph({ apps: groupApps(allPods, services), config: readMeshConfig(configs), measurements });
}

function counted(requests: number, errors = 0): Counters {
  return { requests, errors, buckets: new Map() };
}

function outbound(...calls: readonly (Partial<OutboundKey> & { readonly counted: Counters })[]): MeasuredPod {
  return {
    spanMs: 10_000,
    inbound: undefined,
    outbound: calls.map(({ counted: counters, ...key }) => ({
      key: { protocol: 'http', host, subset: '', workload: '', ...key },
      counted: counters,
    })),
  };
}

function measured(pod: MeasuredPod): Measurements {
  return { ...none, isMeasured: true, pods: new Map([['default/productpage-v1-5d4f8c-x', pod]]) };
}

test('pods are grouped by the service of all their versions, not by that of one', () => {
  const { nodes } = graph();
  assert.deepEqual(
    nodes.map(({ id, kind, versions }) => [id, kind, versions.map(({ name }) => name)]),
    [
      ['default/istio-ingressgateway', 'gateway', ['istio-ingressgateway']],
      ['default/productpage', 'service', ['v1']],
      ['default/reviews', 'service', ['v1', 'v2']],
    ],
  );
});

test('pods that have ended and those of the control plane are no part of it', () => {
  const istiod = makePod('istiod', 'x');
  const ended = { ...makePod('job', 'v1'), status: { phase: 'Succeeded' } };
  assert.equal(graph([], none, [istiod, ended]).nodes.length, 0);
});

test('a call ends at the version that answered: by its workload, by its subset, or by its own service', () => {
  const to = (call: Partial<OutboundKey>) =>
    graph([rule], measured(outbound({ ...call, counted: counted(20, 5) }))).edges[0];
  assert.equal(to({ workload: 'default/reviews-v2' })?.toVersion, 'v2');
  assert.equal(to({ subset: 'one' })?.toVersion, 'v1');
  assert.equal(to({ host: 'a-reviews-v2.default.svc.cluster.local' })?.toVersion, 'v2');
  const whole = to({});
  assert.equal(whole?.toVersion, undefined);
  assert.deepEqual(whole?.traffic, { requestsPerSecond: 2, errorShare: 0.25 });
  assert.deepEqual(
    [whole?.from, whole?.fromVersion, whole?.to],
    ['default/productpage', 'v1', 'default/reviews'],
  );
});

test('requests that found no route are seen, for as long as there are any', () => {
  const failing = graph([], measured(outbound({ host: '', counted: counted(5, 5) })));
  assert.deepEqual(failing.edges[0]?.to, 'unknown');
  assert.equal(failing.edges[0]?.traffic?.errorShare, 1);
  assert.equal(failing.nodes.at(-1)?.kind, 'unknown');
  const past = graph([], measured(outbound({ host: '', counted: counted(0) })));
  assert.deepEqual(past.edges, []);
  assert.equal(past.nodes.at(-1)?.kind, 'service');
});

test('calls to the control plane are left out, those to a ServiceEntry lead to a node of their own', () => {
  const control = outbound({ host: 'istiod.istio-system.svc.cluster.local', counted: counted(1) });
  assert.deepEqual(graph([], measured(control)).edges, []);
  const call = outbound({ host: 'api.example.com', counted: counted(1) });
  assert.deepEqual(graph([], measured(call)).edges[0]?.to, 'unknown');
  const entry = makeConfig('ServiceEntry', 'api', {
    hosts: ['api.example.com'],
    ports: [{ number: 443, name: 'https', protocol: 'HTTPS' }],
    resolution: 'DNS',
  });
  const { nodes, edges } = graph([entry], measured(call));
  assert.equal(edges[0]?.to, 'default/api.example.com');
  assert.equal(nodes.find(({ kind }) => kind === 'external')?.config[0], 'ServiceEntry/default/api');
});

test('the weights of the default rule become the share that each version should have', () => {
  const route = (subset: string, weight: number) => ({ destination: { host: 'reviews', subset }, weight });
  const virtualService = makeConfig('VirtualService', 'reviews', {
    hosts: ['reviews'],
    http: [
      { match: [{ headers: { 'end-user': { exact: 'jason' } } }], route: [route('one', 100)] },
      { route: [route('one', 90), route('two', 10)] },
    ],
  });
  const reviews = graph([rule, virtualService]).nodes.find(({ id }) => id === 'default/reviews');
  assert.deepEqual(
    reviews?.versions.map(({ wantedShare }) => wantedShare),
    [0.9, 0.1],
  );
  assert.deepEqual(reviews?.config, ['DestinationRule/default/reviews', 'VirtualService/default/reviews']);
});

test('the way in that a gateway is configured for is seen before anybody took it', () => {
  const gateway = makeConfig('Gateway', 'web', {
    selector: { app: 'istio-ingressgateway' },
    servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
  });
  const virtualService = makeConfig('VirtualService', 'web', {
    hosts: ['*'],
    gateways: ['web'],
    http: [{ route: [{ destination: { host: 'productpage' } }] }],
  });
  const [edge] = graph([gateway, virtualService]).edges;
  assert.equal(edge?.from, 'default/istio-ingressgateway');
  assert.equal(edge?.to, 'default/productpage');
  assert.equal(edge?.isConfigured, true);
  assert.equal(edge?.traffic, undefined);
});
