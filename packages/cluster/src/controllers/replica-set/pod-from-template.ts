import {
  controllerReference,
  type KubeObject,
  type Pod,
  type PodTemplate,
  type Resource,
} from '@lateen/kube';
import { randomSuffix } from '../random-suffix.ts';

/** The longest prefix of a generated pod name, so that name and suffix stay a DNS label. */
const maxPrefixLength = 58;

/** A new pod of a workload. The name is chosen here, so that its arrival can be expected before it is sent. */
export function podFromTemplate(resource: Resource, owner: KubeObject, template: PodTemplate): Pod {
  const prefix = `${owner.metadata.name}-`.slice(0, maxPrefixLength);
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: prefix + randomSuffix(),
      generateName: prefix,
      ...(owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(resource, owner)],
    },
    spec: template.spec ?? { containers: [] },
  };
}
