import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { resources, type Endpoints, type Pod, type Service } from '@lateen/kube';
import { testCluster, webDeployment, type TestCluster } from '../testing/test-cluster.ts';

let cluster: TestCluster;
beforeEach(async () => (cluster = await testCluster()));
afterEach(() => cluster.close());

function service(name: string, spec: Partial<Service['spec']>): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
  };
}

const addressesOf = (endpoints: Endpoints | undefined): string[] =>
  (endpoints?.subsets ?? []).flatMap(({ addresses }) => (addresses ?? []).map(({ ip }) => ip));

test('ready pods become endpoints and slices, and leave them when they stop being ready or are deleted', async () => {
  const { client, informers, until } = cluster;
  await client.create(resources.services, service('web', { selector: { app: 'web' } }));
  await client.create(resources.deployments, webDeployment('web', 2));
  await until(informers.endpoints, (all) => all.some((each) => addressesOf(each).length === 2));
  const [slice] = await until(
    informers.endpointSlices,
    ([each]) => each?.endpoints?.filter(({ conditions }) => conditions?.ready === true).length === 2,
  );
  assert.deepEqual(slice?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
  assert.equal(slice?.metadata.labels?.['kubernetes.io/service-name'], 'web');
  assert.equal(slice?.metadata.ownerReferences?.[0]?.kind, 'Service');

  const [first, second] = informers.pods.list() as [Pod, Pod];
  await cluster.node.setReady(first, false);
  await until(informers.endpoints, ([each]) => addressesOf(each).length === 1);
  cluster.node.stop();
  await client.delete(resources.pods, 'default', second.metadata.name);
  const [after] = await until(informers.endpointSlices, ([each]) =>
    (each?.endpoints ?? []).some(({ conditions }) => conditions?.terminating === true),
  );
  const leaving = after?.endpoints?.find(({ targetRef }) => targetRef?.uid === second.metadata.uid);
  assert.deepEqual(leaving?.conditions, { ready: false, serving: true, terminating: true });
});

test('deleting a service takes its endpoints and slices away', async () => {
  const { client, informers, until } = cluster;
  await client.create(resources.services, service('web', { selector: { app: 'web' } }));
  await until(informers.endpointSlices, (slices) => slices.length === 1);
  await until(informers.endpoints, (all) => all.length === 1);
  await client.delete(resources.services, 'default', 'web');
  await until(informers.endpointSlices, (slices) => slices.length === 0);
  await until(informers.endpoints, (all) => all.length === 0);
});

test('endpoints that somebody wrote for a service without selector are copied into slices', async () => {
  const { client, informers, until } = cluster;
  await client.create(resources.services, service('db', {}));
  const written: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'db', namespace: 'default' },
    subsets: [{ addresses: [{ ip: '192.0.2.7' }], ports: [{ name: 'http', port: 5432 }] }],
  };
  const created = await client.create(resources.endpoints, written);
  const [slice] = await until(informers.endpointSlices, ([each]) => each?.endpoints?.length === 1);
  assert.deepEqual(slice?.endpoints?.[0]?.addresses, ['192.0.2.7']);
  await client.update<Endpoints>(resources.endpoints, {
    ...created,
    subsets: [{ addresses: [{ ip: '192.0.2.8' }], ports: [{ name: 'http', port: 5432 }] }],
  });
  await until(informers.endpointSlices, ([each]) => each?.endpoints?.[0]?.addresses[0] === '192.0.2.8');
  assert.equal(informers.endpointSlices.list().length, 1);
});
