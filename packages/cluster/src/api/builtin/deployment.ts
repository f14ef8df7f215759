import type { KubeObject, LabelSelector } from '@lateen/kube';

export interface DeploymentObject extends KubeObject {
  spec?: {
    replicas?: number;
    selector?: LabelSelector;
    template?: { metadata?: { labels?: Record<string, string> }; spec?: Record<string, unknown> };
    [field: string]: unknown;
  };
}

/** Deployments before apps/v1 could leave the selector out: it is the labels of the template. */
export function deploymentFromOld(object: KubeObject): KubeObject {
  const { spec } = object as DeploymentObject;
  if (spec === undefined) return object;
  const labels = spec.template?.metadata?.labels;
  if (spec.selector === undefined && labels !== undefined) spec.selector = { matchLabels: { ...labels } };
  delete spec['rollbackTo'];
  return object;
}
