import { isJsonObject, type JsonObject, type KubeObject } from '@lateen/kube';

function specOf(object: KubeObject): JsonObject {
  const { spec } = object;
  return isJsonObject(spec) ? spec : {};
}

/** autoscaling/v1 knows only one metric: the average use of the CPU. */
export function autoscalerFromV1(object: KubeObject): KubeObject {
  const { targetCPUUtilizationPercentage: percent, ...spec } = specOf(object);
  const target = { type: 'Utilization', averageUtilization: percent };
  const metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  const { currentCPUUtilizationPercentage: _, ...status } = isJsonObject(object['status'])
    ? object['status']
    : {};
  return { ...object, spec: percent === undefined ? spec : { ...spec, metrics }, status };
}

export function autoscalerToV1(object: KubeObject): KubeObject {
  const { metrics, behavior: _, ...spec } = specOf(object);
  const percent = cpuTarget(metrics);
  const {
    currentReplicas = 0,
    desiredReplicas = 0,
    lastScaleTime,
    observedGeneration,
  } = (object['status'] ?? {}) as JsonObject;
  return {
    ...object,
    spec: percent === undefined ? spec : { ...spec, targetCPUUtilizationPercentage: percent },
    status: {
      currentReplicas,
      desiredReplicas,
      ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
    },
  };
}

function cpuTarget(metrics: unknown): unknown {
  for (const metric of asList(metrics)) {
    const resource = metric['resource'];
    if (!isJsonObject(resource) || resource['name'] !== 'cpu') continue;
    const target = resource['target'];
    if (isJsonObject(target)) return target['averageUtilization'];
  }
  return undefined;
}

function asList(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** autoscaling/v2beta1 wrote the target flat: `targetAverageUtilization: 80`. Only metrics of resources existed in practice. */
export function autoscalerFromV2beta1(object: KubeObject): KubeObject {
  const spec = specOf(object);
  const metrics = asList(spec['metrics']).map((metric) => {
    const resource = metric['resource'];
    if (!isJsonObject(resource)) return metric;
    const { targetAverageUtilization: percent, targetAverageValue: value, ...rest } = resource;
    const target =
      percent !== undefined
        ? { type: 'Utilization', averageUtilization: percent }
        : { type: 'AverageValue', averageValue: String(value) };
    return { ...metric, resource: { ...rest, target } };
  });
  return { ...object, spec: metrics.length > 0 ? { ...spec, metrics } : spec };
}

export function autoscalerToV2beta1(object: KubeObject): KubeObject {
  const { behavior: _, ...spec } = specOf(object);
  const metrics = asList(spec['metrics']).map((metric) => {
    const resource = metric['resource'];
    const target = isJsonObject(resource) ? resource['target'] : undefined;
    if (!isJsonObject(resource) || !isJsonObject(target)) return metric;
    const flat =
      target['averageUtilization'] === undefined
        ? { targetAverageValue: target['averageValue'] }
        : { targetAverageUtilization: target['averageUtilization'] };
    return { ...metric, resource: { name: resource['name'], ...flat } };
  });
  return { ...object, spec: metrics.length > 0 ? { ...spec, metrics } : spec };
}
