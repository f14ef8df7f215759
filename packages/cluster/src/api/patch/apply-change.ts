import type { KubeObject, PatchType } from '@lateen/kube';
import type { ServedType } from '../registry/type-registry.ts';

export interface PatchBody {
  readonly type: PatchType;
  readonly patch: unknown;
  /** Server-side apply only. */
  readonly force: boolean;
}

/** Applies a patch to an object in the version of the patch; gives a new object. */
export function applyChange(_served: ServedType, current: KubeObject, body: PatchBody): KubeObject {
  return mergePatch(current, body.patch) as KubeObject;
}

function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value);
  }
  return result;
}
