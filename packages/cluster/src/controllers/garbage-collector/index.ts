import { messageOf } from '@lateen/core';
import {
  WorkQueue,
  isStatus,
  resources,
  type Change,
  type KubeObject,
  type OwnerReference,
  type Resource,
} from '@lateen/kube';
import type { Controller, ControllerContext } from '../controller.ts';
import { servedResources } from '../server-resources.ts';
import { OwnerGraph, type GraphNode } from './owner-graph.ts';

const foregroundFinalizer = 'foregroundDeletion';
const orphanFinalizer = 'orphan';

/** Many, short-lived and never owners or owned. */
const notFollowed = new Set(['events', 'leases']);

/**
 * Deletes what has lost all its owners, and sees deletions through that wait for dependents: those in the
 * foreground end after their dependents, those that orphan let their dependents go first.
 */
export function garbageCollector(context: ControllerContext): Controller {
  const { client, informers, clock, ready } = context;
  const logger = context.logger.scope('garbage-collector');
  const graph = new OwnerGraph();
  const followed = new Map<string, { readonly resource: Resource; readonly end: () => void }>();
  let closed = false;

  const sync = async (uid: string): Promise<void> => {
    const node = graph.get(uid);
    if (node === undefined) return;
    if (node.deleting) {
      if (node.finalizers.includes(orphanFinalizer)) await orphanDependents(node);
      else if (node.finalizers.includes(foregroundFinalizer)) await deleteDependents(node);
      return;
    }
    if (node.owners.length > 0) await collect(node);
  };

  /** Deletes the object where none of its owners is left; else takes the dead ones off its list. */
  const collect = async (node: GraphNode): Promise<void> => {
    const dead: OwnerReference[] = [];
    const waiting: OwnerReference[] = [];
    for (const owner of node.owners) {
      const state = await ownerState(node, owner);
      if (state === 'dead') dead.push(owner);
      if (state === 'waits') waiting.push(owner);
    }
    const solid = node.owners.length - dead.length - waiting.length;
    if (dead.length + waiting.length === 0) return;
    if (solid > 0) {
      const lost = new Set([...dead, ...waiting].map((owner) => owner.uid));
      await setOwners(
        node,
        node.owners.filter((owner) => !lost.has(owner.uid)),
      );
      return;
    }
    const hasDependents = graph.dependentsOf(node.uid).length > 0;
    const propagationPolicy = waiting.length > 0 && hasDependents ? 'Foreground' : 'Background';
    await client
      .delete(node.resource, node.namespace, node.name, { propagationPolicy, uid: node.uid })
      .catch(ignoreGone);
  };

  const ownerState = async (node: GraphNode, owner: OwnerReference): Promise<'lives' | 'dead' | 'waits'> => {
    const known = graph.get(owner.uid);
    if (known !== undefined) {
      return known.deleting && known.finalizers.includes(foregroundFinalizer) ? 'waits' : 'lives';
    }
    // The graph has not seen it: it may be dead, or newer than what the informers show.
    const resource = resourceOf(owner);
    if (resource === undefined) return 'lives';
    const namespace = resource.namespaced ? node.namespace : undefined;
    try {
      const found = await client.get(resource, namespace, owner.name);
      return found.metadata.uid === owner.uid ? 'lives' : 'dead';
    } catch (error) {
      if (isStatus(error, 'NotFound')) return 'dead';
      throw error;
    }
  };

  const resourceOf = (owner: OwnerReference): Resource | undefined => {
    const group = owner.apiVersion.includes('/') ? owner.apiVersion.split('/')[0] : '';
    for (const { resource } of followed.values()) {
      if (resource.group === group && resource.kind === owner.kind) return resource;
    }
    return undefined;
  };

  const deleteDependents = async (node: GraphNode): Promise<void> => {
    const dependents = graph.dependentsOf(node.uid);
    const blocking = dependents.filter((dependent) =>
      dependent.owners.some((owner) => owner.uid === node.uid && owner.blockOwnerDeletion === true),
    );
    if (blocking.length === 0) await removeFinalizer(node, foregroundFinalizer);
    for (const dependent of dependents) if (!dependent.deleting) queue.add(dependent.uid);
  };

  const orphanDependents = async (node: GraphNode): Promise<void> => {
    for (const dependent of graph.dependentsOf(node.uid)) {
      await setOwners(
        dependent,
        dependent.owners.filter((owner) => owner.uid !== node.uid),
      );
    }
    await removeFinalizer(node, orphanFinalizer);
  };

  const setOwners = async (node: GraphNode, ownerReferences: readonly OwnerReference[]): Promise<void> => {
    const patch = { metadata: { uid: node.uid, ownerReferences } };
    await client.patch(node.resource, node.namespace, node.name, 'merge', patch).catch(ignoreGone);
  };

  const removeFinalizer = async (node: GraphNode, finalizer: string): Promise<void> => {
    const present = await client.get(node.resource, node.namespace, node.name).catch(ignoreGone);
    if (present === undefined || present.metadata.uid !== node.uid) return;
    const finalizers = (present.metadata.finalizers ?? []).filter((other) => other !== finalizer);
    const { resourceVersion } = present.metadata;
    const patch = { metadata: { uid: node.uid, resourceVersion, finalizers } };
    await client.patch(node.resource, node.namespace, node.name, 'merge', patch).catch(ignoreGone);
  };

  const onChange = (resource: Resource, change: Change<KubeObject>): void => {
    const { uid } = change.object.metadata;
    if (uid === undefined) return;
    if (change.type === 'deleted') {
      const owners = graph.get(uid)?.owners ?? [];
      graph.remove(uid);
      for (const dependent of graph.dependentsOf(uid)) queue.add(dependent.uid);
      // An owner that waits in the foreground may go now.
      for (const owner of owners) if (graph.get(owner.uid)?.deleting === true) queue.add(owner.uid);
      return;
    }
    const node = graph.set(resource, change.object);
    if (node === undefined) return;
    const ownersChanged =
      change.type === 'added' ||
      JSON.stringify(change.previous.metadata.ownerReferences) !==
        JSON.stringify(change.object.metadata.ownerReferences);
    if (ownersChanged && node.owners.some((owner) => graph.get(owner.uid) === undefined)) {
      for (const owner of node.owners) if (graph.get(owner.uid) === undefined) unseen.add(uid);
      planUnseen();
    }
    if (node.deleting && node.finalizers.length > 0) queue.add(uid);
    if (change.type === 'changed') {
      for (const owner of change.previous.metadata.ownerReferences ?? []) {
        if (graph.get(owner.uid)?.deleting === true) queue.add(owner.uid);
      }
    }
  };

  // Objects whose owners the graph has not seen; mostly the owner is just on its way through another informer.
  const unseen = new Set<string>();
  let unseenPlanned = false;
  const planUnseen = (): void => {
    if (unseenPlanned) return;
    unseenPlanned = true;
    clock.after(500, () => {
      unseenPlanned = false;
      for (const uid of unseen) {
        const node = graph.get(uid);
        if (node?.owners.some((owner) => graph.get(owner.uid) === undefined)) queue.add(uid);
      }
      unseen.clear();
    });
  };

  /** Follows every resource that is served now. */
  const follow = async (): Promise<void> => {
    const served = await servedResources(client, logger);
    if (closed) return;
    const names = new Set<string>();
    for (const resource of served) {
      const followable = resource.verbs.includes('watch') && resource.verbs.includes('delete');
      if (!followable || notFollowed.has(resource.plural)) continue;
      const name = `${resource.plural}.${resource.group}`;
      names.add(name);
      if (followed.has(name)) continue;
      const { group, version, kind, plural, namespaced } = resource;
      const plain: Resource = { group, version, kind, plural, namespaced };
      const entry = { resource: plain, end: () => {} };
      followed.set(name, entry);
      entry.end = informers.of(plain).subscribe((change) => onChange(plain, change));
    }
    for (const [name, { resource, end }] of followed) {
      if (names.has(name)) continue;
      end();
      followed.delete(name);
      informers.drop(resource);
    }
  };

  const queue = new WorkQueue({ clock, logger, ready, work: sync, backoff: { baseMs: 10, maxMs: 30_000 } });
  const discovery = new WorkQueue({
    clock,
    logger,
    work: follow,
    backoff: { baseMs: 50, maxMs: 5_000 },
  });
  discovery.add('all');
  const unsubscribe = informers.of(resources.customResourceDefinitions).subscribe(() => {
    discovery.addAfter('all', 100);
  });
  return {
    async close() {
      closed = true;
      unsubscribe();
      for (const { end } of followed.values()) end();
      await Promise.all([queue.close(), discovery.close()]).catch((error: unknown) => {
        logger.debug('closing', { error: messageOf(error) });
      });
    },
  };
}

/** Gone, or another object of the same name: nothing more to do. */
function ignoreGone(error: unknown): undefined {
  if (!isStatus(error, 'NotFound') && !isStatus(error, 'Conflict')) throw error;
}
