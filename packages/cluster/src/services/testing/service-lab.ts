import { spawn, type ChildProcess } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { silentLogger, systemClock } from '@lateen/core';
import type { EndpointSlice, Informer, KubeObject, Service } from '@lateen/kube';
import { NamespaceSwitch } from '../../linux/namespaces.ts';
import { createNodeNetwork } from '../../network/node-network.ts';
import { createPodNetwork } from '../../network/pod-network.ts';
import type { SharedInformers } from '../../shared-informers.ts';
import { startServiceNetwork } from '../service-network.ts';

/**
 * Runs in a network namespace of its own: pods that say who they are, services over them, and clients in a pod
 * and on the node. Prints as JSON what the clients got, for the test that started it.
 */
const layout = { nodeAddress: '10.244.0.1', podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16' };
const peerScript = new URL('lab-peer.ts', import.meta.url).pathname;
const children: ChildProcess[] = [];

/** A program of the laboratory, answering line by line. */
async function peer(start: typeof spawn, ...args: string[]): Promise<(line: string) => Promise<string>> {
  const child = start(process.execPath, [peerScript, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  if ((await next()) !== 'ready') throw new Error('a peer did not start');
  return async (line) => {
    child.stdin.write(`${line}\n`);
    return next();
  };
}

async function makePod(namespaces: NamespaceSwitch, number: number): Promise<typeof spawn> {
  const address = `10.244.0.${number}`;
  const pod = createPodNetwork({
    switch: namespaces,
    podUid: `lab-${number}`,
    hostname: `pod-${number}`,
    address,
    gateway: layout.nodeAddress,
  });
  const start = ((file: string, args: string[], options: object) =>
    namespaces.spawn({ namespaces: pod.namespaces }, file, args, options)) as typeof spawn;
  await peer(start, 'serve', address);
  return start;
}

const services: Service[] = [];
const slices: EndpointSlice[] = [];
const listeners = new Set<() => void>();

function offer(
  name: string,
  clusterIP: string,
  pods: readonly number[],
  more: Partial<Service['spec']> = {},
) {
  services.push({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: {
      clusterIP,
      ports: [
        { name: 'tcp', port: 80, nodePort: more.type === 'NodePort' ? 30080 : 0 },
        { name: 'udp', port: 80, protocol: 'UDP' },
      ],
      ...more,
    },
  });
  setBackends(name, pods);
}

function setBackends(name: string, pods: readonly number[]): void {
  const others = slices.filter(({ metadata }) => metadata.name !== name);
  slices.splice(0, slices.length, ...others, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default' },
    addressType: 'IPv4',
    endpoints: pods.map((number) => ({ addresses: [`10.244.0.${number}`], conditions: { ready: true } })),
    ports: [
      { name: 'tcp', port: 8080, protocol: 'TCP' },
      { name: 'udp', port: 5353, protocol: 'UDP' },
    ],
  });
  for (const changed of listeners) changed();
}

/** As much of an informer as the service network reads. */
function fixed<T extends KubeObject>(objects: readonly T[]): Informer<T> {
  return {
    synced: Promise.resolve(),
    list: () => [...objects],
    byIndex: (_: string, key: string) => objects.filter(({ metadata }) => `default/${metadata.name}` === key),
    subscribe: (changed: () => void) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
  } as unknown as Informer<T>;
}

async function main(): Promise<unknown> {
  createNodeNetwork(layout);
  const namespaces = new NamespaceSwitch();
  const inPod = await makePod(namespaces, 2);
  await makePod(namespaces, 3);
  await makePod(namespaces, 4);
  const fromPod = await peer(inPod, 'ask');
  const fromNode = await peer(spawn, 'ask');

  offer('both', '10.96.0.20', [3, 4], { type: 'NodePort' });
  offer('none', '10.96.0.21', []);
  offer('self', '10.96.0.22', [2]);
  offer('sticky', '10.96.0.23', [3, 4], { sessionAffinity: 'ClientIP' });
  const network = startServiceNetwork({
    ...layout,
    informers: { services: fixed(services), endpointSlices: fixed(slices) } as unknown as SharedInformers,
    clock: systemClock,
    logger: silentLogger,
  });
  await network.ready;

  const got: Record<string, Record<string, number>> = {};
  const note = async (name: string, ask: typeof fromPod, question: string): Promise<void> => {
    got[name] = JSON.parse(await ask(question)) as Record<string, number>;
  };
  await note('spread', fromPod, 'tcp 10.96.0.20 80 200');
  await note('fromNode', fromNode, 'tcp 10.96.0.20 80 20');
  await note('nodePort', fromPod, 'tcp 10.244.0.1 30080 20');
  const startedMs = performance.now();
  await note('refused', fromPod, 'tcp 10.96.0.21 80 1');
  await note('refusedOnNode', fromNode, 'tcp 10.96.0.21 80 1');
  await note('unknownAddress', fromPod, 'tcp 10.96.99.99 80 1');
  await note('unknownPort', fromPod, 'tcp 10.96.0.20 81 1');
  await note('refusedUdp', fromPod, 'udp 10.96.0.21 80 1');
  const refusalsMs = performance.now() - startedMs;
  await note('hairpin', fromPod, 'tcp 10.96.0.22 80 1');
  await note('sticky', fromPod, 'tcp 10.96.0.23 80 20');
  await note('udp', fromPod, 'udp 10.96.0.20 80 3');
  // Away from the backend that the UDP client had.
  const other = Object.keys(got['udp'] ?? {})[0]?.startsWith('10.244.0.3') === true ? 4 : 3;
  setBackends('both', [other]);
  await network.settled();
  await note('moved', fromPod, 'tcp 10.96.0.20 80 20');
  await note('movedUdp', fromPod, 'udp 10.96.0.20 80 3');
  await network.close();
  return { got, refusalsMs, left: `10.244.0.${other} 10.244.0.2` };
}

try {
  process.stdout.write(JSON.stringify(await main()));
} finally {
  for (const child of children) child.kill('SIGKILL');
}
