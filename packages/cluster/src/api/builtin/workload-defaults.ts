import type { JsonObject } from '@lateen/kube';
import { fill, filledObject, objectIn, objectsIn } from './default-fields.ts';
import { setTemplateDefaults } from './pod-defaults.ts';

export function setDeploymentDefaults(deployment: JsonObject): void {
  const spec = filledObject(deployment, 'spec');
  fill(spec, 'replicas', 1);
  fill(spec, 'revisionHistoryLimit', 10);
  fill(spec, 'progressDeadlineSeconds', 600);
  const strategy = filledObject(spec, 'strategy');
  fill(strategy, 'type', 'RollingUpdate');
  if (strategy['type'] === 'RollingUpdate') {
    const rolling = filledObject(strategy, 'rollingUpdate');
    fill(rolling, 'maxSurge', '25%');
    fill(rolling, 'maxUnavailable', '25%');
  }
  setTemplateDefaults(spec);
}

export function setReplicaSetDefaults(replicaSet: JsonObject): void {
  const spec = filledObject(replicaSet, 'spec');
  fill(spec, 'replicas', 1);
  setTemplateDefaults(spec);
}

export function setAutoscalerDefaults(autoscaler: JsonObject): void {
  const spec = filledObject(autoscaler, 'spec');
  fill(spec, 'minReplicas', 1);
  if (objectsIn(spec, 'metrics').length === 0) {
    const target = { type: 'Utilization', averageUtilization: 80 };
    spec['metrics'] = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  }
}

export function setSecretDefaults(secret: JsonObject): void {
  fill(secret, 'type', 'Opaque');
  const plain = objectIn(secret, 'stringData');
  if (plain === undefined) return;
  const data = filledObject(secret, 'data');
  for (const [name, value] of Object.entries(plain)) {
    data[name] = Buffer.from(typeof value === 'string' ? value : '').toString('base64');
  }
  delete secret['stringData'];
}

export function setEndpointsDefaults(endpoints: JsonObject): void {
  for (const subset of objectsIn(endpoints, 'subsets')) {
    for (const port of objectsIn(subset, 'ports')) fill(port, 'protocol', 'TCP');
  }
}

export function setEndpointSliceDefaults(slice: JsonObject): void {
  for (const port of objectsIn(slice, 'ports')) {
    fill(port, 'protocol', 'TCP');
    fill(port, 'name', '');
  }
}

const rbacGroup = 'rbac.authorization.k8s.io';

export function setBindingDefaults(binding: JsonObject): void {
  const role = objectIn(binding, 'roleRef');
  if (role !== undefined && (role['apiGroup'] ?? '') === '') role['apiGroup'] = rbacGroup;
  for (const subject of objectsIn(binding, 'subjects')) {
    if (subject['kind'] === 'User' || subject['kind'] === 'Group') fill(subject, 'apiGroup', rbacGroup);
  }
}
