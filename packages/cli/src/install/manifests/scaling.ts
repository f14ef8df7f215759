import type { KubeObject } from '@lateen/kube';

interface Target {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Record<string, string>;
  readonly selector: Record<string, string>;
}

interface Limits {
  readonly autoscaleEnabled?: boolean;
  readonly autoscaleMin?: number;
  readonly autoscaleMax?: number;
}

/** The HorizontalPodAutoscaler of a Deployment; undefined where it does not scale by load. */
export function podAutoscaler(
  target: Target,
  limits: Limits,
  overrides: { readonly minReplicas?: number; readonly maxReplicas?: number } = {},
): KubeObject | undefined {
  if (limits.autoscaleEnabled !== true) return undefined;
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: target.name, namespace: target.namespace, labels: target.labels },
    spec: {
      maxReplicas: overrides.maxReplicas ?? limits.autoscaleMax ?? 5,
      minReplicas: overrides.minReplicas ?? limits.autoscaleMin ?? 1,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target.name },
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
        },
      ],
    },
  };
}

/** The PodDisruptionBudget of a Deployment. */
export function disruptionBudget(target: Target): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: target.name, namespace: target.namespace, labels: target.labels },
    spec: { minAvailable: 1, selector: { matchLabels: target.selector } },
  };
}
