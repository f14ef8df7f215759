import { messageOf, type Clock, type Logger } from '@lateen/core';
import { isStatus, type JsonObject, type KubeObject, type ObjectSchema } from '@lateen/kube';
import { objectIn, objectsIn, textIn } from '../builtin/default-fields.ts';
import { timeText } from '../registry/object-meta.ts';
import type { ObjectStore } from '../registry/object-store.ts';
import type { RequestContext } from '../registry/request-context.ts';
import type { ResourceService } from '../registry/resource-service.ts';
import type { ResourceType } from '../registry/resource-type.ts';
import type { ServedType } from '../registry/type-registry.ts';
import { cleanupFinalizer } from './crd-strategy.ts';
import { customType } from './custom-type.ts';

export interface CrdRegistrarOptions {
  readonly objects: ObjectStore;
  readonly service: ResourceService;
  readonly metadata: ObjectSchema;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly context: RequestContext;
}

interface Registered {
  readonly type: ResourceType;
  /** The JSON of the definition's spec from which the type was made. */
  readonly spec: string;
}

/** Follows the CustomResourceDefinitions: serves their kinds, tells so in their status, and cleans up after them. */
export class CrdRegistrar {
  readonly #options: CrdRegistrarOptions;
  readonly #registered = new Map<string, Registered>();
  readonly #crds: ServedType;
  /** Definitions are worked on one after the other. */
  #work: Promise<void> = Promise.resolve();
  #closed = false;
  readonly #stops: (() => void)[] = [];

  constructor(options: CrdRegistrarOptions) {
    this.#options = options;
    const group = 'apiextensions.k8s.io';
    this.#crds = options.service.served({ group, version: 'v1', plural: 'customresourcedefinitions' });
  }

