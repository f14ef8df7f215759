import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLogger, sleep, systemClock } from '@lateen/core';
import { resources, type KubeClient, type Service } from '@lateen/kube';
import { createApiServer, type ApiServer } from '../api/index.ts';
import { addressBlock, type HostPorts } from '../host/host-ports.ts';
import { listenOnHost, portOf } from '../host/port-server.ts';
import { sharedInformers, type SharedInformers } from '../shared-informers.ts';
import { startPublisher, type Publisher } from './publish.ts';

/** Loopback addresses stand for service addresses, so that a plain server can answer there. */
const serviceCidr = '127.210.0.0/16';
const block = addressBlock('127.211.7');

let folder = '';
let server: ApiServer;
let client: KubeClient;
let informers: SharedInformers;
let publisher: Publisher;
let applications: Server[];
let privileged: Set<number>;

const hostPorts: HostPorts = {
  addressBlock: block,
  async listen(address, port) {
    if (privileged.has(port)) return { ok: false, reason: 'EACCES' };
    const listener = await listenOnHost(address, port);
    if (typeof listener === 'string') return { ok: false, reason: listener };
    return { ok: true, port: portOf(listener), server: listener };
  },
};

function start(): Publisher {
  return startPublisher({ client, informers, hostPorts, clock: systemClock, logger: silentLogger });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-publish-'));
  server = await createApiServer({
    dataDir: folder,
    clock: systemClock,
    logger: silentLogger,
    serviceCidr,
  });
  client = server.client();
  informers = sharedInformers({ client, clock: systemClock, logger: silentLogger });
  privileged = new Set();
  publisher = start();
  applications = [7, 8, 9].map((number) =>
    createServer((socket) => socket.end('the application')).listen(8080, `127.210.0.${number}`),
  );
  await Promise.all(applications.map((application) => once(application, 'listening')));
});

afterEach(async () => {
  await publisher.close();
  await informers.close();
  await server.close();
  for (const application of applications) application.close();
  rmSync(folder, { recursive: true });
});

function balancer(name: string, ports: number[], more: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: {
      type: 'LoadBalancer',
      clusterIP: '127.210.0.7',
      ports: ports.map((port) => ({ name: `p${port}`, port })),
      ...more,
    },
  };
}

const addressOf = (service: Service | undefined): string | undefined =>
  service?.status?.loadBalancer?.ingress?.[0]?.ip;

/** Resolves with the service when it has an address. */
function published(name: string): Promise<Service> {
  return new Promise((resolve) => {
    const end = informers.services.subscribe(() => setImmediate(look));
    const look = (): void => {
      const service = informers.services.get('default', name);
      if (service === undefined || addressOf(service) === undefined) return;
      end();
      resolve(service);
    };
    look();
  });
}

/** Asks again and again until the answer is the one that is wanted; the test's own time limit ends it. */
async function until(answer: string, host: string, port: number): Promise<void> {
  while ((await ask(host, port)) !== answer) await sleep(2);
}

async function ask(host: string, port: number): Promise<string> {
  const socket = connect(port, host);
  let text = '';
  socket.on('data', (bytes) => (text += bytes.toString()));
  socket.on('error', (error) => (text = 'code' in error ? String(error.code) : error.message));
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

test('a load balancer has an address of the host at which its own ports lead into the cluster', async () => {
  await client.create(resources.services, balancer('web', [8080]));
  const service = await published('web');
  assert.equal(addressOf(service), '127.211.7.2');
  assert.equal(await ask('127.211.7.2', 8080), 'the application');
  assert.equal(service.metadata.annotations?.['lateen.dev/host-ports'], undefined);
});

test('ports that this user may not have are found higher up, and that is noted', async () => {
  privileged = new Set([80, 81]);
  await client.create(resources.services, balancer('web', [80, 81, 8080]));
  const service = await published('web');
  const moved = JSON.parse(service.metadata.annotations?.['lateen.dev/host-ports'] ?? '{}') as object;
  const { 80: first, 81: second, ...others } = moved as Record<number, number>;
  assert.deepEqual([second, others], [8081, {}]);
  assert.ok(first !== undefined && first > 1024 && first !== 8080, `80 is at ${first}`);
  assert.equal(await ask('127.211.7.2', 8080), 'the application');
});

test('a node port that is taken on the host keeps no load balancer from its address', async () => {
  const taken = createServer().listen(31300, '127.211.7.1');
  await once(taken, 'listening');
  const ports = [{ name: 'p', port: 8080, nodePort: 31300 }];
  await client.create(resources.services, balancer('web', [], { ports }));
  assert.equal(addressOf(await published('web')), '127.211.7.2');
  taken.close();
});

test('a deleted load balancer frees its ports', async () => {
  await client.create(resources.services, balancer('web', [8080]));
  await published('web');
  await client.delete(resources.services, 'default', 'web');
  await until('ECONNREFUSED', '127.211.7.2', 8080);
});

test('after a restart every load balancer has the address it had', async () => {
  for (const [index, name] of ['one', 'two'].entries()) {
    await client.create(resources.services, balancer(name, [8080], { clusterIP: `127.210.0.${7 + index}` }));
    await published(name);
  }
  await client.delete(resources.services, 'default', 'one');
  await publisher.close();
  publisher = start();
  await client.create(resources.services, balancer('three', [8080], { clusterIP: '127.210.0.9' }));
  assert.equal(addressOf(await published('three')), '127.211.7.2');
  assert.equal(addressOf(await published('two')), '127.211.7.3');
  await until('the application', '127.211.7.3', 8080);
});

test('a node port answers at the node', async () => {
  const spec = { type: 'NodePort' as const, ports: [{ port: 8080, nodePort: 31234 }] };
  await client.create(resources.services, balancer('web', [], spec));
  await until('the application', '127.211.7.1', 31234);
});

test('a service that is a load balancer no longer loses its address', async () => {
  await client.create(resources.services, balancer('web', [8080]));
  await published('web');
  await client.patch(resources.services, 'default', 'web', 'merge', { spec: { type: 'ClusterIP' } });
  await until('ECONNREFUSED', '127.211.7.2', 8080);
  await new Promise<void>((resolve) => {
    informers.services.subscribe(({ object }) => {
      if (addressOf(object) === undefined) resolve();
    });
  });
});
