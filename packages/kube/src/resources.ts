import type { Resource } from './object.ts';

function core(kind: string, plural: string, namespaced = true): Resource {
  return { group: '', version: 'v1', kind, plural, namespaced };
}

function grouped(group: string, kind: string, plural: string, namespaced = true, version = 'v1'): Resource {
  return { group, version, kind, plural, namespaced };
}

/** The built-in resources that Lateen works with, at the version it reads and writes. */
export const resources = {
  namespaces: core('Namespace', 'namespaces', false),
  nodes: core('Node', 'nodes', false),
  pods: core('Pod', 'pods'),
  services: core('Service', 'services'),
  endpoints: core('Endpoints', 'endpoints'),
  serviceAccounts: core('ServiceAccount', 'serviceaccounts'),
  configMaps: core('ConfigMap', 'configmaps'),
  secrets: core('Secret', 'secrets'),
  events: core('Event', 'events'),
  endpointSlices: grouped('discovery.k8s.io', 'EndpointSlice', 'endpointslices'),
  deployments: grouped('apps', 'Deployment', 'deployments'),
  replicaSets: grouped('apps', 'ReplicaSet', 'replicasets'),
  horizontalPodAutoscalers: grouped(
    'autoscaling',
    'HorizontalPodAutoscaler',
    'horizontalpodautoscalers',
    true,
    'v2',
  ),
  podDisruptionBudgets: grouped('policy', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  leases: grouped('coordination.k8s.io', 'Lease', 'leases'),
  roles: grouped('rbac.authorization.k8s.io', 'Role', 'roles'),
  roleBindings: grouped('rbac.authorization.k8s.io', 'RoleBinding', 'rolebindings'),
  clusterRoles: grouped('rbac.authorization.k8s.io', 'ClusterRole', 'clusterroles', false),
  clusterRoleBindings: grouped(
    'rbac.authorization.k8s.io',
    'ClusterRoleBinding',
    'clusterrolebindings',
    false,
  ),
  customResourceDefinitions: grouped(
    'apiextensions.k8s.io',
    'CustomResourceDefinition',
    'customresourcedefinitions',
    false,
  ),
  mutatingWebhookConfigurations: grouped(
    'admissionregistration.k8s.io',
    'MutatingWebhookConfiguration',
    'mutatingwebhookconfigurations',
    false,
  ),
  validatingWebhookConfigurations: grouped(
    'admissionregistration.k8s.io',
    'ValidatingWebhookConfiguration',
    'validatingwebhookconfigurations',
    false,
  ),
} as const satisfies Record<string, Resource>;
