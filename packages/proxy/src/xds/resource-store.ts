import { resourceTypeFacts, type ResourceType } from './resource-type.ts';
import type { RawResource } from './subscription.ts';

/** Resources that hold no secret are kept on disk, the others in memory, where there is a folder for that. */
export type KeptIn = 'disk' | 'memory';

/** A resource that a control plane sent, as it came: for dumps and for the next start. */
export interface StoredResource {
  readonly name: string;
  readonly version: string;
  readonly bytes: Uint8Array;
  readonly updatedAtMs: number;
  /** Where it is kept for the next start; undefined: nowhere. */
  readonly kept: KeptIn | undefined;
  /** The version that serves while this one is warming. */
  previous?: StoredResource | undefined;
  /** True until it is in force. */
  warming: boolean;
}

/** A resource that was refused. */
export interface RefusedUpdate {
  readonly name: string;
  readonly version: string;
  readonly bytes: Uint8Array;
  readonly refusedAtMs: number;
  readonly reason: string;
}

/** What came of one kind. */
export interface StoredKind {
  /** Version of the last response. */
  readonly version: string;
  readonly resources: ReadonlyMap<string, StoredResource>;
  /** Last refusals, by name, until a good version of the same name comes. */
  readonly refused: ReadonlyMap<string, RefusedUpdate>;
}

interface Kind extends StoredKind {
  version: string;
  readonly resources: Map<string, StoredResource>;
  readonly refused: Map<string, RefusedUpdate>;
}

const emptyKind: StoredKind = { version: '', resources: new Map(), refused: new Map() };

/** The last good version of every resource that came by subscription, in the bytes in which it came: they are kept. */
export class ResourceStore {
  /** Told the kind whenever resources that may last change. */
  onChange: ((type: ResourceType) => void) | undefined;
  readonly #kinds = new Map<ResourceType, Kind>();

  kind(type: ResourceType): StoredKind {
    return this.#kinds.get(type) ?? emptyKind;
  }

  /** What the next start may begin with. */
  keptIn(
    place: KeptIn,
    type: ResourceType,
  ): { readonly version: string; readonly resources: readonly RawResource[] } {
    const { version, resources } = this.kind(type);
    const { typeUrl } = resourceTypeFacts[type];
    const list = [...resources.values()].filter((one) => one.kept === place);
    return {
      version,
      resources: list.map(({ name, version: own, bytes }) => ({ name, version: own, typeUrl, bytes })),
    };
  }

  noteVersion(type: ResourceType, version: string): void {
    this.#of(type).version = version;
  }

  accept(
    type: ResourceType,
    resource: RawResource,
    atMs: number,
    kept: KeptIn | undefined,
    warming = false,
  ): void {
    const kind = this.#of(type);
    const { name, version } = resource;
    const before = kind.resources.get(name);
    const previous = warming && before !== undefined && !before.warming ? before : before?.previous;
    kind.resources.set(name, {
      name,
      version,
      bytes: resource.bytes,
      updatedAtMs: atMs,
      kept,
      warming,
      ...(warming ? { previous } : {}),
    });
    kind.refused.delete(name);
    this.onChange?.(type);
  }

  /** The last version that was accepted has come into force. */
  settle(type: ResourceType, name: string): void {
    const resource = this.kind(type).resources.get(name);
    if (resource === undefined) return;
    resource.warming = false;
    resource.previous = undefined;
  }

  refuse(type: ResourceType, resource: RawResource, reason: string, atMs: number): void {
    const { name, version } = resource;
    this.#of(type).refused.set(name, {
      name,
      version,
      bytes: resource.bytes,
      refusedAtMs: atMs,
      reason,
    });
  }

  remove(type: ResourceType, name: string): void {
    const kind = this.#of(type);
    if (kind.resources.delete(name)) this.onChange?.(type);
    kind.refused.delete(name);
  }

  /** Forgets what is not referred to any more. */
  keepOnly(type: ResourceType, names: { has(name: string): boolean }): void {
    const kind = this.#of(type);
    for (const name of kind.resources.keys()) if (!names.has(name)) this.remove(type, name);
    for (const name of kind.refused.keys()) if (!names.has(name)) kind.refused.delete(name);
  }

  #of(type: ResourceType): Kind {
    let kind = this.#kinds.get(type);
    if (kind === undefined) {
      kind = { version: '', resources: new Map(), refused: new Map() };
      this.#kinds.set(type, kind);
    }
    return kind;
  }
}
