import { crdFromBeta, crdToBeta } from '../crd/beta-definition.ts';
import type { ServedVersion } from '../registry/resource-type.ts';
import type { Alias } from './definitions.ts';
import { deploymentFromOld } from './deployment.ts';
import { eventFromNew, eventToNew } from './event.ts';
import {
  autoscalerFromV1,
  autoscalerFromV2beta1,
  autoscalerToV1,
  autoscalerToV2beta1,
} from './autoscaler.ts';
import { webhooksFromBeta } from './webhook-configuration.ts';

type Conversion = Pick<ServedVersion, 'toStored' | 'fromStored'>;

const conversions: Readonly<Record<string, Conversion>> = {
  'Deployment apps/v1beta1': { toStored: deploymentFromOld },
  'Deployment apps/v1beta2': { toStored: deploymentFromOld },
  'Deployment extensions/v1beta1': { toStored: deploymentFromOld },
  'Event events.k8s.io/v1': { toStored: eventFromNew, fromStored: eventToNew },
  'HorizontalPodAutoscaler autoscaling/v1': { toStored: autoscalerFromV1, fromStored: autoscalerToV1 },
  'HorizontalPodAutoscaler autoscaling/v2beta1': {
    toStored: autoscalerFromV2beta1,
    fromStored: autoscalerToV2beta1,
  },
  'CustomResourceDefinition apiextensions.k8s.io/v1beta1': { toStored: crdFromBeta, fromStored: crdToBeta },
  'MutatingWebhookConfiguration admissionregistration.k8s.io/v1beta1': { toStored: webhooksFromBeta },
  'ValidatingWebhookConfiguration admissionregistration.k8s.io/v1beta1': { toStored: webhooksFromBeta },
};

/** How objects of an older version become objects of the stored one, and back; nothing where the shapes are the same. */
export function conversionOf(kind: string, alias: Alias): Conversion {
  return conversions[`${kind} ${alias.group}/${alias.version}`] ?? {};
}
