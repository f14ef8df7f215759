import type { Clock } from '@lateen/core';
import {
  cloneJson,
  sameJson,
  trackUpdate,
  type FieldType,
  type KubeObject,
  type Manager,
} from '@lateen/kube';
import type { AdmissionOperation, AdmissionPlugin, AdmissionRequest } from '../admission/admission.ts';
import { alreadyExists, badRequest, conflict, invalid, notFound } from '../status.ts';
import type { FieldError } from '../field-error.ts';
import { validateMetadata } from '../validation/metadata.ts';
import { decideDeletion, type DeleteOptions } from './deletion.ts';
import { beginObject, continueObject, generatedName, timeText } from './object-meta.ts';
import { WriteRaceError, type ObjectStore, type StoredObject } from './object-store.ts';
import type { RequestContext } from './request-context.ts';
import { apiVersionText, type ResourceType, type ServedVersion } from './resource-type.ts';

/** Where a write goes. `namespace` is empty for kinds without one. */
export interface WriteTarget {
  readonly type: ResourceType;
  readonly version: ServedVersion;
  readonly namespace: string;
  readonly name: string;
}

/** Gives the new state from a copy of the present one, in the stored version. */
export type Change = (current: KubeObject) => KubeObject | Promise<KubeObject>;

export interface ResourceWriterOptions {
  readonly objects: ObjectStore;
  readonly clock: Clock;
  /** In the order in which they run. */
  readonly admission: readonly AdmissionPlugin[];
}

// A write without an expected revision that loses races is tried again this often.
const maxRaces = 20;
const maxNameAttempts = 8;
/** Subresources whose handlers change just what they are for; the rules of the kind would refuse it. */
const ownRules: ReadonlySet<string> = new Set(['binding', 'finalize']);

/** Writes objects of any type, in the stored version: defaults, admission, rules of the kind, then storage. */
export class ResourceWriter {
  readonly #objects: ObjectStore;
  readonly #clock: Clock;
  readonly #admission: readonly AdmissionPlugin[];

  constructor(options: ResourceWriterOptions) {
    this.#objects = options.objects;
    this.#clock = options.clock;
    this.#admission = options.admission;
  }

