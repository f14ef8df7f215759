import { isJsonObject, type KubeObject } from '@lateen/kube';
import { fill, objectIn, objectsIn } from './default-fields.ts';

/** The defaults that webhooks had in admissionregistration.k8s.io/v1beta1, where they differ from v1. */
const betaDefaults = {
  failurePolicy: 'Ignore',
  matchPolicy: 'Exact',
  sideEffects: 'Unknown',
  timeoutSeconds: 30,
  admissionReviewVersions: ['v1beta1'],
};

export function webhooksFromBeta(object: KubeObject): KubeObject {
  const { webhooks } = object;
  if (!Array.isArray(webhooks)) return object;
  return {
    ...object,
    webhooks: webhooks.map((webhook: unknown) =>
      isJsonObject(webhook) ? { ...betaDefaults, ...webhook } : webhook,
    ),
  };
}

const stableDefaults = {
  failurePolicy: 'Fail',
  matchPolicy: 'Equivalent',
  timeoutSeconds: 10,
};

/** Fills in what a webhook leaves out. */
export function setWebhookDefaults(configuration: KubeObject): void {
  for (const webhook of objectsIn(configuration, 'webhooks')) {
    for (const [name, value] of Object.entries(stableDefaults)) fill(webhook, name, value);
    fill(webhook, 'namespaceSelector', {});
    fill(webhook, 'objectSelector', {});
    if (configuration.kind === 'MutatingWebhookConfiguration') fill(webhook, 'reinvocationPolicy', 'Never');
    for (const rule of objectsIn(webhook, 'rules')) fill(rule, 'scope', '*');
    const service = objectIn(objectIn(webhook, 'clientConfig'), 'service');
    if (service !== undefined) fill(service, 'port', 443);
  }
}
