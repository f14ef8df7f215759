export { cloneJson, isJsonObject, sameJson, setField, type JsonObject } from './json-value.ts';
export { jsonPatch } from './json-patch.ts';
export { mergePatch } from './merge-patch.ts';
export { anyType, atomicList, type FieldType, type ListMerge, type ObjectSchema } from './object-schema.ts';
export {
  serverSideApply,
  trackUpdate,
  type ApplyConflict,
  type ApplyResult,
  type ManagedFields,
  type Manager,
} from './server-side-apply.ts';
export { strategicMergePatch } from './strategic-merge.ts';
