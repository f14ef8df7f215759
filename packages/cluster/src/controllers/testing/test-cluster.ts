import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@lateen/core';
import {
  isStatus,
  resources,
  type Change,
  type Deployment,
  type Informer,
  type KubeClient,
  type KubeObject,
  type Pod,
} from '@lateen/kube';
import { createApiServer } from '../../api/index.ts';
import { sharedInformers, type SharedInformers } from '../../shared-informers.ts';
import { startControllers } from '../index.ts';

/** An API server with all controllers, and something that stands for the node's agent. */
export interface TestCluster {
  readonly client: KubeClient;
  readonly informers: SharedInformers;
  readonly node: TestNode;
  /** Resolves when `test` holds for what the informer shows; looks at every change. */
  readonly until: <T extends KubeObject>(
    informer: Informer<T>,
    test: (all: readonly T[]) => boolean,
  ) => Promise<T[]>;
  close(): Promise<void>;
}

export async function testCluster(options: { readonly withNode?: boolean } = {}): Promise<TestCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-controllers-'));
  const server = await createApiServer({ dataDir: folder, clock: systemClock, logger: silentLogger });
  const client = server.client('system:kube-controller-manager');
  const informers = sharedInformers({ client, clock: systemClock, logger: silentLogger });
  const node = new TestNode(client, informers);
  const controllers = startControllers({
    client,
    informers,
    clock: systemClock,
    logger: silentLogger,
    rootCaPem: 'the authority',
  });
  if (options.withNode !== false) await node.register();
  return {
    client,
    informers,
    node,
    until,
    async close() {
      node.stop();
      await controllers.close();
      await informers.close();
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function until<T extends KubeObject>(
  informer: Informer<T>,
  test: (all: readonly T[]) => boolean,
): Promise<T[]> {
  return new Promise((resolve, reject) => {
    let end = (): void => {};
    let done = false;
    const giveUp = setTimeout(() => {
      end();
      const present = informer.list().map(({ metadata, status }) => ({ name: metadata.name, status }));
      reject(new Error(`not within 5 s; there is ${JSON.stringify(present)}`));
    }, 5000);
    const look = (): void => {
      const all = informer.list();
      if (done || !test(all)) return;
      done = true;
      clearTimeout(giveUp);
      end();
      resolve(all);
    };
    end = informer.subscribe(look);
    look();
  });
}

/** Brings pods that were bound to it up at once, unless told to hold them, and lets them go when they are deleted. */
export class TestNode {
  readonly #client: KubeClient;
  readonly #stop: () => void;
  readonly #held = new Map<string, Pod>();
  #next = 2;
  /** Which pods stay as they are until {@link release}. */
  holds: (pod: Pod) => boolean = () => false;
  /** The largest number of pods that were there at the same time. */
  mostPods = 0;

  constructor(client: KubeClient, informers: SharedInformers) {
    this.#client = client;
    this.#stop = informers.pods.subscribe((change) => {
      this.mostPods = Math.max(this.mostPods, informers.pods.list().length);
      void this.#onPod(change);
    });
  }

  async register(): Promise<void> {
    await this.#client.create(resources.nodes, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'lateen', labels: { 'kubernetes.io/os': 'linux' } },
    });
  }

  /** Brings up the pods that were held. */
  async release(): Promise<void> {
    this.holds = () => false;
    const held = [...this.#held.values()];
    this.#held.clear();
    await Promise.all(held.map((pod) => this.setReady(pod, true)));
  }

  async setReady(pod: Pod, ready: boolean): Promise<void> {
    const ip = pod.status?.podIP ?? `10.244.0.${this.#next++}`;
    const now = new Date().toISOString();
    const status = {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: now }],
    };
    const { namespace, name } = pod.metadata;
    await this.#client
      .patch(resources.pods, namespace, name, 'merge', { status }, { subresource: 'status' })
      .catch(ignoreMissing);
  }

  stop(): void {
    this.#stop();
  }

  async #onPod({ type, object: pod }: Change<Pod>): Promise<void> {
    if (type === 'deleted' || pod.spec.nodeName === undefined) return;
    const { namespace, name, uid = '' } = pod.metadata;
    if (pod.metadata.deletionTimestamp !== undefined) {
      await this.#client
        .delete(resources.pods, namespace, name, { gracePeriodSeconds: 0 })
        .catch(ignoreMissing);
      return;
    }
    if (pod.status?.podIP !== undefined) return;
    if (this.holds(pod)) this.#held.set(uid, pod);
    else await this.setReady(pod, true);
  }
}

function ignoreMissing(error: unknown): void {
  if (!isStatus(error, 'NotFound')) throw error;
}

/** A deployment of one container. */
export function webDeployment(
  name: string,
  replicas: number,
  spec: Partial<Deployment['spec']> = {},
): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'web', image: 'web:1', ports: [{ containerPort: 8080 }] }] },
      },
      ...spec,
    },
  };
}
