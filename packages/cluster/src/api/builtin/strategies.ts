import { crdStrategy } from '../crd/crd-strategy.ts';
import type { Strategy } from '../registry/resource-type.ts';
import { dns1035LabelProblems, pathSegmentProblems } from '../validation/names.ts';
import { validateService } from '../validation/service.ts';
import { validateDeployment, validateReplicaSet } from '../validation/workload.ts';
import {
  validateAutoscaler,
  validateBinding,
  validateConfigMap,
  validateSecret,
} from '../validation/small-kinds.ts';
import { validateWebhooks } from '../validation/webhook-configuration.ts';
import type { Definition } from './definitions.ts';
import { namespaceStrategy } from './namespace.ts';
import { podStrategy } from './pod.ts';
import { dropForeignServiceFields, setServiceDefaults } from './service-defaults.ts';
import { setWebhookDefaults } from './webhook-configuration.ts';
import {
  setAutoscalerDefaults,
  setBindingDefaults,
  setDeploymentDefaults,
  setEndpointSliceDefaults,
  setEndpointsDefaults,
  setReplicaSetDefaults,
  setSecretDefaults,
} from './workload-defaults.ts';

const plain: Strategy = { countsGenerations: false };
const rbac: Strategy = { ...plain, nameRule: pathSegmentProblems };
const rbacBinding: Strategy = { ...rbac, setDefaults: setBindingDefaults, validate: validateBinding };
const webhooks: Strategy = { setDefaults: setWebhookDefaults, validate: validateWebhooks };

const strategies: Readonly<Record<string, Strategy>> = {
  Namespace: namespaceStrategy,
  Node: { ...plain, selectableFields: ['spec.unschedulable'] },
  Pod: podStrategy,
  Service: {
    ...plain,
    nameRule: dns1035LabelProblems,
    selectableFields: ['spec.type', 'spec.clusterIP'],
    prepare: dropForeignServiceFields,
    setDefaults: setServiceDefaults,
    validate: validateService,
  },
  Endpoints: { ...plain, setDefaults: setEndpointsDefaults },
  EndpointSlice: { setDefaults: setEndpointSliceDefaults },
  ServiceAccount: plain,
  ConfigMap: { ...plain, validate: validateConfigMap },
  Secret: {
    ...plain,
    selectableFields: ['type'],
    setDefaults: setSecretDefaults,
    validate: validateSecret,
  },
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
  Deployment: { setDefaults: setDeploymentDefaults, validate: validateDeployment },
  ReplicaSet: {
    selectableFields: ['status.replicas'],
    setDefaults: setReplicaSetDefaults,
    validate: validateReplicaSet,
  },
  ControllerRevision: plain,
  HorizontalPodAutoscaler: { ...plain, setDefaults: setAutoscalerDefaults, validate: validateAutoscaler },
  Lease: plain,
  Role: rbac,
  ClusterRole: rbac,
  RoleBinding: rbacBinding,
  ClusterRoleBinding: rbacBinding,
  CustomResourceDefinition: crdStrategy,
  MutatingWebhookConfiguration: webhooks,
  ValidatingWebhookConfiguration: webhooks,
};

/** The rules of a built-in kind. */
export function strategyOf(definition: Definition): Strategy {
  return strategies[definition.kind] ?? {};
}
