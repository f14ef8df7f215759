import { configKinds, type ConfigKind } from '@lateen/config';
import type { KubeObject } from '@lateen/kube';
import { ownLabels, revisioned } from '../install-names.ts';
import type { Installation } from '../resolve-install.ts';

const inject = 'sidecar.istio.io/inject';
const rev = 'istio.io/rev';

interface Requirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values?: string[];
}

const is = (key: string, ...values: string[]): Requirement => ({ key, operator: 'In', values });
const isNot = (key: string, ...values: string[]): Requirement => ({ key, operator: 'NotIn', values });
const absent = (key: string): Requirement => ({ key, operator: 'DoesNotExist' });

/**
 * The webhook that adds sidecars, in four parts that never match the same pod: the namespace or the pod
 * asks, by a revision or by the plain label.
 */
export function injectionWebhook(installation: Installation): KubeObject {
  const { revision } = installation;
  const always = installation.values.sidecarInjectorWebhook?.enableNamespacesByDefault === true;
  const parts: [string, Requirement[], Requirement[]][] = [
    ['rev.namespace', [is(rev, revision), absent('istio-injection')], [isNot(inject, 'false')]],
    ['rev.object', [absent(rev), absent('istio-injection')], [isNot(inject, 'false'), is(rev, revision)]],
  ];
  if (revision === 'default') {
    parts.push(
      ['namespace', [is('istio-injection', 'enabled')], [isNot(inject, 'false')]],
      ['object', [absent('istio-injection'), absent(rev)], [is(inject, 'true'), absent(rev)]],
    );
    if (always) {
      parts.push([
        'auto',
        [
          absent('istio-injection'),
          absent(rev),
          isNot('kubernetes.io/metadata.name', 'kube-system', 'kube-public', 'kube-node-lease'),
        ],
        [absent(inject), absent(rev)],
      ]);
    }
  }
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: {
      name: injectionWebhookName(installation),
      labels: { app: 'sidecar-injector', ...ownLabels(installation, 'Pilot') },
    },
    webhooks: parts.map(([name, namespaces, pods]) => ({
      name: `${name}.sidecar-injector.istio.io`,
      clientConfig: { service: service(installation, '/inject') },
      sideEffects: 'None',
      rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
      failurePolicy: 'Fail',
      reinvocationPolicy: 'Never',
      admissionReviewVersions: ['v1'],
      namespaceSelector: { matchExpressions: namespaces },
      objectSelector: { matchExpressions: pods },
    })),
  };
}

/** Its name, as Istio has it. */
function injectionWebhookName(installation: Installation): string {
  const own = installation.namespace === 'istio-system' ? '' : `-${installation.namespace}`;
  return `${revisioned('istio-sidecar-injector', installation)}${own}`;
}

/**
 * The webhook that refuses configuration that is wrong.
 *
 * It lets everything pass until the control plane is there; the control plane then makes it strict.
 */
export function validationWebhook(installation: Installation): KubeObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: {
      name: revisioned(`istiod-${installation.namespace}`, installation),
      labels: { app: 'istiod', istio: 'istiod', ...ownLabels(installation, 'Pilot') },
    },
    webhooks: [
      {
        name: 'rev.validation.istio.io',
        clientConfig: { service: service(installation, '/validate') },
        rules: validatedKinds(),
        failurePolicy: 'Ignore',
        sideEffects: 'None',
        admissionReviewVersions: ['v1', 'v1beta1'],
        objectSelector: {},
      },
    ],
  };
}

function validatedKinds(): object[] {
  const groups = new Map<string, { versions: Set<string>; plurals: string[] }>();
  for (const kind of Object.values<ConfigKind>(configKinds)) {
    if (kind.kind === 'IstioOperator') continue;
    const group = groups.get(kind.group) ?? { versions: new Set<string>(), plurals: [] };
    groups.set(kind.group, group);
    for (const version of kind.versions) group.versions.add(version);
    group.plurals.push(kind.plural);
  }
  return [...groups].map(([group, { versions }]) => ({
    operations: ['CREATE', 'UPDATE'],
    apiGroups: [group],
    apiVersions: [...versions],
    resources: ['*'],
  }));
}

function service(installation: Installation, path: string): object {
  return { name: revisioned('istiod', installation), namespace: installation.namespace, path, port: 443 };
}
