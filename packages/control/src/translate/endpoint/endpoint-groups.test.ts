import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem } from '@lateen/core';
import { decode } from '@lateen/protocol';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Engine } from '../../engine/engine.ts';
import { put } from '../../engine/state.ts';
import { manifestChanges } from '../../ingest/kubernetes/manifests.ts';
import { emptyMesh, proxies } from '../../model/tables.ts';
import { decodeNode } from '../../push/node.ts';
import { viewOfProxy } from '../proxy-view.ts';
import { namedResource } from '../read-resources.ts';

// Six copies of a service: two in the client's zone, of which one in its subzone and one where its node is.
const copies = [
  { name: 'near', labels: { tier: 'gold', 'istio-locality': 'eu.eu-1.a' } },
  { name: 'node', labels: { tier: 'gold' } },
  { name: 'region', labels: { tier: 'iron', 'istio-locality': 'eu/eu-2' } },
  { name: 'us', labels: { tier: 'iron', 'istio-locality': 'us.us-1' } },
  { name: 'us2', labels: { tier: 'iron', 'istio-locality': 'us.us-1' } },
  { name: 'asia', labels: { tier: 'gold', 'istio-locality': 'asia.a-1' } },
];
const objects: readonly object[] = [
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: 'n',
      labels: { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'eu-1' },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'shop', namespace: 'default' },
    spec: { clusterIP: '10.96.0.80', selector: { app: 'shop' }, ports: [{ name: 'http', port: 8000 }] },
  },
  ...copies.map(({ name, labels }, i) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: 'shop', ...labels } },
    spec: { nodeName: 'n' },
    status: { phase: 'Running', podIP: `10.0.0.${i}` },
  })),
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'x', namespace: 'default', labels: { 'kubernetes.io/service-name': 'shop' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8000 }],
    endpoints: copies.map(({ name }, i) => ({
      addresses: [`10.0.0.${i}`],
      conditions: { ready: true },
      targetRef: { kind: 'Pod', name, namespace: 'default' },
    })),
  },
];

/** What the copy `near` is told of the service's endpoints: `PRIORITY LOCALITY xWEIGHT: NAMES`. */
function groupsUnder(trafficPolicy: object, meshConfig = ''): string[] {
  const rule = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'shop', namespace: 'default' },
    spec: { host: 'shop', trafficPolicy },
  };
  const mesh = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: 'istio-system' },
    data: { mesh: meshConfig },
  };
  const text = [...objects, rule, mesh].map((object) => JSON.stringify(object)).join('\n---\n');
  const changes = manifestChanges(text, 'test');
  assert.ok(changes.ok, changes.ok ? '' : changes.problems.map(formatProblem).join('\n'));
  const engine = new Engine(emptyMesh());
  engine.advance(changes.value);
  const id = 'sidecar~10.0.0.0~near.default~default.svc.cluster.local';
  const proxy = decodeNode({ id, metadata: { LABELS: { app: 'shop', tier: 'gold' } } });
  assert.ok(proxy.ok);
  engine.advance([put(proxies, 'it', proxy.value)]);
  const view = engine.get(viewOfProxy, 'it');
  assert.ok(view);
  const resource = namedResource(engine, view, 'endpoint', 'outbound|8000||shop.default.svc.cluster.local');
  const decoded = decode(ClusterLoadAssignment, resource?.value ?? new Uint8Array());
  assert.ok(decoded.ok);
  return (decoded.value.endpoints ?? []).map(
    ({ locality, priority = 0, loadBalancingWeight, lbEndpoints }) => {
      const place = [locality?.region, locality?.zone, locality?.subZone].filter(Boolean).join('/');
      const names = (lbEndpoints ?? []).map(({ endpoint }) => {
        const address = endpoint?.address?.socketAddress?.address ?? '';
        return copies[Number(address.slice('10.0.0.'.length))]?.name;
      });
      return `${priority} ${place} x${loadBalancingWeight}: ${names.join(' ')}`;
    },
  );
}

const outlierDetection = { consecutive5xxErrors: 3 };
const setting = (localityLbSetting: object) => ({ loadBalancer: { localityLbSetting }, outlierDetection });

const alike = [
  '0 asia/a-1 x1: asia',
  '0 eu/eu-1 x1: node',
  '0 eu/eu-1/a x1: near',
  '0 eu/eu-2 x1: region',
  '0 us/us-1 x2: us us2',
];
const nearestFirst = [
  '0 eu/eu-1/a x1: near',
  '1 eu/eu-1 x1: node',
  '2 eu/eu-2 x1: region',
  '3 asia/a-1 x1: asia',
  '3 us/us-1 x2: us us2',
];

test('localities are alike as long as nothing would give an endpoint up, or where they are switched off', () => {
  assert.deepEqual(groupsUnder({ loadBalancer: { simple: 'ROUND_ROBIN' } }), alike);
  assert.deepEqual(groupsUnder(setting({ enabled: false })), alike);
  assert.deepEqual(groupsUnder({ outlierDetection }, 'localityLbSetting: { enabled: false }'), alike);
});

test('with outlier detection, the nearer locality takes all as long as it is healthy', () => {
  assert.deepEqual(groupsUnder({ outlierDetection }), nearestFirst);
  // A rule's setting stands in place of the mesh's.
  assert.deepEqual(groupsUnder(setting({}), 'localityLbSetting: { enabled: false }'), nearestFirst);
});

test('a region takes over from another before the rest does', () => {
  const groups = groupsUnder(setting({ failover: [{ from: 'eu', to: 'us' }] }));
  assert.deepEqual(groups.slice(3), ['3 us/us-1 x2: us us2', '4 asia/a-1 x1: asia']);
});

test('labels that endpoints share with the client decide who comes first', () => {
  assert.deepEqual(groupsUnder(setting({ failoverPriority: ['tier', 'topology.kubernetes.io/region'] })), [
    '0 eu/eu-1 x1: node',
    '0 eu/eu-1/a x1: near',
    '1 asia/a-1 x1: asia',
    '2 eu/eu-2 x1: region',
    '2 us/us-1 x2: us us2',
  ]);
  const [first] = groupsUnder(setting({ failoverPriority: ['topology.kubernetes.io/region=us'] }));
  assert.equal(first, '0 us/us-1 x2: us us2');
});

test('shares are given to localities by the first rule for where the client is, and to no others', () => {
  const distribute = [
    { from: 'us/*', to: { 'asia/*': 100 } },
    { from: 'eu/eu-1/*', to: { 'eu/eu-1/*': 70, 'us/us-1': 30 } },
  ];
  const expected = ['0 eu/eu-1 x35: node', '0 eu/eu-1/a x35: near', '0 us/us-1 x30: us us2'];
  assert.deepEqual(groupsUnder({ loadBalancer: { localityLbSetting: { distribute } } }), expected);
  const mesh = `localityLbSetting: ${JSON.stringify({ distribute })}`;
  assert.deepEqual(groupsUnder({ loadBalancer: { simple: 'RANDOM' } }, mesh), expected);
});
