import type { Clock, Logger } from '@lateen/core';
import {
  informer,
  isStatus,
  resources,
  WorkQueue,
  type ConfigMap,
  type KubeClient,
  type Namespace,
} from '@lateen/kube';

/** Name of the ConfigMap that proxies read the mesh's root certificate from. */
export const rootConfigMapName = 'istio-ca-root-cert';
const key = 'root-cert.pem';
const ignored = new Set(['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage']);

export interface RootCertificatesOptions {
  readonly client: KubeClient;
  readonly root: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps ConfigMap `istio-ca-root-cert` in every namespace; writes it again where somebody changes or removes it. */
export function publishRootCertificates(options: RootCertificatesOptions): { close(): Promise<void> } {
  const { client, root, clock, logger } = options;
  const present = informer<ConfigMap>({
    client,
    resource: resources.configMaps,
    selection: { fieldSelector: `metadata.name=${rootConfigMapName}` },
    clock,
    logger,
  });
  const namespaces = informer<Namespace>({ client, resource: resources.namespaces, clock, logger });
  const queue = new WorkQueue({
    clock,
    logger,
    ready: Promise.all([present.synced, namespaces.synced]),
    work: async (name: string) => {
      const namespace = namespaces.get(undefined, name);
      if (namespace === undefined || isGoing(namespace) || ignored.has(name)) return;
      if (present.get(name, rootConfigMapName)?.data?.[key] === root) return;
      await write(client, name, root);
    },
  });
  namespaces.subscribe(({ object }) => queue.add(object.metadata.name));
  present.subscribe(({ object }) => queue.add(object.metadata.namespace ?? ''));
  return {
    async close() {
      await queue.close();
      await Promise.all([present.close(), namespaces.close()]);
    },
  };
}

function isGoing(namespace: Namespace): boolean {
  return namespace.metadata.deletionTimestamp !== undefined || namespace.status?.phase === 'Terminating';
}

async function write(client: KubeClient, namespace: string, root: string): Promise<void> {
  const object: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: rootConfigMapName, namespace, labels: { 'istio.io/config': 'true' } },
    data: { [key]: root },
  };
  try {
    await client.create(resources.configMaps, object);
  } catch (error) {
    if (isStatus(error, 'AlreadyExists')) {
      await client.patch(resources.configMaps, namespace, rootConfigMapName, 'merge', {
        data: { [key]: root },
      });
      return;
    }
    // The namespace went away meanwhile.
    if (isStatus(error, 'NotFound')) return;
    throw error;
  }
}
