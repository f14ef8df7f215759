import type { KubeObject } from './object.ts';

/** Names the keys under which an object is found in an index. */
export type IndexFunction<T> = (object: T) => readonly string[];

const cluster = '';

/** Objects by namespace and name, and by whatever indexes were asked for. Keeps the order of insertion. */
export class ObjectStore<T extends KubeObject> {
  readonly #namespaces = new Map<string, Map<string, T>>();
  readonly #indexes = new Map<
    string,
    { readonly keysOf: IndexFunction<T>; readonly entries: Map<string, Set<T>> }
  >();

  constructor(indexes: Readonly<Record<string, IndexFunction<T>>> = {}) {
    for (const [name, keysOf] of Object.entries(indexes))
      this.#indexes.set(name, { keysOf, entries: new Map() });
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#namespaces.get(namespace ?? cluster)?.get(name);
  }

  /** All objects, or those of one namespace. */
  list(namespace?: string): T[] {
    if (namespace !== undefined) return [...(this.#namespaces.get(namespace)?.values() ?? [])];
    const all: T[] = [];
    for (const objects of this.#namespaces.values()) for (const object of objects.values()) all.push(object);
    return all;
  }

  /** The objects that an index holds under a key. */
  byIndex(index: string, key: string): T[] {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new Error(`there is no index ${index}`);
    return [...(found.entries.get(key) ?? [])];
  }

  /** Puts an object in, in the place of the one with its name, which is returned. */
  set(object: T): T | undefined {
    const namespace = object.metadata.namespace ?? cluster;
    let objects = this.#namespaces.get(namespace);
    if (objects === undefined) this.#namespaces.set(namespace, (objects = new Map<string, T>()));
    const previous = objects.get(object.metadata.name);
    objects.set(object.metadata.name, object);
    if (previous !== undefined) this.#unindex(previous);
    for (const { keysOf, entries } of this.#indexes.values()) {
      for (const key of keysOf(object)) {
        const set = entries.get(key);
        if (set === undefined) entries.set(key, new Set([object]));
        else set.add(object);
      }
    }
    return previous;
  }

  /** Takes an object out and returns it. */
  remove(namespace: string | undefined, name: string): T | undefined {
    const objects = this.#namespaces.get(namespace ?? cluster);
    const previous = objects?.get(name);
    if (objects === undefined || previous === undefined) return undefined;
    objects.delete(name);
    if (objects.size === 0) this.#namespaces.delete(namespace ?? cluster);
    this.#unindex(previous);
    return previous;
  }

  #unindex(object: T): void {
    for (const { keysOf, entries } of this.#indexes.values()) {
      for (const key of keysOf(object)) {
        const set = entries.get(key);
        set?.delete(object);
        if (set?.size === 0) entries.delete(key);
      }
    }
  }
}
