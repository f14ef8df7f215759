import type { KubeObject, OwnerReference, Resource } from '@lateen/kube';

/** An object, as far as owning and being owned goes. */
export interface GraphNode {
  readonly uid: string;
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly owners: readonly OwnerReference[];
  readonly finalizers: readonly string[];
  readonly deleting: boolean;
}

/** Who owns whom, by uid. Knows dependents of owners that it has never seen. */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  /** Puts an object in or renews it. Objects without owners, finalizers or dependents cost one entry. */
  set(resource: Resource, object: KubeObject): GraphNode | undefined {
    const {
      uid,
      namespace,
      name,
      ownerReferences = [],
      finalizers = [],
      deletionTimestamp,
    } = object.metadata;
    if (uid === undefined) return undefined;
    const before = this.#nodes.get(uid);
    const node: GraphNode = {
      uid,
      resource,
      namespace,
      name,
      owners: ownerReferences,
      finalizers,
      deleting: deletionTimestamp !== undefined,
    };
    this.#nodes.set(uid, node);
    for (const owner of before?.owners ?? []) this.#unlink(owner.uid, uid);
    for (const owner of ownerReferences) {
      const dependents = this.#dependents.get(owner.uid);
      if (dependents === undefined) this.#dependents.set(owner.uid, new Set([uid]));
      else dependents.add(uid);
    }
    return node;
  }

  remove(uid: string): void {
    for (const owner of this.#nodes.get(uid)?.owners ?? []) this.#unlink(owner.uid, uid);
    this.#nodes.delete(uid);
  }

  /** What has an owner reference to this uid. */
  dependentsOf(uid: string): GraphNode[] {
    const found: GraphNode[] = [];
    for (const dependent of this.#dependents.get(uid) ?? []) {
      const node = this.#nodes.get(dependent);
      if (node !== undefined) found.push(node);
    }
    return found;
  }

  #unlink(owner: string, dependent: string): void {
    const dependents = this.#dependents.get(owner);
    dependents?.delete(dependent);
    if (dependents?.size === 0) this.#dependents.delete(owner);
  }
}
