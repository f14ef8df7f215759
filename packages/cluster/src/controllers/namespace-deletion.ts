import {
  WorkQueue,
  collectionPath,
  isStatus,
  resources,
  type Condition,
  type Namespace,
  type WorkResult,
} from '@lateen/kube';
import { apiTime, type Controller, type ControllerContext } from './controller.ts';
import { servedResources } from './server-resources.ts';

/** How soon to look again whether a namespace has become empty; the end of a pod is noticed at once. */
const lookAgainMs = 200;

/**
 * How long the contents are left alone, by a timestamp of whole seconds: `kubectl delete -f` of a manifest that
 * begins with the namespace still finds by name what comes after it (Kubernetes waits 5 s).
 */
const graceMs = 2_000;

/** Empties namespaces that are to be deleted, then takes off the finalizer that held them. */
export function namespaceDeletionController(context: ControllerContext): Controller {
  const { client, informers, clock, ready } = context;
  const logger = context.logger.scope('namespace');

  const sync = async (name: string): Promise<WorkResult | void> => {
    const namespace = informers.namespaces.get(undefined, name);
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    const restMs = Date.parse(namespace.metadata.deletionTimestamp) + graceMs - clock.now();
    if (restMs > 0) return { againMs: restMs };
    const remaining = await empty(name);
    if (remaining.length === 0) {
      await finalize(namespace);
      return;
    }
    await report(namespace, remaining);
    return { againMs: lookAgainMs };
  };

  /** Deletes all that is in the namespace; returns what is still there, as `2 pods`. */
  const empty = async (name: string): Promise<string[]> => {
    const served = await servedResources(client, logger);
    const remaining: string[] = [];
    for (const resource of served) {
      if (!resource.namespaced || !resource.verbs.includes('list') || !resource.verbs.includes('delete'))
        continue;
      const { items } = await client.list(resource, { namespace: name });
      if (items.length === 0) continue;
      if (items.some(({ metadata }) => metadata.deletionTimestamp === undefined)) {
        if (resource.verbs.includes('deletecollection')) {
          await client.raw('DELETE', collectionPath(resource, name));
        } else {
          for (const { metadata } of items)
            await client.delete(resource, name, metadata.name).catch(ignoreMissing);
        }
      }
      const left = (await client.list(resource, { namespace: name })).items.length;
      if (left > 0)
        remaining.push(`${left} ${resource.plural}${resource.group === '' ? '' : `.${resource.group}`}`);
    }
    return remaining;
  };

  const finalize = async (namespace: Namespace): Promise<void> => {
    const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== 'kubernetes');
    const body = { ...namespace, spec: { ...namespace.spec, finalizers } };
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace.metadata.name)}/finalize`;
    await client.raw('PUT', path, body).catch(ignoreMissing);
  };

  const report = async (namespace: Namespace, remaining: readonly string[]): Promise<void> => {
    const message = `Some resources are remaining: ${remaining.join(', ')}`;
    const type = 'NamespaceContentRemaining';
    const before = namespace.status?.conditions?.find((condition) => condition.type === type);
    if (before?.message === message) return;
    const condition: Condition = {
      type,
      status: 'True',
      reason: 'SomeResourcesRemain',
      message,
      lastTransitionTime: apiTime(clock),
    };
    const others = (namespace.status?.conditions ?? []).filter((other) => other.type !== type);
    const patch = { status: { conditions: [...others, condition] } };
    const { name } = namespace.metadata;
    await client
      .patch(resources.namespaces, undefined, name, 'merge', patch, { subresource: 'status' })
      .catch(ignoreMissing);
  };

  const queue = new WorkQueue({ clock, logger, ready, work: sync, backoff: { baseMs: 50, maxMs: 5_000 } });
  const unsubscribe = [
    informers.namespaces.subscribe(({ type, object }) => {
      if (type !== 'deleted' && object.metadata.deletionTimestamp !== undefined)
        queue.add(object.metadata.name);
    }),
    informers.pods.subscribe(({ type, object }) => {
      if (type !== 'deleted') return;
      const namespace = informers.namespaces.get(undefined, object.metadata.namespace ?? '');
      if (namespace?.metadata.deletionTimestamp !== undefined) queue.add(namespace.metadata.name);
    }),
  ];
  return {
    async close() {
      for (const end of unsubscribe) end();
      await queue.close();
    },
  };
}

function ignoreMissing(error: unknown): void {
  if (!isStatus(error, 'NotFound')) throw error;
}
