import type { ResourceType, ServedVersion } from './resource-type.ts';

/** A resource at one of its versions. */
export interface ServedType {
  readonly type: ResourceType;
  readonly version: ServedVersion;
}

/** Every kind that is served at this moment; CustomResourceDefinitions add and remove some. */
export class TypeRegistry {
  readonly #types = new Set<ResourceType>();
  readonly #byPath = new Map<string, ServedType>();
  readonly #byKind = new Map<string, ServedType>();
  readonly #listeners = new Set<() => void>();
  #generation = 0;

  constructor(types: readonly ResourceType[]) {
    for (const type of types) this.#add(type);
  }

  find(group: string, version: string, plural: string): ServedType | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  findKind(group: string, version: string, kind: string): ServedType | undefined {
    return this.#byKind.get(`${group}/${version}/${kind}`);
  }

  /** The type with this group and plural name, whatever the version. */
  findPlural(group: string, plural: string): ResourceType | undefined {
    for (const type of this.#types) {
      if (type.plural === plural && type.versions.some((version) => version.group === group)) return type;
    }
    return undefined;
  }

  types(): Iterable<ResourceType> {
    return this.#types;
  }

  /** Replaces the type made earlier under the same owner; `undefined` only removes it. */
  replace(old: ResourceType | undefined, type: ResourceType | undefined): void {
    if (old !== undefined) this.#remove(old);
    if (type !== undefined) this.#add(type);
    this.#generation++;
    for (const listener of this.#listeners) listener();
  }

  /** Counts the changes; documents made from the registry are good for one generation. */
  get generation(): number {
    return this.#generation;
  }

  /** Calls `listener` after each change; returns the function that stops it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #add(type: ResourceType): void {
    this.#types.add(type);
    for (const version of type.versions) {
      const path = `${version.group}/${version.version}`;
      this.#byPath.set(`${path}/${type.plural}`, { type, version });
      this.#byKind.set(`${path}/${type.kind}`, { type, version });
    }
  }

  #remove(type: ResourceType): void {
    this.#types.delete(type);
    for (const version of type.versions) {
      const path = `${version.group}/${version.version}`;
      this.#byPath.delete(`${path}/${type.plural}`);
      this.#byKind.delete(`${path}/${type.kind}`);
    }
  }
}
