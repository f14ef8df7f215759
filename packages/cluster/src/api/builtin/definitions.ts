import type { ScalePaths } from '../registry/resource-type.ts';

/** What is constant about a built-in kind; its rules are in {@link ../builtin/strategies.ts}. */
export interface Definition {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Default true. */
  readonly namespaced?: boolean;
  readonly status?: boolean;
  readonly scale?: ScalePaths;
  readonly others?: readonly string[];
  readonly verbs?: readonly string[];
  /** Sent as a Warning to whoever writes one. */
  readonly notice?: string;
  /** Name of its model in the generated field tables; default `V1` and the kind. */
  readonly model?: string;
  /** Further versions in the same shape, or with a conversion registered under `GROUP/VERSION/KIND`. */
  readonly aliases?: readonly Alias[];
}

/** For versions whose shape nobody generates any more: the conversion alone knows the fields. */
export const openModel = '*';

export interface Alias {
  readonly group: string;
  readonly version: string;
  /** Default `V1` and the kind. */
  readonly model?: string;
  readonly deprecation?: string;
}

const replicas: ScalePaths = {
  specReplicas: 'spec.replicas',
  statusReplicas: 'status.replicas',
  labelSelector: 'status.selector',
};

const rbac = 'rbac.authorization.k8s.io';
const hooks = 'admissionregistration.k8s.io';
const reviewOnly = { namespaced: false, verbs: ['create'] } as const;

function removed(version: string, kind: string, instead: string): string {
  return `${version} ${kind} is deprecated; it is stored as ${instead} ${kind}`;
}

