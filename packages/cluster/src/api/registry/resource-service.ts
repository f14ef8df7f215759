import type { Clock } from '@lateen/core';
import { cloneJson, isStatus, type KubeObject, type PatchType, type Resource } from '@lateen/kube';
import { applyObject, checkAppliedName } from '../patch/apply-object.ts';
import { badRequest, methodNotAllowed, noSuchPath } from '../status.ts';
import { applyChange, type PatchBody } from '../patch/apply-change.ts';
import { decodeObject } from './decode-object.ts';
import type { DeleteOptions } from './deletion.ts';
import type { ObjectEvent } from './object-store.ts';
import type { RequestContext } from './request-context.ts';
import {
  parseRevision,
  type ListPage,
  type PageRequest,
  type ResourceReader,
  type Selectors,
} from './resource-reader.ts';
import { apiVersionText, type ResourceType, type ServedVersion } from './resource-type.ts';
import type { ResourceWriter, WriteTarget } from './resource-writer.ts';
import type { ServedType, TypeRegistry } from './type-registry.ts';

export type { PatchType };

export interface ResourceServiceOptions {
  readonly types: TypeRegistry;
  readonly reader: ResourceReader;
  readonly writer: ResourceWriter;
  readonly clock: Clock;
  /** Awaited after each write and before its answer: what the write brings with it is done then. */
  readonly settled?: (type: ResourceType, context: RequestContext) => Promise<void>;
}

/** The API of all kinds, at the versions that clients ask for. What it returns is shared and must not be changed. */
export class ResourceService {
  readonly types: TypeRegistry;
  readonly #reader: ResourceReader;
  readonly #writer: ResourceWriter;
  readonly #clock: Clock;
  readonly #settled: NonNullable<ResourceServiceOptions['settled']>;
  readonly #converted = new WeakMap<KubeObject, Map<ServedVersion, KubeObject>>();

  constructor(options: ResourceServiceOptions) {
    const { types, reader, writer, clock } = options;
    this.types = types;
    this.#clock = clock;
    this.#settled = options.settled ?? (() => Promise.resolve());
    this.#reader = reader;
    this.#writer = writer;
  }

  /** Finds the resource; throws `NotFound` where it is not served. */
  served(resource: Pick<Resource, 'group' | 'version' | 'plural'>): ServedType {
    const served = this.types.find(resource.group, resource.version, resource.plural);
    if (served === undefined) throw noSuchPath();
    return served;
  }

  async get(served: ServedType, namespace: string, name: string): Promise<KubeObject> {
    return this.present(served, await this.#reader.get(served.type, namespace, name));
  }

  async list(served: ServedType, selectors: Selectors, page?: PageRequest): Promise<ListPage> {
    const list = await this.#reader.list(served.type, selectors, page);
    return { ...list, items: list.items.map((item) => this.present(served, item)) };
  }

  /** `onEnd` is called where the watch ends by itself. Throws `Expired` where the revision is no longer kept. */
  watch(
    served: ServedType,
    selectors: Selectors,
    resourceVersion: string,
    onEvents: (events: readonly ObjectEvent[]) => void,
    onEnd: () => void,
  ): () => void {
    const stopWatch = this.#reader.watch(served.type, selectors, parseRevision(resourceVersion), (events) =>
      onEvents(events.map((event) => ({ ...event, object: this.present(served, event.object) }))),
    );
    // A kind that goes, goes with its watches.
    const stopTypes = this.types.onChange(() => {
      const { group, version } = served.version;
      if (this.types.find(group, version, served.type.plural)?.type === served.type) return;
      stop();
      onEnd();
    });
    const stop = (): void => {
      stopWatch();
      stopTypes();
    };
    return stop;
  }

  /** The newest revision. */
  revision(): number {
    return this.#reader.revision();
  }

  async create(
    served: ServedType,
    namespace: string,
    body: KubeObject,
    context: RequestContext,
  ): Promise<KubeObject> {
    checkVerb(served, 'create');
    const object = this.#accept(served, namespace, body, context);
    const target = targetOf(served, namespace, object.metadata.name ?? '');
    const created = await this.#writer.create(target, object, context);
    await this.#settled(served.type, context);
    return this.present(served, created);
  }

