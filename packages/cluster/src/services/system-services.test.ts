import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLogger, systemClock } from '@lateen/core';
import { resources, type EndpointSlice, type Service } from '@lateen/kube';
import { testCluster, type TestCluster } from '../controllers/testing/test-cluster.ts';
import { startSystemServices } from './system-services.ts';

let cluster: TestCluster;
let services: { close(): Promise<void> };

function start(apiServerPort: number): { close(): Promise<void> } {
  return startSystemServices({
    client: cluster.client,
    informers: cluster.informers,
    clock: systemClock,
    logger: silentLogger,
    apiServer: { address: '10.244.0.1', port: apiServerPort },
    dns: { address: '10.244.0.1', port: 53 },
  });
}

beforeEach(async () => {
  cluster = await testCluster();
  services = start(6443);
});
afterEach(async () => {
  await services.close();
  await cluster.close();
});

const serviceAt = (all: readonly Service[], name: string, ip: string): boolean =>
  all.some(({ metadata, spec }) => metadata.name === name && spec.clusterIP === ip);

const leadsTo = (slices: readonly EndpointSlice[], service: string, port: number): boolean =>
  slices.some(
    ({ metadata, endpoints, ports }) =>
      metadata.labels?.['kubernetes.io/service-name'] === service &&
      endpoints?.[0]?.addresses[0] === '10.244.0.1' &&
      ports?.every((each) => each.port === port) === true,
  );

test('the API server and the name server have their services, with endpoints in slices', async () => {
  const { informers, until } = cluster;
  await until(informers.services, (all) => serviceAt(all, 'kubernetes', '10.96.0.1'));
  await until(informers.services, (all) => serviceAt(all, 'kube-dns', '10.96.0.10'));
  await until(informers.endpointSlices, (slices) => leadsTo(slices, 'kubernetes', 6443));
  await until(informers.endpointSlices, (slices) => leadsTo(slices, 'kube-dns', 53));
});

test('a service that is deleted comes back at the same address', async () => {
  const { client, informers, until } = cluster;
  await until(informers.endpointSlices, (slices) => leadsTo(slices, 'kubernetes', 6443));
  await client.delete(resources.services, 'default', 'kubernetes');
  await until(informers.services, (all) => !serviceAt(all, 'kubernetes', '10.96.0.1'));
  await until(informers.services, (all) => serviceAt(all, 'kubernetes', '10.96.0.1'));
  await until(informers.endpointSlices, (slices) => leadsTo(slices, 'kubernetes', 6443));
});

test('an API server that has moved is found at its new port', async () => {
  const { informers, until } = cluster;
  await until(informers.endpointSlices, (slices) => leadsTo(slices, 'kubernetes', 6443));
  await services.close();
  services = start(7443);
  await until(informers.endpointSlices, (slices) => leadsTo(slices, 'kubernetes', 7443));
  assert.equal(informers.services.list('default').length, 1);
});
