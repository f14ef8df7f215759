import { crdManifests } from '@lateen/config';
import type { KubeObject } from '@lateen/kube';
import { ownLabels } from '../install-names.ts';
import type { Installation } from '../resolve-install.ts';

/** The namespace of the control plane. */
export function namespaceManifest(installation: Installation): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: installation.namespace } };
}

/** The kinds of the mesh's configuration. */
export function crds(): KubeObject[] {
  return crdManifests();
}

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];
const configGroups = [
  'networking.istio.io',
  'security.istio.io',
  'telemetry.istio.io',
  'extensions.istio.io',
];

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

/** What the control plane and readers of other clusters may do in the whole cluster. */
export function clusterRoles(installation: Installation): KubeObject[] {
  const { namespace } = installation;
  const readerRules: Rule[] = [
    { apiGroups: configGroups, resources: ['*'], verbs: read },
    {
      apiGroups: [''],
      resources: [
        'endpoints',
        'pods',
        'services',
        'nodes',
        'replicationcontrollers',
        'namespaces',
        'secrets',
      ],
      verbs: read,
    },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
    { apiGroups: ['apps'], resources: ['replicasets'], verbs: read },
    { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: read },
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
  ];
  const controlRules: Rule[] = [
    {
      apiGroups: ['admissionregistration.k8s.io'],
      resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
      verbs: [...read, 'update', 'patch'],
    },
    { apiGroups: configGroups, resources: ['*'], verbs: read },
    { apiGroups: configGroups, resources: ['*/status'], verbs: ['get', 'update', 'patch'] },
    { apiGroups: ['networking.istio.io'], resources: ['workloadentries'], verbs: write },
    { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: read },
    { apiGroups: [''], resources: ['pods', 'nodes', 'services', 'namespaces', 'endpoints'], verbs: read },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
    { apiGroups: ['networking.k8s.io'], resources: ['ingresses', 'ingressclasses'], verbs: read },
    { apiGroups: ['networking.k8s.io'], resources: ['ingresses/status'], verbs: ['update', 'patch'] },
    { apiGroups: [''], resources: ['configmaps'], verbs: [...read, 'create', 'update', 'patch'] },
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
    { apiGroups: [''], resources: ['secrets'], verbs: read },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
  ];
  return [
    role('ClusterRole', `istiod-${namespace}`, undefined, controlRules, installation, 'istiod'),
    role('ClusterRole', `istio-reader-${namespace}`, undefined, readerRules, installation, 'istio-reader'),
    binding('ClusterRoleBinding', `istio-reader-${namespace}`, undefined, installation, 'istio-reader', {
      role: `istio-reader-${namespace}`,
      account: 'istio-reader-service-account',
    }),
    binding('ClusterRoleBinding', `istiod-${namespace}`, undefined, installation, 'istiod', {
      role: `istiod-${namespace}`,
      account: 'istiod-service-account',
    }),
  ];
}

/** What the control plane may do in its own namespace. */
export function controlPlaneRoles(installation: Installation): KubeObject[] {
  const { namespace } = installation;
  const rules: Rule[] = [
    { apiGroups: [''], resources: ['secrets'], verbs: write },
    { apiGroups: [''], resources: ['configmaps'], verbs: write },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: write },
  ];
  return [
    role('Role', `istiod-${namespace}`, namespace, rules, installation, 'istiod'),
    binding('RoleBinding', `istiod-${namespace}`, namespace, installation, 'istiod', {
      role: `istiod-${namespace}`,
      account: 'istiod-service-account',
    }),
  ];
}

/** Accounts of the control plane and of readers. */
export function serviceAccounts(installation: Installation): KubeObject[] {
  return ['istio-reader-service-account', 'istiod-service-account'].map((name) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {
      name,
      namespace: installation.namespace,
      labels: { app: name.replace('-service-account', ''), ...ownLabels(installation, 'Base') },
    },
  }));
}

/** A Role or ClusterRole. */
export function role(
  kind: 'Role' | 'ClusterRole',
  name: string,
  namespace: string | undefined,
  rules: readonly Rule[],
  installation: Installation,
  app: string,
): KubeObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { app, ...ownLabels(installation, 'Base') },
    },
    rules,
  };
}

/** A binding of a role to a service account of the control plane's namespace. */
export function binding(
  kind: 'RoleBinding' | 'ClusterRoleBinding',
  name: string,
  namespace: string | undefined,
  installation: Installation,
  app: string,
  bound: { readonly role: string; readonly account: string; readonly accountNamespace?: string },
): KubeObject {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { app, ...ownLabels(installation, 'Base') },
    },
    roleRef: {
      apiGroup: 'rbac.authorization.k8s.io',
      kind: kind === 'RoleBinding' ? 'Role' : 'ClusterRole',
      name: bound.role,
    },
    subjects: [
      {
        kind: 'ServiceAccount',
        name: bound.account,
        namespace: bound.accountNamespace ?? installation.namespace,
      },
    ],
  };
}
