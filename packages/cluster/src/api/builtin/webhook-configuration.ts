import { isJsonObject, type KubeObject } from '@lateen/kube';

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
