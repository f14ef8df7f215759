import { isJsonObject, serverSideApply, type ApplyConflict, type KubeObject } from '@lateen/kube';
import { timeText } from '../registry/object-meta.ts';
import type { RequestContext } from '../registry/request-context.ts';
import { apiVersionText } from '../registry/resource-type.ts';
import type { ServedType } from '../registry/type-registry.ts';
import { badRequest, failure } from '../status.ts';

/** Server-side apply of a decoded object on the present one; throws `Conflict` where others own what it changes. */
export function applyObject(
  served: ServedType,
  live: KubeObject | undefined,
  wanted: KubeObject,
  force: boolean,
  context: RequestContext,
  subresource: string,
  nowMs: number,
): KubeObject {
  if (context.fieldManager === '') {
    throw failure(
      422,
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    );
  }
  if ((wanted.metadata.managedFields?.length ?? 0) > 0) {
    throw badRequest('metadata.managedFields must be nil');
  }
  const manager = {
    name: context.fieldManager,
    apiVersion: apiVersionText(served.version),
    time: timeText(nowMs),
    ...(subresource === '' ? {} : { subresource }),
  };
  const type = { kind: 'object', schema: served.version.schema } as const;
  const result = serverSideApply(live, wanted, type, manager, force);
  if (!result.ok) throw applyConflict(result.conflicts);
  const object = result.object as KubeObject;
  return { ...object, metadata: { ...object.metadata, managedFields: result.managedFields } };
}

/** The name in an applied object must be the one in the path. */
export function checkAppliedName(wanted: unknown, name: string): void {
  const metadata = isJsonObject(wanted) ? wanted['metadata'] : undefined;
  const own = isJsonObject(metadata) ? metadata['name'] : undefined;
  if (own === name) return;
  throw badRequest(
    `the name of the object (${typeof own === 'string' ? own : ''}) does not match the name on the URL (${name})`,
  );
}

function applyConflict(conflicts: readonly ApplyConflict[]): Error {
  const byManager = new Map<string, string[]>();
  for (const conflict of conflicts) {
    const about = describe(conflict);
    const fields = byManager.get(about) ?? [];
    fields.push(conflict.field);
    byManager.set(about, fields);
  }
  const parts = [...byManager].map(([about, fields]) =>
    fields.length === 1
      ? `conflict with ${about}: ${fields[0]}`
      : `conflicts with ${about}:\n${fields.map((field) => `- ${field}`).join('\n')}`,
  );
  const count = conflicts.length;
  const message = `Apply failed with ${count} conflict${count === 1 ? '' : 's'}: ${parts.join('\n')}`;
  return failure(409, 'Conflict', message, {
    causes: conflicts.map((conflict) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${describe(conflict)}`,
      field: conflict.field,
    })),
  });
}

function describe(conflict: ApplyConflict): string {
  const where =
    conflict.subresource === '' ? '' : ` with subresource ${JSON.stringify(conflict.subresource)}`;
  return `${JSON.stringify(conflict.manager)}${where} using ${conflict.apiVersion}`;
}
