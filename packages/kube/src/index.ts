export type {
  KubeClient,
  ListResult,
  PatchType,
  Selection,
  WatchEvent,
  WriteOptions,
} from './client.ts';
export { kubeEnvironment, type KubeEnvironment } from './env.ts';
export { eventRecorder, type EventRecorder, type EventRecorderOptions } from './event-recorder.ts';
export { matchesFields, parseFieldSelector, type FieldRequirement } from './field-selector.ts';
export { httpClient, type HttpClientOptions, type HttpKubeClient } from './http-client.ts';
export type { Credentials, HttpCall, HttpTransportOptions } from './http-transport.ts';
export { inClusterConfig, inClusterNamespace } from './in-cluster.ts';
export { informer, type Change, type Informer, type InformerOptions } from './informer.ts';
export type {
  ConfigMap,
  KubeEvent,
  Lease,
  Namespace,
  Node,
  Secret,
  ServiceAccount,
} from './kinds/cluster-objects.ts';
export {
  conditionOf,
  isPodFinished,
  isPodReady,
  type Condition,
  type Container,
  type ContainerPort,
  type ContainerSecurityContext,
  type ContainerState,
  type ContainerStatus,
  type DownwardItem,
  type EnvVar,
  type HttpGetAction,
  type IntOrString,
  type KeyToPath,
  type LifecycleHandler,
  type Pod,
  type PodSecurityContext,
  type PodSpec,
  type PodStatus,
  type PodTemplate,
  type Probe,
  type Protocol,
  type Volume,
  type VolumeMount,
  type VolumeProjection,
} from './kinds/pod.ts';
export {
  hasClusterIP,
  serviceNameLabel,
  type EndpointAddress,
  type EndpointSlice,
  type EndpointSubset,
  type Endpoints,
  type EndpointsPort,
  type LoadBalancerIngress,
  type ObjectReference,
  type Service,
  type ServicePort,
  type ServiceSpec,
  type SliceEndpoint,
  type SlicePort,
} from './kinds/service.ts';
export type { Deployment, DeploymentSpec, DeploymentStatus, ReplicaSet } from './kinds/workload.ts';
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
export { leaderElection, type LeaderElection, type LeaderElectionOptions } from './leader-election.ts';
export {
  apiVersionOf,
  type KubeObject,
  type ObjectMeta,
  type OwnerReference,
  type Resource,
} from './object.ts';
export { ObjectStore, type IndexFunction } from './object-store.ts';
export { controllerOf, controllerReference, isControlledBy } from './owner-reference.ts';
export { collectionPath, objectPath, patchContentTypes, withQuery, writeQuery } from './resource-path.ts';
export {
  anyType,
  atomicList,
  cloneJson,
  isJsonObject,
  jsonPatch,
  mergePatch,
  sameJson,
  serverSideApply,
  setField,
  strategicMergePatch,
  trackUpdate,
  type ApplyConflict,
  type ApplyResult,
  type FieldType,
  type JsonObject,
  type ListMerge,
  type ManagedFields,
  type Manager,
  type ObjectSchema,
} from './patch/index.ts';
export { resources } from './resources.ts';
export { KubeStatusError, isStatus, type KubeStatus } from './status-error.ts';
export { WorkQueue, type WorkQueueOptions, type WorkResult } from './work-queue.ts';
