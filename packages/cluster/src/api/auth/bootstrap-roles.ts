import type { KubeObject } from '@lateen/kube';
import type { PolicyRule } from './policy-rules.ts';

const apiVersion = 'rbac.authorization.k8s.io/v1';
const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const readVerbs = ['get', 'list', 'watch'];
const writeVerbs = ['create', 'delete', 'deletecollection', 'patch', 'update'];

/** The kinds of a namespace that `view`, `edit` and `admin` are about. */
const content: readonly PolicyRule[] = [
  {
    verbs: [],
    apiGroups: [''],
    resources: [
      'configmaps',
      'endpoints',
      'events',
      'pods',
      'pods/log',
      'pods/status',
      'serviceaccounts',
      'services',
      'services/status',
    ],
  },
  {
    verbs: [],
    apiGroups: ['apps'],
    resources: ['deployments', 'deployments/scale', 'deployments/status', 'replicasets', 'replicasets/scale'],
  },
  { verbs: [], apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'] },
  { verbs: [], apiGroups: ['policy'], resources: ['poddisruptionbudgets'] },
  { verbs: [], apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'] },
  { verbs: [], apiGroups: ['networking.k8s.io'], resources: ['ingresses'] },
  {
    verbs: [],
    apiGroups: [
      'extensions.istio.io',
      'gateway.networking.k8s.io',
      'networking.istio.io',
      'security.istio.io',
      'telemetry.istio.io',
    ],
    resources: ['*'],
  },
];

function withVerbs(verbs: readonly string[]): PolicyRule[] {
  return content.map((rule) => ({ ...rule, verbs }));
}

const view = [...withVerbs(readVerbs), { verbs: readVerbs, apiGroups: [''], resources: ['namespaces'] }];
const edit = [
  ...view,
  ...withVerbs(writeVerbs),
  { verbs: [...readVerbs, ...writeVerbs], apiGroups: [''], resources: ['secrets'] },
  {
    verbs: ['create', 'get'],
    apiGroups: [''],
    resources: ['pods/attach', 'pods/eviction', 'pods/exec', 'pods/portforward', 'serviceaccounts/token'],
  },
  {
    verbs: [...readVerbs, ...writeVerbs],
    apiGroups: [''],
    resources: ['pods/proxy', 'services/proxy'],
  },
];
const admin = [
  ...edit,
  {
    verbs: [...readVerbs, ...writeVerbs],
    apiGroups: ['rbac.authorization.k8s.io'],
    resources: ['roles', 'rolebindings'],
  },
];

const discoveryPaths = ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*'];
const publicPaths = ['/healthz', '/livez', '/livez/*', '/readyz', '/readyz/*', '/version', '/version/'];

function clusterRole(name: string, rules: readonly PolicyRule[]): KubeObject {
  return { apiVersion, kind: 'ClusterRole', metadata: { name, labels }, rules };
}

function binding(role: string, groups: readonly string[]): KubeObject {
  const apiGroup = 'rbac.authorization.k8s.io';
  return {
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata: { name: role, labels },
    roleRef: { apiGroup, kind: 'ClusterRole', name: role },
    subjects: groups.map((name) => ({ apiGroup, kind: 'Group', name })),
  };
}

/** The roles that every cluster begins with. */
export const bootstrapRoles: readonly KubeObject[] = [
  clusterRole('cluster-admin', [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ]),
  clusterRole('admin', admin),
  clusterRole('edit', edit),
  clusterRole('view', view),
  clusterRole('system:basic-user', [
    {
      verbs: ['create'],
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    },
    { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'] },
  ]),
  clusterRole('system:discovery', [{ verbs: ['get'], nonResourceURLs: [...discoveryPaths, ...publicPaths] }]),
  clusterRole('system:public-info-viewer', [{ verbs: ['get'], nonResourceURLs: publicPaths }]),
  clusterRole('system:service-account-issuer-discovery', [
    { verbs: ['get'], nonResourceURLs: ['/.well-known/openid-configuration', '/openid/v1/jwks'] },
  ]),
  clusterRole('system:auth-delegator', [
    { verbs: ['create'], apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'] },
    { verbs: ['create'], apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'] },
  ]),
];

export const bootstrapBindings: readonly KubeObject[] = [
  binding('cluster-admin', ['system:masters']),
  binding('system:basic-user', ['system:authenticated']),
  binding('system:discovery', ['system:authenticated']),
  binding('system:public-info-viewer', ['system:authenticated', 'system:unauthenticated']),
  binding('system:service-account-issuer-discovery', ['system:serviceaccounts']),
];
