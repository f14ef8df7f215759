import type { KubeObject } from '@lateen/kube';
import { installLabels } from './base-objects.ts';
import type { InstallValues } from './install-values.ts';

interface Requirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

const absent = (key: string): Requirement => ({ key, operator: 'DoesNotExist' });
const oneOf = (key: string, ...values: string[]): Requirement => ({ key, operator: 'In', values });
const noneOf = (key: string, ...values: string[]): Requirement => ({ key, operator: 'NotIn', values });

const inject = 'sidecar.istio.io/inject';
const injection = 'istio-injection';
const revision = 'istio.io/rev';

function service(values: InstallValues, path: string): object {
  const suffix = values.revision === 'default' ? '' : `-${values.revision}`;
  return { service: { name: `istiod${suffix}`, namespace: values.namespace, path, port: 443 } };
}

/** Which pods are injected: by the namespace's label, by the pod's own, or by a revision's. */
function injectorWebhooks(values: InstallValues): object[] {
  const webhook = (name: string, namespaces: Requirement[], pods: Requirement[]): object => ({
    name: `${name}.sidecar-injector.istio.io`,
    admissionReviewVersions: ['v1', 'v1beta1'],
    clientConfig: service(values, '/inject'),
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    reinvocationPolicy: 'Never',
    sideEffects: 'None',
    timeoutSeconds: 10,
    rules: [
      { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: '*' },
    ],
    namespaceSelector: { matchExpressions: namespaces },
    objectSelector: { matchExpressions: pods },
  });
  const byRevision = [
    webhook(
      'rev.namespace',
      [oneOf(revision, values.revision), absent(injection)],
      [noneOf(inject, 'false')],
    ),
    webhook(
      'rev.object',
      [absent(revision), absent(injection)],
      [noneOf(inject, 'false'), oneOf(revision, values.revision)],
    ),
  ];
  if (values.revision !== 'default') return byRevision;
  return [
    ...byRevision,
    webhook('namespace', [oneOf(injection, 'enabled')], [noneOf(inject, 'false')]),
    webhook('object', [absent(injection), absent(revision)], [oneOf(inject, 'true'), absent(revision)]),
  ];
}

/** The injector's and the validator's registrations; the control plane adds its CA to both. */
export function webhookObjects(values: InstallValues): KubeObject[] {
  const labels = { ...installLabels(values, 'Pilot'), app: 'istiod' };
  const suffix = values.revision === 'default' ? '' : `-${values.revision}`;
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: `istio-sidecar-injector${suffix}`, labels: { ...labels, app: 'sidecar-injector' } },
      webhooks: injectorWebhooks(values),
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: {
        name: `istio-validator${suffix}-${values.namespace}`,
        labels: { ...labels, istio: 'istiod' },
      },
      webhooks: [
        {
          name: 'rev.validation.istio.io',
          admissionReviewVersions: ['v1', 'v1beta1'],
          clientConfig: service(values, '/validate'),
          failurePolicy: 'Fail',
          sideEffects: 'None',
          timeoutSeconds: 10,
          rules: [
            {
              apiGroups: [
                'security.istio.io',
                'networking.istio.io',
                'telemetry.istio.io',
                'extensions.istio.io',
              ],
              apiVersions: ['*'],
              operations: ['CREATE', 'UPDATE'],
              resources: ['*'],
              scope: '*',
            },
          ],
        },
      ],
    },
  ];
}
