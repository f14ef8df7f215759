import type { Strategy } from '../registry/resource-type.ts';
import { dns1035LabelProblems, pathSegmentProblems } from '../validation/names.ts';
import type { Definition } from './definitions.ts';
import { namespaceStrategy } from './namespace.ts';
import { podStrategy } from './pod.ts';

const plain: Strategy = { countsGenerations: false };
const rbac: Strategy = { ...plain, nameRule: pathSegmentProblems };

const strategies: Readonly<Record<string, Strategy>> = {
  Namespace: namespaceStrategy,
  Node: { ...plain, selectableFields: ['spec.unschedulable'] },
  Pod: podStrategy,
  Service: { ...plain, nameRule: dns1035LabelProblems, selectableFields: ['spec.type', 'spec.clusterIP'] },
  Endpoints: plain,
  EndpointSlice: { countsGenerations: true },
  ServiceAccount: plain,
  ConfigMap: plain,
  Secret: { ...plain, selectableFields: ['type'] },
  Event: {
    ...plain,
    selectableFields: [
      'involvedObject.kind',
      'involvedObject.namespace',
      'involvedObject.name',
      'involvedObject.uid',
      'involvedObject.apiVersion',
      'involvedObject.resourceVersion',
      'involvedObject.fieldPath',
      'reason',
      'reportingComponent',
      'source',
      'type',
    ],
  },
  Deployment: {},
  ReplicaSet: { selectableFields: ['status.replicas'] },
  ControllerRevision: plain,
  HorizontalPodAutoscaler: plain,
  PodDisruptionBudget: {},
  Lease: { ...plain, createOnUpdate: true },
  Role: rbac,
  RoleBinding: rbac,
  ClusterRole: rbac,
  ClusterRoleBinding: rbac,
};

/** The rules of a built-in kind. */
export function strategyOf(definition: Definition): Strategy {
  return strategies[definition.kind] ?? {};
}