  /** Resolves when the kinds of all stored definitions are served. */
  async start(): Promise<void> {
    const { objects } = this.#options;
    const { items, revision } = await objects.list(this.#crds.type, '');
    for (const { object } of items) await this.#sync(object);
    this.#stops.push(
      objects.watch(this.#crds.type, '', revision, (events) => {
        for (const event of events) {
          if (event.type === 'DELETED') this.#enqueue(() => this.#forget(event.object.metadata.name));
          else this.#enqueue(() => this.#sync(event.object));
        }
      }),
    );
  }

  /** Resolves when every definition written so far is served. */
  settled(): Promise<void> {
    return this.#work;
  }

  close(): void {
    this.#closed = true;
    for (const stop of this.#stops) stop();
  }

  #enqueue(run: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#closed) return;
      try {
        await run();
      } catch (error) {
        if (isStatus(error, 'NotFound') || this.#closed) return;
        this.#options.logger.error('a CustomResourceDefinition could not be served', {
          error: messageOf(error),
        });
      }
    });
  }

  async #sync(crd: KubeObject): Promise<void> {
    const { name } = crd.metadata;
    if (crd.metadata.deletionTimestamp !== undefined) {
      await this.#cleanUp(crd);
      return;
    }
    const spec = JSON.stringify(crd['spec']);
    const known = this.#registered.get(name);
    if (known?.spec !== spec) {
      const conflict = this.#nameConflict(crd);
      if (conflict !== undefined) {
        await this.#report(crd, conflict);
        return;
      }
      const type = await customType(crd, this.#options.metadata);
      this.#options.service.types.replace(known?.type, type);
      this.#registered.set(name, { type, spec });
    }
    await this.#report(crd, undefined);
  }

  /** Says which other kind already has this plural name or kind in the group. */
  #nameConflict(crd: KubeObject): string | undefined {
    const spec = objectIn(crd, 'spec') ?? {};
    const names = objectIn(spec, 'names') ?? {};
    for (const type of this.#options.service.types.types()) {
      if (type === this.#registered.get(crd.metadata.name)?.type) continue;
      if (!type.versions.some((version) => version.group === textIn(spec, 'group'))) continue;
      if (type.plural === textIn(names, 'plural')) return `${type.plural} is already in use`;
      if (type.kind === textIn(names, 'kind')) return `${type.kind} is already in use`;
    }
    return undefined;
  }

  async #report(crd: KubeObject, conflict: string | undefined): Promise<void> {
    const spec = objectIn(crd, 'spec') ?? {};
    const names = objectIn(spec, 'names') ?? {};
    const present = objectIn(crd, 'status') ?? {};
    const stored = textIn(
      objectsIn(spec, 'versions').find((version) => version['storage'] === true),
      'name',
    );
    const before = Array.isArray(present['storedVersions']) ? (present['storedVersions'] as unknown[]) : [];
    const accepted = conflict === undefined;
    const conditions = [
      [
        'NamesAccepted',
        accepted,
        accepted ? 'NoConflicts' : 'NamesConflict',
        conflict ?? 'no conflicts found',
      ],
      [
        'Established',
        accepted,
        accepted ? 'InitialNamesAccepted' : 'NotAccepted',
        accepted ? 'the initial names have been accepted' : 'not all names are accepted',
      ],
    ] as const;
    const status = {
      acceptedNames: accepted ? names : { plural: '', kind: '' },
      conditions: conditions.map(([type, good, reason, message]) =>
        conditionOf(
          present,
          { type, status: good ? 'True' : 'False', reason, message },
          this.#options.clock.now(),
        ),
      ),
      storedVersions: before.includes(stored) ? before : [...before, stored],
    };
    const body = { ...crd, status };
    await this.#options.service
      .update(this.#crds, '', crd.metadata.name, body, this.#options.context, 'status')
      .catch((error: unknown) => {
        // Changed meanwhile: the next event brings it back here.
        if (!isStatus(error, 'Conflict')) throw error;
      });
  }

  /** Deletes the objects of a definition that is to go, then lets it go. */
  async #cleanUp(crd: KubeObject): Promise<void> {
    const { service, context } = this.#options;
    const { name } = crd.metadata;
    const known = this.#registered.get(name);
    const finalizers = crd.metadata.finalizers ?? [];
    if (!finalizers.includes(cleanupFinalizer)) return;
    if (known !== undefined) {
      const served = { type: known.type, version: known.type.stored };
      const { items } = await service.list(served, { namespace: '' });
      for (const { metadata } of items) {
        if (metadata.deletionTimestamp !== undefined) continue;
        await service
          .delete(served, metadata.namespace ?? '', metadata.name, {}, context)
          .catch(ignoreMissing);
      }
      const left = await service.list(served, { namespace: '' });
      if (left.items.length > 0) {
        this.#afterNextDeletion(known.type, crd);
        return;
      }
    }
    const kept = finalizers.filter((finalizer) => finalizer !== cleanupFinalizer);
    const patch = { metadata: { finalizers: kept.length > 0 ? kept : null } };
    await service
      .patch(this.#crds, '', name, { type: 'merge', patch, force: false }, context)
      .catch(ignoreMissing);
  }

  #afterNextDeletion(type: ResourceType, crd: KubeObject): void {
    const { objects } = this.#options;
    const stop = objects.watch(type, '', objects.revision(), (events) => {
      if (!events.some((event) => event.type === 'DELETED')) return;
      stop();
      this.#enqueue(() => this.#sync(crd));
    });
    this.#stops.push(stop);
  }

  async #forget(name: string): Promise<void> {
    const known = this.#registered.get(name);
    if (known === undefined) return;
    this.#registered.delete(name);
    this.#options.service.types.replace(known.type, undefined);
  }
}

/** The condition with the time of its last change. */
function conditionOf(status: JsonObject, condition: JsonObject, nowMs: number): JsonObject {
  const before = objectsIn(status, 'conditions').find((one) => one['type'] === condition['type']);
  const same = before?.['status'] === condition['status'];
  return { ...condition, lastTransitionTime: same ? before?.['lastTransitionTime'] : timeText(nowMs) };
}

function ignoreMissing(error: unknown): void {
  if (!isStatus(error, 'NotFound')) throw error;
}
