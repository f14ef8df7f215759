import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, Service } from '@lateen/kube';
import { endpointSubsets } from './endpoint-subsets.ts';
import { podEndpoint, type PodEndpoint } from './pod-endpoints.ts';

function pod(
  name: string,
  ip: string,
  more: { ready?: boolean; deleting?: boolean; port?: number } = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      ...(more.deleting === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: {
      nodeName: 'lateen',
      containers: [{ name: 'c', ports: [{ name: 'web', containerPort: more.port ?? 8080 }] }],
    },
    status: {
      phase: 'Running',
      podIP: ip,
      conditions: [{ type: 'Ready', status: more.ready === false ? 'False' : 'True' }],
    },
  };
}

function service(spec: Partial<Service['spec']>): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { ports: [{ name: 'http', port: 80, targetPort: 'web' }], selector: { app: 'web' }, ...spec },
  };
}

function endpointsOf(target: Service, pods: readonly Pod[]): PodEndpoint[] {
  return pods.flatMap((each) => podEndpoint(target, each) ?? []);
}

test('pods that name their port differently make subsets of their own, each ready or not', () => {
  const pods = [
    pod('c', '10.0.0.10'),
    pod('a', '10.0.0.9'),
    pod('b', '10.0.0.2', { ready: false }),
    pod('d', '10.0.0.3', { port: 9090 }),
  ];
  const subsets = endpointSubsets(endpointsOf(service({}), pods), false);
  assert.deepEqual(
    subsets.map(({ addresses, notReadyAddresses, ports }) => [
      addresses?.map(({ ip }) => ip),
      notReadyAddresses?.map(({ ip }) => ip),
      ports?.map(({ port }) => port),
    ]),
    [
      [['10.0.0.9', '10.0.0.10'], ['10.0.0.2'], [8080]],
      [['10.0.0.3'], undefined, [9090]],
    ],
  );
});

test('a pod on its way out is in no subset, and serves while it terminates', () => {
  const endpoints = endpointsOf(service({}), [pod('a', '10.0.0.2', { deleting: true })]);
  assert.deepEqual(endpointSubsets(endpoints, false), []);
  assert.deepEqual(
    endpoints.map(({ ready, serving, terminating }) => [ready, serving, terminating]),
    [[false, true, true]],
  );
});

test('a service that publishes addresses that are not ready calls them ready', () => {
  const target = service({ publishNotReadyAddresses: true, clusterIP: 'None' });
  const endpoints = endpointsOf(target, [pod('a', '10.0.0.2', { ready: false })]);
  assert.equal(endpointSubsets(endpoints, true)[0]?.addresses?.[0]?.ip, '10.0.0.2');
  assert.deepEqual([endpoints[0]?.ready, endpoints[0]?.serving], [true, false]);
});

test('finished pods and pods without an address are no endpoints', () => {
  const finished = pod('a', '10.0.0.2');
  finished.status = { ...finished.status, phase: 'Succeeded' };
  assert.deepEqual(endpointsOf(service({}), [finished, pod('b', '')]), []);
});

test('a numeric target port is taken as it is, an unknown name drops the port', () => {
  const target = service({
    ports: [
      { name: 'a', port: 80, targetPort: 8181 },
      { name: 'b', port: 81 },
      { name: 'c', port: 82, targetPort: 'nothing' },
    ],
  });
  const [endpoint] = endpointsOf(target, [pod('a', '10.0.0.2')]);
  assert.deepEqual(
    endpoint?.ports.map(({ name, port }) => [name, port]),
    [
      ['a', 8181],
      ['b', 81],
    ],
  );
});

test('a pod has a host name below a service that is its subdomain', () => {
  const named = pod('a', '10.0.0.2');
  Object.assign(named.spec, { hostname: 'web-0', subdomain: 'web' });
  assert.equal(podEndpoint(service({ clusterIP: 'None' }), named)?.hostname, 'web-0');
  Object.assign(named.spec, { subdomain: 'other' });
  assert.equal(podEndpoint(service({ clusterIP: 'None' }), named)?.hostname, undefined);
});