  async update(
    served: ServedType,
    namespace: string,
    name: string,
    body: KubeObject,
    context: RequestContext,
    subresource = '',
  ): Promise<KubeObject> {
    checkVerb(served, 'update');
    const object = this.#accept(served, namespace, body, context);
    if (object.metadata.name !== name) {
      throw badRequest(
        `the name of the object (${object.metadata.name}) does not match the name on the URL (${name})`,
      );
    }
    const target = targetOf(served, namespace, name);
    const written = await this.#writer.update(target, () => cloneJson(object), context, subresource);
    await this.#settled(served.type, context);
    return this.present(served, written);
  }

  async patch(
    served: ServedType,
    namespace: string,
    name: string,
    body: PatchBody,
    context: RequestContext,
    subresource = '',
  ): Promise<KubeObject> {
    checkVerb(served, 'patch');
    const target = targetOf(served, namespace, name);
    if (body.type === 'apply') return this.#apply(served, target, body, context, subresource);
    const written = await this.#writer.update(
      target,
      (current) => {
        const changed = applyChange(served, this.present(served, current), body);
        return this.#accept(served, namespace, changed, context);
      },
      context,
      subresource,
    );
    await this.#settled(served.type, context);
    return this.present(served, written);
  }

  async #apply(
    served: ServedType,
    target: WriteTarget,
    body: PatchBody,
    context: RequestContext,
    subresource: string,
  ): Promise<KubeObject> {
    const { namespace } = target;
    const applied = { ...context, applied: true };
    const apply = (current: KubeObject | undefined): KubeObject => {
      const live = current === undefined ? undefined : this.present(served, current);
      const wanted = cloneJson(body.patch);
      checkAppliedName(wanted, target.name);
      const decoded = decodeObject(served, namespace, wanted, context);
      const result = applyObject(served, live, decoded, body.force, context, subresource, this.#clock.now());
      return this.#accept(served, namespace, cloneJson(result), {
        ...applied,
        fieldValidation: 'Ignore',
      });
    };
    const written = await this.#writer.update(target, apply, applied, subresource).catch((error: unknown) => {
      if (!isStatus(error, 'NotFound') || subresource !== '') throw error;
      return this.#writer.create(target, apply(undefined), applied);
    });
    await this.#settled(served.type, context);
    return this.present(served, written);
  }

  async delete(
    served: ServedType,
    namespace: string,
    name: string,
    options: DeleteOptions,
    context: RequestContext,
  ): Promise<{ readonly object: KubeObject; readonly gone: boolean }> {
    checkVerb(served, 'delete');
    const result = await this.#writer.delete(targetOf(served, namespace, name), options, context);
    return { object: this.present(served, result.object), gone: result.gone };
  }

  /** A stored object in the version that was asked for. */
  present(served: ServedType, object: KubeObject): KubeObject {
    const { type, version } = served;
    if (version === type.stored) return object;
    let versions = this.#converted.get(object);
    if (versions === undefined) this.#converted.set(object, (versions = new Map()));
    let converted = versions.get(version);
    if (converted === undefined) {
      converted = version.fromStored?.(cloneJson(object)) ?? { ...object };
      converted.apiVersion = apiVersionText(version);
      versions.set(version, converted);
    }
    return converted;
  }

  /** Checks what a client sent and gives it in the stored version. */
  #accept(served: ServedType, namespace: string, body: KubeObject, context: RequestContext): KubeObject {
    const { type, version } = served;
    const decoded = decodeObject(served, namespace, body, context);
    if (type.notice !== undefined) context.warn(type.notice);
    if (version === type.stored) return decoded;
    if (version.deprecation !== undefined) context.warn(version.deprecation);
    const stored = version.toStored?.(decoded) ?? decoded;
    stored.apiVersion = apiVersionText(type.stored);
    stored.kind = type.kind;
    return stored;
  }
}

function targetOf(served: ServedType, namespace: string, name: string): WriteTarget {
  return { type: served.type, version: served.version, namespace, name };
}

function checkVerb(served: ServedType, verb: string): void {
  if (served.type.verbs !== undefined && !served.type.verbs.includes(verb)) throw methodNotAllowed();
}
