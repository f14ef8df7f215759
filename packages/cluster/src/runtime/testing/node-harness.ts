import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { lineLogger, systemClock } from '@lateen/core';
import {
  resources,
  type Container,
  type Informer,
  type KubeClient,
  type Pod,
  type PodSpec,
  type Secret,
} from '@lateen/kube';
import { createApiServer } from '../../api/index.ts';
import { presentMounts } from '../../linux/mount-table.ts';
import { createNodeNetwork } from '../../network/node-network.ts';
import { sharedInformers, type SharedInformers } from '../../shared-informers.ts';
import type { ContainerRef, ExecOptions, NodeAgent } from '../node-agent.ts';
import { createNodeRuntime } from '../node-runtime.ts';

const nodeAddress = '10.244.0.1';

/** A node with a real API server and nothing else, in the namespaces of the test. */
export interface NodeHarness {
  readonly client: KubeClient;
  readonly informers: SharedInformers;
  readonly agent: NodeAgent;
  readonly dataDir: string;
  /** Creates a pod that is bound to the node. */
  run(name: string, spec: Partial<PodSpec> & { containers: Container[] }): Promise<void>;
  /** Resolves with the pod as soon as it is so. */
  until(name: string, isSo: (pod: Pod) => boolean): Promise<Pod>;
  /** Resolves when there is no such pod. */
  untilGone(name: string): Promise<void>;
  logs(name: string, container?: string, previous?: boolean): Promise<string>;
  exec(
    name: string,
    command: string[],
    options?: Partial<ExecOptions> & { input?: string },
  ): Promise<ExecResult>;
  close(): Promise<void>;
}

export interface ExecResult {
  readonly code: number | string;
  readonly out: string;
  readonly err: string;
}

const read = (stream: Readable | undefined): Promise<string> =>
  stream === undefined ? Promise.resolve('') : text(stream);

export async function startNode(): Promise<NodeHarness> {
  const dataDir = mkdtempSync(join(tmpdir(), 'lateen-node-'));
  const lines: string[] = [];
  const logger = lineLogger({ level: 'warn', write: (line) => lines.push(line) });
  const clock = systemClock;
  createNodeNetwork({ nodeAddress, podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16' });
  const api = await createApiServer({ dataDir: join(dataDir, 'api'), clock, logger });
  const client = api.client();
  const informers = sharedInformers({ client, clock, logger });
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'default' },
  };
  await client.create(resources.serviceAccounts, account).catch(() => {});
  const runtime = await createNodeRuntime({
    nodeName: 'lateen',
    nodeAddress,
    hostAddress: '127.0.0.1',
    podCidr: '10.244.0.0/16',
    clusterDomain: 'cluster.local',
    dnsAddress: '10.96.0.10',
    dataDir,
    installationDir: join(dirname(fileURLToPath(import.meta.url)), '../../../../..'),
    allowHostPath: false,
    path: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    rootless: false,
    client,
    pods: informers.pods,
    configMaps: informers.configMaps,
    secrets: informers.of(resources.secrets) as Informer<Secret>,
    services: informers.services,
    clock,
    logger,
  });
  const { agent } = runtime;

  const until = (name: string, isSo: (pod: Pod | undefined) => boolean): Promise<Pod | undefined> =>
    new Promise((resolve) => {
      const check = (): boolean => {
        const pod = informers.pods.get('default', name);
        if (!isSo(pod)) return false;
        resolve(pod);
        return true;
      };
      if (check()) return;
      const end = informers.pods.subscribe(() => {
        // Not within the subscription itself, which may be replaying.
        queueMicrotask(() => {
          if (check()) end();
        });
      });
    });

  return {
    client,
    informers,
    agent,
    dataDir,
    async run(name, spec) {
      const metadata = { name, namespace: 'default', labels: { app: name } };
      const pod: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata,
        spec: { nodeName: 'lateen', automountServiceAccountToken: false, ...spec },
      };
      await client.create<Pod>(resources.pods, pod);
    },
    until: async (name, isSo) => (await until(name, (pod) => pod !== undefined && isSo(pod))) as Pod,
    untilGone: async (name) => void (await until(name, (pod) => pod === undefined)),
    async logs(pod, container = 'main', previous = false) {
      const ref: ContainerRef = { namespace: 'default', pod, container };
      return text(await agent.logs(ref, { follow: false, previous, timestamps: false }));
    },
    async exec(pod, command, options = {}) {
      const { input, ...rest } = options;
      const ref: ContainerRef = { namespace: 'default', pod, container: 'main' };
      const session = await agent.exec(ref, { command, stdin: input !== undefined, tty: false, ...rest });
      session.stdin?.end(input);
      const [out, err, status] = await Promise.all([
        read(session.stdout),
        read(session.stderr),
        session.exited,
      ]);
      return { out, err, code: status.kind === 'exited' ? status.code : status.signal };
    },
    async close() {
      await runtime.close(1000);
      await informers.close();
      await api.close();
      for (const line of lines) process.stderr.write(`${line}\n`);
      // Never through a mount: what is behind it is not ours.
      const mounted = presentMounts().filter((mount) => mount.path.startsWith(dataDir));
      assert.deepEqual(mounted, [], 'the node left mounts');
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
