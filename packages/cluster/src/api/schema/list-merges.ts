import type { ListMerge } from '@lateen/kube';

function byKey(...keys: string[]): ListMerge {
  return { kind: 'by-key', keys };
}

const set: ListMerge = { kind: 'set' };
const conditions = byKey('type');

/** Lists of the built-in kinds that are merged, by model and field; all others are replaced. */
export const listMerges: Readonly<Record<string, ListMerge>> = {
  'V1ObjectMeta.finalizers': set,
  'V1ObjectMeta.ownerReferences': byKey('uid'),
  'V1PodSpec.containers': byKey('name'),
  'V1PodSpec.initContainers': byKey('name'),
  'V1PodSpec.ephemeralContainers': byKey('name'),
  'V1PodSpec.volumes': byKey('name'),
  'V1PodSpec.imagePullSecrets': byKey('name'),
  'V1PodSpec.hostAliases': byKey('ip'),
  'V1PodSpec.schedulingGates': byKey('name'),
  'V1PodSpec.resourceClaims': byKey('name'),
  'V1PodSpec.topologySpreadConstraints': byKey('topologyKey', 'whenUnsatisfiable'),
  'V1PodStatus.conditions': conditions,
  'V1PodStatus.podIPs': byKey('ip'),
  'V1Container.env': byKey('name'),
  'V1Container.ports': containerPorts(),
  'V1Container.volumeMounts': byKey('mountPath'),
  'V1Container.volumeDevices': byKey('devicePath'),
  'V1EphemeralContainer.env': byKey('name'),
  'V1EphemeralContainer.ports': containerPorts(),
  'V1EphemeralContainer.volumeMounts': byKey('mountPath'),
  'V1EphemeralContainer.volumeDevices': byKey('devicePath'),
  'V1ServiceSpec.ports': { kind: 'by-key', keys: ['port', 'protocol'], keyDefaults: { protocol: 'TCP' } },
  'V1ServiceStatus.conditions': conditions,
  'V1ServiceAccount.secrets': byKey('name'),
  'V1DeploymentStatus.conditions': conditions,
  'V1ReplicaSetStatus.conditions': conditions,
  'V1StatefulSetStatus.conditions': conditions,
  'V1DaemonSetStatus.conditions': conditions,
  'V1JobStatus.conditions': conditions,
  'V1NamespaceStatus.conditions': conditions,
  'V1NodeStatus.conditions': conditions,
  'V1NodeStatus.addresses': byKey('type'),
  'V1NodeSpec.podCIDRs': set,
  'V1EndpointSlice.endpoints': { kind: 'atomic' },
  'V1Endpoint.addresses': set,
  'V1PodDisruptionBudgetStatus.conditions': conditions,
  'V2HorizontalPodAutoscalerStatus.conditions': conditions,
  'V1CustomResourceDefinitionStatus.conditions': conditions,
  'V1MutatingWebhookConfiguration.webhooks': byKey('name'),
  'V1ValidatingWebhookConfiguration.webhooks': byKey('name'),
  'V1MutatingWebhook.matchConditions': byKey('name'),
  'V1ValidatingWebhook.matchConditions': byKey('name'),
};

function containerPorts(): ListMerge {
  return { kind: 'by-key', keys: ['containerPort', 'protocol'], keyDefaults: { protocol: 'TCP' } };
}

/** Models whose fields are owned together: half a selector or half a reference means nothing. */
export const atomicModels: ReadonlySet<string> = new Set([
  'V1ConfigMapKeySelector',
  'V1FieldsV1',
  'V1FileKeySelector',
  'V1LabelSelector',
  'V1LocalObjectReference',
  'V1NodeSelector',
  'V1NodeSelectorTerm',
  'V1ObjectFieldSelector',
  'V1ObjectReference',
  'V1ResourceFieldSelector',
  'V1RoleRef',
  'V1SecretKeySelector',
  'V1SecretReference',
  'V1TopologySelectorTerm',
  'V1TypedLocalObjectReference',
]);

/** Maps that are owned as a whole. */
export const atomicMaps: ReadonlySet<string> = new Set([
  'V1PodSpec.nodeSelector',
  'V1ServiceSpec.selector',
  'V1ReplicationControllerSpec.selector',
]);