/** The kinds that the server brings. */
export const definitions: readonly Definition[] = [
  {
    group: '',
    version: 'v1',
    kind: 'Namespace',
    plural: 'namespaces',
    singular: 'namespace',
    shortNames: ['ns'],
    namespaced: false,
    status: true,
    others: ['finalize'],
  },
  {
    group: '',
    version: 'v1',
    kind: 'Node',
    plural: 'nodes',
    singular: 'node',
    shortNames: ['no'],
    namespaced: false,
    status: true,
  },
  {
    group: '',
    version: 'v1',
    kind: 'Pod',
    plural: 'pods',
    singular: 'pod',
    shortNames: ['po'],
    categories: ['all'],
    status: true,
    others: ['attach', 'binding', 'eviction', 'exec', 'log', 'portforward', 'proxy'],
  },
  {
    group: '',
    version: 'v1',
    kind: 'Service',
    plural: 'services',
    singular: 'service',
    shortNames: ['svc'],
    categories: ['all'],
    status: true,
    others: ['proxy'],
  },
  {
    group: '',
    version: 'v1',
    kind: 'Endpoints',
    plural: 'endpoints',
    singular: 'endpoints',
    shortNames: ['ep'],
  },
  {
    group: '',
    version: 'v1',
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    singular: 'serviceaccount',
    shortNames: ['sa'],
    others: ['token'],
  },
  {
    group: '',
    version: 'v1',
    kind: 'ConfigMap',
    plural: 'configmaps',
    singular: 'configmap',
    shortNames: ['cm'],
  },
  { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', singular: 'secret' },
  {
    group: '',
    version: 'v1',
    kind: 'Event',
    plural: 'events',
    singular: 'event',
    shortNames: ['ev'],
    model: 'CoreV1Event',
    aliases: [{ group: 'events.k8s.io', version: 'v1', model: 'EventsV1Event' }],
  },
  {
    group: 'apps',
    version: 'v1',
    kind: 'Deployment',
    plural: 'deployments',
    singular: 'deployment',
    shortNames: ['deploy'],
    categories: ['all'],
    status: true,
    scale: replicas,
    aliases: [
      { group: 'apps', version: 'v1beta2', deprecation: removed('apps/v1beta2', 'Deployment', 'apps/v1') },
      { group: 'apps', version: 'v1beta1', deprecation: removed('apps/v1beta1', 'Deployment', 'apps/v1') },
      {
        group: 'extensions',
        version: 'v1beta1',
        deprecation: removed('extensions/v1beta1', 'Deployment', 'apps/v1'),
      },
    ],
  },
  {
    group: 'apps',
    version: 'v1',
    kind: 'ReplicaSet',
    plural: 'replicasets',
    singular: 'replicaset',
    shortNames: ['rs'],
    categories: ['all'],
    status: true,
    scale: replicas,
  },
  {
    group: 'apps',
    version: 'v1',
    kind: 'ControllerRevision',
    plural: 'controllerrevisions',
    singular: 'controllerrevision',
  },
  {
    group: 'autoscaling',
    version: 'v2',
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
    singular: 'horizontalpodautoscaler',
    shortNames: ['hpa'],
    categories: ['all'],
    status: true,
    model: 'V2HorizontalPodAutoscaler',
    aliases: [
      { group: 'autoscaling', version: 'v1' },
      {
        group: 'autoscaling',
        version: 'v2beta2',
        model: 'V2HorizontalPodAutoscaler',
        deprecation: removed('autoscaling/v2beta2', 'HorizontalPodAutoscaler', 'autoscaling/v2'),
      },
      {
        group: 'autoscaling',
        version: 'v2beta1',
        model: openModel,
        deprecation: removed('autoscaling/v2beta1', 'HorizontalPodAutoscaler', 'autoscaling/v2'),
      },
    ],
  },
  {
    group: 'policy',
    version: 'v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    singular: 'poddisruptionbudget',
    shortNames: ['pdb'],
    status: true,
    aliases: [
      {
        group: 'policy',
        version: 'v1beta1',
        deprecation: removed('policy/v1beta1', 'PodDisruptionBudget', 'policy/v1'),
      },
    ],
  },
  {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'Ingress',
    plural: 'ingresses',
    singular: 'ingress',
    shortNames: ['ing'],
    status: true,
    notice: 'an Ingress is kept, but nothing here serves it: use a Gateway and a VirtualService',
  },
  {
    group: 'discovery.k8s.io',
    version: 'v1',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    singular: 'endpointslice',
  },
  { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', singular: 'lease' },
  {
    group: rbac,
    version: 'v1',
    kind: 'ClusterRole',
    plural: 'clusterroles',
    singular: 'clusterrole',
    namespaced: false,
    aliases: [
      {
        group: rbac,
        version: 'v1beta1',
        deprecation: removed(`${rbac}/v1beta1`, 'ClusterRole', `${rbac}/v1`),
      },
    ],
  },
  {
    group: rbac,
    version: 'v1',
    kind: 'ClusterRoleBinding',
    plural: 'clusterrolebindings',
    singular: 'clusterrolebinding',
    namespaced: false,
    aliases: [
      {
        group: rbac,
        version: 'v1beta1',
        deprecation: removed(`${rbac}/v1beta1`, 'ClusterRoleBinding', `${rbac}/v1`),
      },
    ],
  },
  {
    group: rbac,
    version: 'v1',
    kind: 'Role',
    plural: 'roles',
    singular: 'role',
    aliases: [
      { group: rbac, version: 'v1beta1', deprecation: removed(`${rbac}/v1beta1`, 'Role', `${rbac}/v1`) },
    ],
  },
  {
    group: rbac,
    version: 'v1',
    kind: 'RoleBinding',
    plural: 'rolebindings',
    singular: 'rolebinding',
    aliases: [
      {
        group: rbac,
        version: 'v1beta1',
        deprecation: removed(`${rbac}/v1beta1`, 'RoleBinding', `${rbac}/v1`),
      },
    ],
  },
  {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    singular: 'customresourcedefinition',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    namespaced: false,
    status: true,
    aliases: [
      {
        group: 'apiextensions.k8s.io',
        version: 'v1beta1',
        model: openModel,
        deprecation: removed(
          'apiextensions.k8s.io/v1beta1',
          'CustomResourceDefinition',
          'apiextensions.k8s.io/v1',
        ),
      },
    ],
  },
  {
    group: hooks,
    version: 'v1',
    kind: 'MutatingWebhookConfiguration',
    plural: 'mutatingwebhookconfigurations',
    singular: 'mutatingwebhookconfiguration',
    categories: ['api-extensions'],
    namespaced: false,
    aliases: [
      {
        group: hooks,
        version: 'v1beta1',
        deprecation: removed(`${hooks}/v1beta1`, 'MutatingWebhookConfiguration', `${hooks}/v1`),
      },
    ],
  },
  {
    group: hooks,
    version: 'v1',
    kind: 'ValidatingWebhookConfiguration',
    plural: 'validatingwebhookconfigurations',
    singular: 'validatingwebhookconfiguration',
    categories: ['api-extensions'],
    namespaced: false,
    aliases: [
      {
        group: hooks,
        version: 'v1beta1',
        deprecation: removed(`${hooks}/v1beta1`, 'ValidatingWebhookConfiguration', `${hooks}/v1`),
      },
    ],
  },
  {
    ...reviewOnly,
    group: 'authentication.k8s.io',
    version: 'v1',
    kind: 'TokenReview',
    plural: 'tokenreviews',
    singular: 'tokenreview',
  },
  {
    ...reviewOnly,
    group: 'authentication.k8s.io',
    version: 'v1',
    kind: 'SelfSubjectReview',
    plural: 'selfsubjectreviews',
    singular: 'selfsubjectreview',
  },
  {
    ...reviewOnly,
    group: 'authorization.k8s.io',
    version: 'v1',
    kind: 'SubjectAccessReview',
    plural: 'subjectaccessreviews',
    singular: 'subjectaccessreview',
  },
  {
    ...reviewOnly,
    group: 'authorization.k8s.io',
    version: 'v1',
    kind: 'SelfSubjectAccessReview',
    plural: 'selfsubjectaccessreviews',
    singular: 'selfsubjectaccessreview',
  },
  {
    ...reviewOnly,
    group: 'authorization.k8s.io',
    version: 'v1',
    kind: 'SelfSubjectRulesReview',
    plural: 'selfsubjectrulesreviews',
    singular: 'selfsubjectrulesreview',
  },
];
