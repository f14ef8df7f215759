import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Clock, Logger } from '@lateen/core';
import {
  eventRecorder,
  type Change,
  type ConfigMap,
  type Informer,
  type KubeClient,
  type Pod,
  type Secret,
  type Service,
} from '@lateen/kube';
import { imageResolver } from '../images/resolve.ts';
import { NamespaceSwitch } from '../linux/namespaces.ts';
import { locateTools } from '../linux/tools.ts';
import { AddressPool } from '../network/address-pool.ts';
import { createNodeRoot } from './container/node-root.ts';
import type { NodeAgent } from './node-agent.ts';
import { NodeHeartbeat } from './node-heartbeat.ts';
import type { NodeParts } from './node-parts.ts';
import { PodWorker } from './pod/pod-worker.ts';
import { podAgent } from './pod-agent.ts';

export interface NodeRuntimeOptions {
  readonly nodeName: string;
  readonly nodeAddress: string;
  /** The address of the host at which NodePorts answer. */
  readonly hostAddress: string;
  readonly podCidr: string;
  readonly clusterDomain: string;
  readonly dnsAddress: string;
  /** Holds `pods/` (wiped at start), `run/` and the user's `images.yaml`. */
  readonly dataDir: string;
  readonly installationDir: string;
  readonly allowHostPath: boolean;
  /** Where system programs are found. */
  readonly path: string;
  /** True in a user namespace. */
  readonly rootless: boolean;
  readonly client: KubeClient;
  readonly pods: Informer<Pod>;
  readonly configMaps: Informer<ConfigMap>;
  readonly secrets: Informer<Secret>;
  readonly services: Informer<Service>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The node: runs the pods that are bound to it. */
export interface NodeRuntime {
  /** For the API server's logs, exec, attach and port-forward. */
  readonly agent: NodeAgent;
  /** Ends every container within `graceMs`; the API keeps the pods. */
  close(graceMs: number): Promise<void>;
}

function readResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch {
    return '';
  }
}

/** Starts the node: removes what an earlier life left, registers it, and runs what is bound to it. */
export async function createNodeRuntime(options: NodeRuntimeOptions): Promise<NodeRuntime> {
  const { client, clock, nodeName, dataDir } = options;
  const logger = options.logger.scope('node');
  const podsDir = join(dataDir, 'pods');
  rmSync(podsDir, { recursive: true, force: true });
  mkdirSync(podsDir, { recursive: true, mode: 0o755 });
  const root = await createNodeRoot({
    podsDir,
    directory: join(dataDir, 'run'),
    installationDir: options.installationDir,
    compileCacheDir: join(dataDir, 'compile-cache', 'containers'),
    hiddenDir: dataDir,
    rootless: options.rootless,
    logger,
  });
  const parts: NodeParts = {
    nodeName,
    nodeAddress: options.nodeAddress,
    hostAddress: options.hostAddress,
    clusterDomain: options.clusterDomain,
    dnsAddress: options.dnsAddress,
    hostResolvConf: readResolvConf(),
    capacity: { cpu: availableParallelism(), memoryBytes: totalmem() },
    podsDir,
    allowHostPath: options.allowHostPath,
    switch: new NamespaceSwitch(),
    tools: locateTools(options.path),
    root,
    addresses: new AddressPool(options.podCidr, [options.nodeAddress]),
    images: imageResolver(join(dataDir, 'images.yaml')),
    lookup: {
      configMap: (namespace, name) => options.configMaps.get(namespace, name),
      secret: (namespace, name) => options.secrets.get(namespace, name),
      services: (namespace) => options.services.list(namespace),
    },
    client,
    events: eventRecorder({ client, component: 'kubelet', host: nodeName, clock, logger }),
    clock,
    logger,
  };

  const workers = new Map<string, PodWorker>();
  const heartbeat = new NodeHeartbeat(parts);
  await heartbeat.start();
  await Promise.all([options.configMaps.synced, options.secrets.synced, options.services.synced]);

  const onPod = (change: Change<Pod>): void => {
    const { object: pod } = change;
    if (pod.spec.nodeName !== nodeName) return;
    const uid = pod.metadata.uid ?? '';
    const worker = workers.get(uid);
    if (change.type === 'deleted') {
      void worker?.kill().then(() => workers.delete(uid));
    } else if (worker === undefined) workers.set(uid, new PodWorker(parts, pod));
    else worker.update(pod);
  };
  const onObject = (change: Change<ConfigMap> | Change<Secret>): void => {
    const { namespace } = change.object.metadata;
    for (const worker of workers.values()) {
      if (worker.pod.metadata.namespace === namespace) worker.objectsChanged();
    }
  };
  const unsubscribe = [
    options.configMaps.subscribe(onObject),
    options.secrets.subscribe(onObject),
    options.pods.subscribe(onPod),
  ];

  return {
    agent: podAgent((namespace, name) => {
      for (const worker of workers.values()) {
        const { metadata } = worker.pod;
        if (metadata.name === name && metadata.namespace === namespace) return worker;
      }
      return undefined;
    }),
    async close(graceMs) {
      for (const end of unsubscribe) end();
      heartbeat.close();
      await Promise.all([...workers.values()].map((worker) => worker.shutDown(graceMs)));
      await parts.events.flush();
      parts.switch.close();
      await root.close();
    },
  };
}
