import type { KubeObject } from '@lateen/kube';
import type { InstallValues } from './install-values.ts';

/** `hub/name:tag`. */
export function imageOf(values: Pick<InstallValues, 'hub' | 'tag'>, name: string): string {
  return `${values.hub}/${name}:${values.tag}`;
}

/** One to five replicas by CPU use. */
export function autoscaler(name: string, values: InstallValues, labels: Record<string, string>): KubeObject {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name, namespace: values.namespace, labels },
    spec: {
      minReplicas: 1,
      maxReplicas: 5,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
        },
      ],
    },
  };
}

/** At least one pod stays when nodes are drained. */
export function disruptionBudget(
  name: string,
  values: InstallValues,
  labels: Record<string, string>,
  matchLabels: Record<string, string>,
): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: values.namespace, labels },
    spec: { minAvailable: 1, selector: { matchLabels } },
  };
}
