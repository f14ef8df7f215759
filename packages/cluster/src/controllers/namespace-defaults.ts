import {
  WorkQueue,
  isStatus,
  resources,
  type ConfigMap,
  type KubeObject,
  type Namespace,
  type Resource,
} from '@lateen/kube';
import type { Controller, ControllerContext } from './controller.ts';

/** The namespaces that every cluster has. */
const initialNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

const rootCaName = 'kube-root-ca.crt';

/**
 * Sees to what must be there from the start: the first namespaces, and in each namespace the service account
 * `default` and the ConfigMap `kube-root-ca.crt` by which pods verify the API server.
 */
export function namespaceDefaultsController(context: ControllerContext, rootCaPem: string): Controller {
  const { client, informers, clock, ready } = context;
  const logger = context.logger.scope('namespace-defaults');

  const sync = async (name: string): Promise<void> => {
    const namespace = informers.namespaces.get(undefined, name);
    if (namespace === undefined) {
      if (initialNamespaces.includes(name)) {
        await createMissing(resources.namespaces, {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
        });
      }
      return;
    }
    if (isTerminating(namespace)) return;
    await ensureRootCa(name);
    if (informers.serviceAccounts.get(name, 'default') === undefined) {
      await createMissing(resources.serviceAccounts, {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'default', namespace: name },
      });
    }
  };

  const ensureRootCa = async (namespace: string): Promise<void> => {
    const present = informers.configMaps.get(namespace, rootCaName);
    if (present?.data?.['ca.crt'] === rootCaPem) return;
    const wanted: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: rootCaName,
        namespace,
        annotations: {
          'kubernetes.io/description':
            'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints.',
        },
      },
      data: { 'ca.crt': rootCaPem },
    };
    if (present === undefined) await createMissing(resources.configMaps, wanted);
    else await client.update(resources.configMaps, { ...present, data: wanted.data });
  };

  const createMissing = async (resource: Resource, object: KubeObject): Promise<void> => {
    try {
      await client.create(resource, object);
    } catch (error) {
      // There already, or its namespace has begun to go.
      if (isStatus(error, 'AlreadyExists') || isStatus(error, 'Forbidden') || isStatus(error, 'NotFound'))
        return;
      throw error;
    }
  };

  const queue = new WorkQueue({ clock, logger, ready, work: sync, backoff: { baseMs: 5, maxMs: 5_000 } });
  const unsubscribe = [
    informers.namespaces.subscribe(({ object }) => queue.add(object.metadata.name)),
    informers.configMaps.subscribe(({ type, object }) => {
      if (object.metadata.name === rootCaName && type !== 'added') queue.add(object.metadata.namespace ?? '');
    }),
    informers.serviceAccounts.subscribe(({ type, object }) => {
      if (type === 'deleted' && object.metadata.name === 'default')
        queue.add(object.metadata.namespace ?? '');
    }),
  ];
  for (const name of initialNamespaces) queue.add(name);
  return {
    async close() {
      for (const end of unsubscribe) end();
      await queue.close();
    },
  };
}

/** True where a namespace is on its way out. */
export function isTerminating(namespace: Namespace): boolean {
  return namespace.metadata.deletionTimestamp !== undefined || namespace.status?.phase === 'Terminating';
}
