export type {
  KubeClient,
  ListResult,
  PatchType,
  Selection,
  WatchEvent,
  WriteOptions,
} from './client.ts';
export {
  apiVersionOf,
  type KubeObject,
  type ObjectMeta,
  type OwnerReference,
  type Resource,
} from './object.ts';
export { resources } from './resources.ts';
export { KubeStatusError, isStatus, type KubeStatus } from './status-error.ts';
