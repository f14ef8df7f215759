export type {
  KubeClient,
  ListResult,
  PatchType,
  Selection,
  WatchEvent,
  WriteOptions,
} from './client.ts';
export { kubeEnvironment, type KubeEnvironment } from './env.ts';
export { matchesFields, parseFieldSelector, type FieldRequirement } from './field-selector.ts';
export { httpClient, type HttpClientOptions, type HttpKubeClient } from './http-client.ts';
export type { Credentials, HttpTransportOptions } from './http-transport.ts';
export { inClusterConfig, inClusterNamespace } from './in-cluster.ts';
export { informer, type Change, type Informer, type InformerOptions } from './informer.ts';
export { kubeconfigClient, loadKubeconfig, type KubeconfigContext } from './kubeconfig.ts';
export {
  formatLabelSelector,
  hasLabels,
  labelMatcher,
  parseLabelSelector,
  type LabelMatcher,
  type LabelSelector,
  type LabelSelectorRequirement,
} from './label-selector.ts';
export {
  apiVersionOf,
  type KubeObject,
  type ObjectMeta,
  type OwnerReference,
  type Resource,
} from './object.ts';
export { ObjectStore, type IndexFunction } from './object-store.ts';
export { controllerOf, controllerReference, isControlledBy } from './owner-reference.ts';
export { collectionPath, objectPath, withQuery } from './resource-path.ts';
export { resources } from './resources.ts';
export { KubeStatusError, isStatus, type KubeStatus } from './status-error.ts';
export { WorkQueue, type WorkQueueOptions, type WorkResult } from './work-queue.ts';
