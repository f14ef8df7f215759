import {
  cloneJson,
  jsonPatch,
  mergePatch,
  strategicMergePatch,
  type KubeObject,
  type PatchType,
} from '@lateen/kube';
import type { ServedType } from '../registry/type-registry.ts';
import { badRequest, failure, unsupportedMediaType } from '../status.ts';

export interface PatchBody {
  readonly type: PatchType;
  readonly patch: unknown;
  /** Server-side apply only. */
  readonly force: boolean;
}

/** Applies a patch that is not an apply to an object in the version of the patch; gives a new object. */
export function applyChange(served: ServedType, current: KubeObject, body: PatchBody): KubeObject {
  switch (body.type) {
    case 'json': {
      const result = jsonPatch(current, body.patch);
      if (result.ok) return result.value as KubeObject;
      const why = result.problems[0]?.message ?? '';
      throw failure(422, 'Invalid', `the server rejected our request due to an error in our request: ${why}`);
    }
    case 'merge':
      return cloneJson(mergePatch(current, body.patch)) as KubeObject;
    case 'strategic-merge': {
      if (served.type.custom) {
        throw unsupportedMediaType('application/strategic-merge-patch+json', [
          'application/json-patch+json',
          'application/merge-patch+json',
          'application/apply-patch+yaml',
        ]);
      }
      const schema = { kind: 'object', schema: served.version.schema } as const;
      const result = strategicMergePatch(current, body.patch, schema);
      if (result.ok) return cloneJson(result.value) as KubeObject;
      const [first] = result.problems;
      throw badRequest(`${first?.path ?? ''}: ${first?.message ?? ''}`);
    }
    default:
      throw new Error('an apply is not a change of an existing object only');
  }
}
