import { crdManifests } from '@lateen/config';
import type { KubeObject } from '@lateen/kube';
import type { InstallValues } from './install-values.ts';

/** Labels of everything that an installation makes. */
export function installLabels(values: InstallValues, component: string): Record<string, string> {
  return {
    'install.operator.istio.io/owning-resource': 'unknown',
    'istio.io/rev': values.revision,
    'operator.istio.io/component': component,
    release: 'istio',
  };
}

type Rule = { readonly apiGroups: string[]; readonly resources: string[]; readonly verbs: string[] };
const read = ['get', 'list', 'watch'];
const meshGroups = ['networking.istio.io', 'security.istio.io', 'telemetry.istio.io', 'extensions.istio.io'];

/** What the control plane may do in the whole cluster: read the mesh, publish its root, and keep its webhooks' CA right. */
const istiodClusterRules: readonly Rule[] = [
  { apiGroups: meshGroups, resources: ['*'], verbs: read },
  { apiGroups: meshGroups, resources: ['*/status'], verbs: ['get', 'update', 'patch'] },
  { apiGroups: [''], resources: ['pods', 'nodes', 'services', 'namespaces', 'endpoints'], verbs: read },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
  {
    apiGroups: [''],
    resources: ['configmaps'],
    verbs: ['create', 'get', 'list', 'watch', 'update', 'patch'],
  },
  { apiGroups: ['apiextensions.k8s.io'], resources: ['customresourcedefinitions'], verbs: read },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
    verbs: ['get', 'list', 'watch', 'update', 'patch'],
  },
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
];

const istiodNamespaceRules: readonly Rule[] = [
  { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'get', 'list', 'watch', 'update', 'patch'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update', 'patch'] },
];

const readerRules: readonly Rule[] = [
  { apiGroups: meshGroups, resources: ['*'], verbs: read },
  { apiGroups: [''], resources: ['endpoints', 'pods', 'services', 'nodes', 'namespaces'], verbs: read },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
];

export function serviceAccount(name: string, namespace: string, labels: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, labels } };
}

const rbac = 'rbac.authorization.k8s.io';

export interface RoleInput {
  readonly name: string;
  /** A Role of this namespace; a ClusterRole where it is left out. */
  readonly namespace?: string;
  readonly rules: readonly Rule[];
  readonly account: string;
  readonly accountNamespace: string;
  readonly labels: Record<string, string>;
}

/** A role and its binding to one service account. */
export function roleAndBinding(input: RoleInput): KubeObject[] {
  const { name, namespace, rules, labels } = input;
  const prefix = namespace === undefined ? 'Cluster' : '';
  const metadata = { name, labels, ...(namespace === undefined ? {} : { namespace }) };
  return [
    { apiVersion: `${rbac}/v1`, kind: `${prefix}Role`, metadata, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: `${prefix}RoleBinding`,
      metadata,
      roleRef: { apiGroup: rbac, kind: `${prefix}Role`, name },
      subjects: [{ kind: 'ServiceAccount', name: input.account, namespace: input.accountNamespace }],
    },
  ];
}

/** The CRDs, and the accounts and roles of the control plane and of those who read the mesh. */
export function baseObjects(values: InstallValues): KubeObject[] {
  const labels = installLabels(values, 'Base');
  const { namespace } = values;
  const crds = crdManifests().map((crd) => ({ ...crd }));
  return [
    ...crds,
    serviceAccount('istio-reader-service-account', namespace, labels),
    serviceAccount('istiod', namespace, { ...labels, app: 'istiod' }),
    ...roleAndBinding({
      name: `istio-reader-${namespace}`,
      rules: readerRules,
      account: 'istio-reader-service-account',
      accountNamespace: namespace,
      labels,
    }),
    ...roleAndBinding({
      name: `istiod-clusterrole-${namespace}`,
      rules: istiodClusterRules,
      account: 'istiod',
      accountNamespace: namespace,
      labels,
    }),
    ...roleAndBinding({
      name: 'istiod',
      namespace,
      rules: istiodNamespaceRules,
      account: 'istiod',
      accountNamespace: namespace,
      labels,
    }),
  ];
}