  /** Creates the object; it is the writer's from now on. */
  async create(target: WriteTarget, object: KubeObject, context: RequestContext): Promise<KubeObject> {
    const { type } = target;
    const { metadata } = object;
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== '') {
      throw badRequest('resourceVersion should not be set on objects to be created');
    }
    const base = metadata.generateName;
    const generated = (metadata.name ?? '') === '' && base !== undefined && base !== '';
    for (let attempt = 1; ; attempt++) {
      const fresh = generated ? cloneJson(object) : object;
      if (generated) fresh.metadata.name = generatedName(base);
      try {
        return await this.#createNamed(target, fresh, context);
      } catch (error) {
        if (!(error instanceof WriteRaceError)) throw error;
        if (!generated) throw alreadyExists(type, fresh.metadata.name);
        if (attempt === maxNameAttempts) throw alreadyExists(type, fresh.metadata.name);
      }
    }
  }

  async #createNamed(target: WriteTarget, object: KubeObject, context: RequestContext): Promise<KubeObject> {
    const { type } = target;
    const { strategy } = type;
    beginObject(type, object, this.#clock.now());
    if (type.stored.subresources.status) delete object['status'];
    strategy.prepare?.(object, undefined);
    strategy.setDefaults?.(object);
    const request = this.#request('CREATE', target, object, undefined, context, '');
    try {
      await this.#mutate(request);
      strategy.setDefaults?.(object);
      this.#check(type, object, undefined, undefined);
      await this.#validate(request);
      this.#account(target, object, undefined, context, '');
      if (context.dryRun) {
        const existing = await this.#objects.get(type, object.metadata.namespace ?? '', object.metadata.name);
        if (existing !== undefined) throw new WriteRaceError('exists');
        this.#release(request);
        return object;
      }
      return (await this.#objects.create(type, object)).object;
    } catch (error) {
      this.#release(request);
      throw error;
    }
  }

  /**
   * Changes an object: reads it, applies `change`, and writes; again from the beginning where another write came
   * between, unless the changed object names the `resourceVersion` that it is based on.
   */
  async update(
    target: WriteTarget,
    change: Change,
    context: RequestContext,
    subresource = '',
  ): Promise<KubeObject> {
    const { type, namespace, name } = target;
    for (let race = 0; ; race++) {
      const current = await this.#objects.get(type, namespace, name);
      if (current === undefined) throw notFound(type, name);
      const changed = await change(cloneJson(current.object));
      const based = changed.metadata.resourceVersion;
      const pinned = based !== undefined && based !== '' && based !== current.object.metadata.resourceVersion;
      if (pinned) throw conflict(type, name);
      this.#checkIdentity(target, changed, current);
      try {
        return await this.#replace(target, changed, current, context, subresource);
      } catch (error) {
        if (!(error instanceof WriteRaceError)) throw error;
        if (error.reason === 'missing') throw notFound(type, name);
        if (race === maxRaces) throw conflict(type, name);
      }
    }
  }

  #checkIdentity(target: WriteTarget, changed: KubeObject, current: StoredObject): void {
    const { type, name } = target;
    const uid = changed.metadata.uid;
    if (uid !== undefined && uid !== '' && uid !== current.object.metadata.uid) {
      const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.object.metadata.uid}`;
      throw conflict(type, name, why);
    }
  }

  async #replace(
    target: WriteTarget,
    object: KubeObject,
    current: StoredObject,
    context: RequestContext,
    subresource: string,
  ): Promise<KubeObject> {
    const { type } = target;
    const { strategy } = type;
    const old = current.object;
    if (subresource === 'status') takeStatusOnly(object, old);
    else if (!ownRules.has(subresource)) {
      if (type.stored.subresources.status) keepStatus(object, old);
      strategy.prepare?.(object, old);
    }
    continueObject(type, object, old);
    strategy.setDefaults?.(object);
    const request = this.#request('UPDATE', target, object, old, context, subresource);
    try {
      await this.#mutate(request);
      strategy.setDefaults?.(object);
      continueObject(type, object, old);
      this.#check(type, object, old, subresource);
      await this.#validate(request);
      this.#account(target, object, old, context, subresource);
      object.metadata.resourceVersion = String(current.revision);
      if (sameJson(object, old)) return old;
      if (context.dryRun) {
        this.#release(request);
        return object;
      }
      if (mayVanish(type, object)) {
        const revision = await this.#objects.delete(type, object, current.revision);
        object.metadata.resourceVersion = String(revision);
        return object;
      }
      return (await this.#objects.update(type, object, current.revision)).object;
    } catch (error) {
      this.#release(request);
      throw error;
    }
  }

  /**
   * Deletes an object, or marks it as about to be: where it has finalizers or ends gracefully.
   * `gone` says which.
   */
  async delete(
    target: WriteTarget,
    options: DeleteOptions,
    context: RequestContext,
  ): Promise<{ readonly object: KubeObject; readonly gone: boolean }> {
    const { type, namespace, name } = target;
    for (let race = 0; ; race++) {
      const current = await this.#objects.get(type, namespace, name);
      if (current === undefined) throw notFound(type, name);
      checkPreconditions(target, current.object, options);
      const request = this.#request('DELETE', target, undefined, current.object, context, '');
      await this.#mutate(request);
      await this.#validate(request);
      const decision = decideDeletion(type, cloneJson(current.object), options, this.#clock.now());
      try {
        if (decision.kind === 'remove') {
          if (context.dryRun) return { object: decision.object, gone: true };
          const revision = await this.#objects.delete(type, decision.object, current.revision);
          decision.object.metadata.resourceVersion = String(revision);
          return { object: decision.object, gone: true };
        }
        if (context.dryRun || sameJson(decision.object, current.object)) {
          return { object: decision.object, gone: false };
        }
        const marked = await this.#objects.update(type, decision.object, current.revision);
        return { object: marked.object, gone: false };
      } catch (error) {
        if (!(error instanceof WriteRaceError)) throw error;
        if (error.reason === 'missing') throw notFound(type, name);
        if (race === maxRaces) throw conflict(type, name);
      }
    }
  }

  /** Keeps `metadata.managedFields`: the writer owns what it changed. */
  #account(
    target: WriteTarget,
    object: KubeObject,
    old: KubeObject | undefined,
    context: RequestContext,
    subresource: string,
  ): void {
    if (context.applied === true) return;
    const before = object.metadata.managedFields ?? old?.metadata.managedFields;
    const name = context.fieldManager;
    const { stored } = target.type;
    const manager: Manager | undefined =
      name === ''
        ? undefined
        : {
            name,
            apiVersion: apiVersionText(stored),
            time: timeText(this.#clock.now()),
            ...(subresource === '' ? {} : { subresource }),
          };
    const type: FieldType = { kind: 'object', schema: stored.schema };
    const managed = trackUpdate(old, object, before, type, manager);
    if (managed.length === 0) delete object.metadata.managedFields;
    else object.metadata.managedFields = managed;
  }

  #request(
    operation: AdmissionOperation,
    target: WriteTarget,
    object: KubeObject | undefined,
    old: KubeObject | undefined,
    context: RequestContext,
    subresource: string,
  ): AdmissionRequest {
    const { type, version, namespace } = target;
    const name = object?.metadata.name ?? target.name;
    return { operation, type, version, namespace, name, subresource, object, old, context };
  }

  async #mutate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.#admission) await plugin.mutate?.(request);
  }

  async #validate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.#admission) await plugin.validate?.(request);
  }

  #release(request: AdmissionRequest): void {
    for (const plugin of this.#admission) plugin.release?.(request);
  }

  #check(
    type: ResourceType,
    object: KubeObject,
    old: KubeObject | undefined,
    subresource: string | undefined,
  ): void {
    const errors: FieldError[] = validateMetadata(type, object, old);
    if (subresource === 'status') {
      if (old !== undefined) errors.push(...(type.strategy.validateStatus?.(object, old) ?? []));
    } else if (!ownRules.has(subresource ?? ''))
      errors.push(...(type.strategy.validate?.(object, old) ?? []));
    if (errors.length > 0) throw invalid(type, object.metadata.name, errors);
  }
}

/** Nothing holds the object any more: it was marked for deletion, has no finalizer left, and no grace to wait for. */
function mayVanish(type: ResourceType, object: KubeObject): boolean {
  const { metadata } = object;
  if (metadata.deletionTimestamp === undefined) return false;
  if ((metadata.finalizers?.length ?? 0) > 0) return false;
  if (type.strategy.holdsDeletion?.(object) === true) return false;
  return (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

function keepStatus(object: KubeObject, old: KubeObject): void {
  if (old['status'] === undefined) delete object['status'];
  else object['status'] = old['status'];
}

function takeStatusOnly(object: KubeObject, old: KubeObject): void {
  const { status, metadata } = object;
  for (const name of Object.keys(object)) delete object[name];
  Object.assign(object, cloneJson(old));
  if (metadata.managedFields !== undefined) object.metadata.managedFields = metadata.managedFields;
  if (status === undefined) delete object['status'];
  else object['status'] = status;
}

function checkPreconditions(target: WriteTarget, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options;
  const { metadata } = object;
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`;
    throw conflict(target.type, target.name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`;
    throw conflict(target.type, target.name, why);
  }
}
