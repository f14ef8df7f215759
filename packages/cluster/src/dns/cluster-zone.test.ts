import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service, SliceEndpoint } from '@lateen/kube';
import type { RecordType } from 'dns-packet';
import { ClusterZone } from './cluster-zone.ts';

function service(namespace: string, name: string, spec: Service['spec']): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace, name }, spec };
}

function slice(namespace: string, name: string, endpoints: SliceEndpoint[]): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-x`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'tcp', port: 6379, protocol: 'TCP' }],
  };
}

const services = [
  service('shop', 'web', {
    clusterIP: '10.96.0.7',
    ports: [
      { name: 'http', port: 80, protocol: 'TCP' },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  }),
  service('shop', 'redis', { clusterIP: 'None', ports: [{ name: 'tcp', port: 6379 }] }),
  service('shop', 'nobody', { clusterIP: 'None', ports: [] }),
  service('shop', 'outside', { type: 'ExternalName', externalName: 'example.com' }),
  service('shop', 'alias', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' }),
];
const slices = [
  slice('shop', 'redis', [
    { addresses: ['10.244.0.4'], hostname: 'redis-0', conditions: { ready: true } },
    { addresses: ['10.244.0.5'], conditions: { ready: true } },
    { addresses: ['10.244.0.6'], conditions: { ready: false } },
  ]),
];
const zone = new ClusterZone({
  domain: 'cluster.local',
  source: {
    service: (namespace, name) =>
      services.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
    services: () => services,
    slices: (key) =>
      slices.filter(
        ({ metadata }) => `${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name']}` === key,
      ),
    allSlices: () => slices,
    hasNamespace: (name) => name === 'shop',
  },
});

/** The answer in short: `missing`, `elsewhere`, or the data of the records, sorted. */
function ask(name: string, type: RecordType = 'A'): string | unknown[] {
  const answer = zone.answer(name, type);
  if (answer.kind !== 'found') return answer.kind;
  return answer.answers
    .map((record) => ('data' in record ? record.data : undefined))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

test('a service answers with its address under its full name, in any case of letters', () => {
  assert.deepEqual(ask('web.shop.svc.cluster.local'), ['10.96.0.7']);
  assert.deepEqual(ask('Web.Shop.SVC.cluster.local.'), ['10.96.0.7']);
  const answer = zone.answer('Web.shop.svc.cluster.local', 'A');
  assert.ok(answer.kind === 'found');
  assert.equal(answer.answers[0]?.name, 'Web.shop.svc.cluster.local');
});

test('a name that exists without a record of the type has an empty answer, so that AAAA does not fail', () => {
  for (const name of [
    'web.shop.svc.cluster.local',
    'redis.shop.svc.cluster.local',
    'shop.svc.cluster.local',
  ]) {
    assert.deepEqual(ask(name, 'AAAA'), [], name);
  }
});

test('unknown services and namespaces are missing', () => {
  assert.equal(ask('other.shop.svc.cluster.local'), 'missing');
  assert.equal(ask('web.nowhere.svc.cluster.local'), 'missing');
  assert.equal(ask('nowhere.svc.cluster.local'), 'missing');
  assert.equal(ask('example.com.shop.svc.cluster.local'), 'missing');
  assert.equal(ask('example.com.cluster.local'), 'missing');
});

test('names outside the cluster are for somebody else', () => {
  assert.equal(ask('example.com'), 'elsewhere');
  assert.equal(ask('notcluster.local'), 'elsewhere');
});

test('a headless service answers with its ready endpoints, each under its host name or its address', () => {
  assert.deepEqual(ask('redis.shop.svc.cluster.local'), ['10.244.0.4', '10.244.0.5']);
  assert.deepEqual(ask('redis-0.redis.shop.svc.cluster.local'), ['10.244.0.4']);
  assert.deepEqual(ask('10-244-0-5.redis.shop.svc.cluster.local'), ['10.244.0.5']);
  assert.equal(ask('10-244-0-6.redis.shop.svc.cluster.local'), 'missing');
  assert.equal(ask('nobody.shop.svc.cluster.local'), 'missing');
});

test('named ports have service records that lead to the service, or to each endpoint of a headless one', () => {
  assert.deepEqual(ask('_http._tcp.web.shop.svc.cluster.local', 'SRV'), [
    { priority: 0, weight: 100, port: 80, target: 'web.shop.svc.cluster.local' },
  ]);
  assert.equal(ask('_http._udp.web.shop.svc.cluster.local', 'SRV'), 'missing');
  assert.equal(ask('_grpc._tcp.web.shop.svc.cluster.local', 'SRV'), 'missing');
  const answer = zone.answer('_tcp._tcp.redis.shop.svc.cluster.local', 'SRV');
  assert.ok(answer.kind === 'found');
  assert.deepEqual(
    answer.answers.map((record) => 'data' in record && record.data),
    [
      { priority: 0, weight: 50, port: 6379, target: 'redis-0.redis.shop.svc.cluster.local' },
      { priority: 0, weight: 50, port: 6379, target: '10-244-0-5.redis.shop.svc.cluster.local' },
    ],
  );
  assert.deepEqual(
    answer.additionals.map(({ name }) => name),
    ['redis-0.redis.shop.svc.cluster.local', '10-244-0-5.redis.shop.svc.cluster.local'],
  );
});

test('an external name is an alias, followed where it leads back into the cluster', () => {
  const outside = zone.answer('outside.shop.svc.cluster.local', 'A');
  assert.ok(outside.kind === 'found');
  assert.equal(outside.leadsTo, 'example.com');
  assert.deepEqual(
    outside.answers.map(({ type }) => type),
    ['CNAME'],
  );
  assert.deepEqual(ask('alias.shop.svc.cluster.local'), ['10.96.0.7', 'web.shop.svc.cluster.local']);
});

test('a pod has a name made from its address', () => {
  assert.deepEqual(ask('10-244-0-9.shop.pod.cluster.local'), ['10.244.0.9']);
  assert.equal(ask('10-244-0-9.nowhere.pod.cluster.local'), 'missing');
  assert.equal(ask('10-244-0-999.shop.pod.cluster.local'), 'missing');
});

test('addresses of services and of their endpoints have names', () => {
  assert.deepEqual(ask('7.0.96.10.in-addr.arpa', 'PTR'), ['web.shop.svc.cluster.local']);
  assert.deepEqual(ask('4.0.244.10.in-addr.arpa', 'PTR'), ['redis-0.redis.shop.svc.cluster.local']);
  assert.equal(ask('1.1.1.1.in-addr.arpa', 'PTR'), 'elsewhere');
});
