import type { JsonObject } from '@lateen/kube';
import { fill, fillNumber, filledObject, objectIn, objectsIn, textIn } from './default-fields.ts';

const fileMode = 0o644;
const tokenLifeSeconds = 3600;

/** Fills in what a pod's spec leaves out, in a pod or in a template of one. */
export function setPodSpecDefaults(spec: JsonObject): void {
  fill(spec, 'restartPolicy', 'Always');
  fill(spec, 'terminationGracePeriodSeconds', 30);
  fill(spec, 'dnsPolicy', 'ClusterFirst');
  fill(spec, 'schedulerName', 'default-scheduler');
  fill(spec, 'securityContext', {});
  const account = textIn(spec, 'serviceAccountName') || textIn(spec, 'serviceAccount');
  if (account !== '') {
    spec['serviceAccountName'] = account;
    spec['serviceAccount'] = account;
  }
  for (const container of allContainers(spec)) setContainerDefaults(container);
  for (const volume of objectsIn(spec, 'volumes')) setVolumeDefaults(volume);
}

/** Init containers and containers. */
export function allContainers(spec: JsonObject | undefined): JsonObject[] {
  return [...objectsIn(spec, 'initContainers'), ...objectsIn(spec, 'containers')];
}

function setContainerDefaults(container: JsonObject): void {
  fill(container, 'imagePullPolicy', pullPolicyOf(textIn(container, 'image')));
  fill(container, 'terminationMessagePath', '/dev/termination-log');
  fill(container, 'terminationMessagePolicy', 'File');
  fill(container, 'resources', {});
  for (const port of objectsIn(container, 'ports')) fill(port, 'protocol', 'TCP');
  for (const env of objectsIn(container, 'env')) setFieldRefDefaults(objectIn(env, 'valueFrom'));
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = objectIn(container, name);
    if (probe !== undefined) setProbeDefaults(probe);
  }
  const lifecycle = objectIn(container, 'lifecycle');
  for (const name of ['postStart', 'preStop']) setHttpGetDefaults(objectIn(lifecycle, name));
}

/** `Always` for the tag `latest`, said or meant. */
function pullPolicyOf(image: string): string {
  if (image.includes('@')) return 'IfNotPresent';
  const last = image.slice(image.lastIndexOf('/') + 1);
  const colon = last.indexOf(':');
  const tag = colon < 0 ? 'latest' : last.slice(colon + 1);
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function setProbeDefaults(probe: JsonObject): void {
  fillNumber(probe, 'timeoutSeconds', 1);
  fillNumber(probe, 'periodSeconds', 10);
  fillNumber(probe, 'successThreshold', 1);
  fillNumber(probe, 'failureThreshold', 3);
  setHttpGetDefaults(probe);
  const grpc = objectIn(probe, 'grpc');
  if (grpc !== undefined) fill(grpc, 'service', '');
}

function setHttpGetDefaults(handler: JsonObject | undefined): void {
  const get = objectIn(handler, 'httpGet');
  if (get === undefined) return;
  fill(get, 'path', '/');
  fill(get, 'scheme', 'HTTP');
}

function setFieldRefDefaults(source: JsonObject | undefined): void {
  const reference = objectIn(source, 'fieldRef');
  if (reference !== undefined) fill(reference, 'apiVersion', 'v1');
  const resource = objectIn(source, 'resourceFieldRef');
  if (resource !== undefined) fill(resource, 'divisor', '0');
}

function setVolumeDefaults(volume: JsonObject): void {
  if (Object.keys(volume).every((name) => name === 'name')) volume['emptyDir'] = {};
  for (const name of ['configMap', 'secret', 'downwardAPI', 'projected']) {
    const source = objectIn(volume, name);
    if (source !== undefined) fill(source, 'defaultMode', fileMode);
  }
  for (const item of objectsIn(objectIn(volume, 'downwardAPI'), 'items')) setFieldRefDefaults(item);
  for (const source of objectsIn(objectIn(volume, 'projected'), 'sources')) {
    const token = objectIn(source, 'serviceAccountToken');
    if (token !== undefined) fill(token, 'expirationSeconds', tokenLifeSeconds);
    for (const item of objectsIn(objectIn(source, 'downwardAPI'), 'items')) setFieldRefDefaults(item);
  }
  const hostPath = objectIn(volume, 'hostPath');
  if (hostPath !== undefined) fill(hostPath, 'type', '');
}

/** What only holds for pods themselves: what a container may use is also what it asks for. */
export function setPodDefaults(pod: JsonObject): void {
  const spec = filledObject(pod, 'spec');
  setPodSpecDefaults(spec);
  fill(spec, 'enableServiceLinks', true);
  for (const container of allContainers(spec)) {
    const resources = objectIn(container, 'resources');
    const limits = objectIn(resources, 'limits');
    if (resources === undefined || limits === undefined) continue;
    resources['requests'] = { ...limits, ...objectIn(resources, 'requests') };
  }
}

/** Fills in the template of a workload. */
export function setTemplateDefaults(spec: JsonObject): void {
  const template = objectIn(spec, 'template');
  const podSpec = objectIn(template, 'spec');
  if (podSpec !== undefined) setPodSpecDefaults(podSpec);
}
