import type { KubeObject } from '@lateen/kube';
import { RevisionError, type ListRange, type Store, type StoreEvent } from '../storage/store.ts';
import { expired } from '../status.ts';
import type { ResourceType } from './resource-type.ts';

/** An object as it is stored. Shared between all readers: never change it. */
export interface StoredObject {
  readonly object: KubeObject;
  readonly revision: number;
}

export interface ObjectEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** After the change; before it where it was deleted, with the revision of the deletion. */
  readonly object: KubeObject;
  readonly previous: KubeObject | undefined;
  readonly revision: number;
}

export interface ObjectList {
  readonly items: StoredObject[];
  readonly revision: number;
  readonly remaining: number;
  /** Key of the last item, from which the next page continues. */
  readonly lastKey: string | undefined;
}

/** Thrown into a write that lost a race: read again and retry. */
export class WriteRaceError extends Error {
  readonly reason: 'exists' | 'missing' | 'changed';
  constructor(reason: 'exists' | 'missing' | 'changed') {
    super(`the object ${reason === 'changed' ? 'has changed' : `is ${reason}`}`);
    this.reason = reason;
  }
}

/** Objects over a {@link Store}: keys, encoding, revisions in `metadata.resourceVersion`, and a cache of what was decoded. */
export class ObjectStore {
  readonly #store: Store;
  readonly #living = new Map<string, StoredObject>();
  readonly #decodedEvents = new WeakMap<StoreEvent, ObjectEvent>();

  constructor(store: Store) {
    this.#store = store;
  }

  revision(): number {
    return this.#store.revision();
  }

  async get(type: ResourceType, namespace: string, name: string): Promise<StoredObject | undefined> {
    const key = keyOf(type, namespace, name);
    const found = await this.#store.get(key);
    return found === undefined ? undefined : this.#decode(key, found.revision, found.value);
  }

  async list(type: ResourceType, namespace: string, range?: ListRange): Promise<ObjectList> {
    const list = await this.#store.list(prefixOf(type, namespace), range).catch(rejectExpired);
    const items = list.items.map((item) => this.#decode(item.key, item.revision, item.value));
    const lastKey = list.items.at(-1)?.key;
    return { items, revision: list.revision, remaining: list.remaining, lastKey };
  }

  /** Stores the object, which is the store's from now on. */
  async create(type: ResourceType, object: KubeObject): Promise<StoredObject> {
    const key = keyOf(type, object.metadata.namespace ?? '', object.metadata.name);
    const result = await this.#store.create(key, encode(object));
    if (!result.ok) throw new WriteRaceError(result.reason);
    return this.#keep(key, result.revision, object);
  }

  async update(type: ResourceType, object: KubeObject, expected: number): Promise<StoredObject> {
    const key = keyOf(type, object.metadata.namespace ?? '', object.metadata.name);
    const result = await this.#store.update(key, encode(object), expected);
    if (!result.ok) throw new WriteRaceError(result.reason);
    return this.#keep(key, result.revision, object);
  }

  /** Deletes the object and returns the revision of the deletion. */
  async delete(type: ResourceType, object: KubeObject, expected: number): Promise<number> {
    const key = keyOf(type, object.metadata.namespace ?? '', object.metadata.name);
    const result = await this.#store.delete(key, expected);
    if (!result.ok) throw new WriteRaceError(result.reason);
    this.#living.delete(key);
    return result.revision;
  }

  /** Throws `Expired` where the revision is no longer kept. */
  watch(
    type: ResourceType,
    namespace: string,
    revision: number,
    onEvents: (events: readonly ObjectEvent[]) => void,
  ): () => void {
    try {
      return this.#store.watch(prefixOf(type, namespace), revision, (events) =>
        onEvents(events.map((event) => this.#event(event))),
      );
    } catch (error) {
      return rejectExpired(error);
    }
  }

  #decode(key: string, revision: number, value: string): StoredObject {
    const cached = this.#living.get(key);
    if (cached?.revision === revision) return cached;
    const decoded = { object: decode(value, revision), revision };
    if (cached === undefined || cached.revision < revision) this.#living.set(key, decoded);
    return decoded;
  }

  #keep(key: string, revision: number, object: KubeObject): StoredObject {
    const metadata = { ...object.metadata, resourceVersion: String(revision) };
    const kept = { object: { ...object, metadata }, revision };
    const present = this.#living.get(key);
    if (present === undefined || present.revision < revision) this.#living.set(key, kept);
    return kept;
  }

  #event(event: StoreEvent): ObjectEvent {
    const known = this.#decodedEvents.get(event);
    if (known !== undefined) return known;
    const { previous, revision } = event;
    const before = previous === undefined ? undefined : decode(previous.value, previous.revision);
    let decoded: ObjectEvent;
    if (event.value !== undefined) {
      const cached = this.#living.get(event.key);
      const object = cached?.revision === revision ? cached.object : decode(event.value, revision);
      decoded = { type: before === undefined ? 'ADDED' : 'MODIFIED', object, previous: before, revision };
    } else {
      const last = decode(previous?.value ?? '{"metadata":{}}', revision);
      decoded = { type: 'DELETED', object: last, previous: before, revision };
    }
    this.#decodedEvents.set(event, decoded);
    return decoded;
  }
}

/** All objects of a type lie under one prefix, those of a namespace under one inside it. */
function prefixOf(type: ResourceType, namespace: string): string {
  const root = `/${type.group === '' ? 'core' : type.group}/${type.plural}/`;
  return namespace === '' ? root : `${root}${namespace}/`;
}

export function keyOf(type: ResourceType, namespace: string, name: string): string {
  return `/${type.group === '' ? 'core' : type.group}/${type.plural}/${namespace}/${name}`;
}

function encode(object: KubeObject): string {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return JSON.stringify({ ...object, metadata });
}

function decode(value: string, revision: number): KubeObject {
  const object = JSON.parse(value) as KubeObject;
  object.metadata.resourceVersion = String(revision);
  return object;
}

function rejectExpired(error: unknown): never {
  if (!(error instanceof RevisionError)) throw error;
  if (error.kind === 'compacted') {
    throw expired(`too old resource version: ${error.revision} (${error.bound})`);
  }
  throw expired(`Too large resource version: ${error.revision}, current: ${error.bound}`);
}
