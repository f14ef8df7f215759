import { isObject } from '@lateen/config';
import type { PodRow } from '../documents.ts';
import type { SourceObject } from '../mesh-source.ts';

type Labels = Readonly<Record<string, string>>;

/** The pods of one version of an application. */
export interface AppVersion {
  readonly name: string;
  readonly workloads: readonly string[];
  readonly pods: readonly SourceObject[];
}

/** What the graph shows as one card: a service with its versions, a gateway, or a workload without a service. */
export interface App {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly kind: 'service' | 'workload' | 'gateway';
  readonly services: readonly SourceObject[];
  readonly versions: readonly AppVersion[];
}

const sidecarName = 'istio-proxy';

/** Groups pods into applications: by the broadest Service that selects them, else by workload. */
export function groupApps(pods: readonly SourceObject[], services: readonly SourceObject[]): App[] {
  const groups = new Map<string, { name: string; namespace: string; pods: SourceObject[] }>();
  for (const pod of pods) {
    if (!isShown(pod)) continue;
    const namespace = pod.metadata.namespace ?? '';
    const name = broadestService(pod, services)?.metadata.name ?? workloadOf(pod);
    const id = `${namespace}/${name}`;
    const group = groups.get(id) ?? { name, namespace, pods: [] };
    group.pods.push(pod);
    groups.set(id, group);
  }
  return [...groups]
    .map(([id, group]): App => {
      const own = services.filter((service) => group.pods.some((pod) => selects(service, pod)));
      const isGateway = group.pods.every(isGatewayPod);
      const kind = isGateway ? 'gateway' : own.length > 0 ? 'service' : 'workload';
      const { name, namespace } = group;
      return { id, name, namespace, kind, services: own, versions: versionsOf(group.pods) };
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** The control plane and what keeps the cluster itself running are no part of the mesh's traffic. */
function isShown(pod: SourceObject): boolean {
  const { namespace = '', labels = {} } = pod.metadata;
  const phase = statusOf(pod)['phase'];
  if (phase === 'Succeeded' || phase === 'Failed') return false;
  return !namespace.startsWith('kube-') && labels['app'] !== 'istiod';
}

/** Of the services that select a pod the one with the fewest labels: that of all versions. */
function broadestService(pod: SourceObject, services: readonly SourceObject[]): SourceObject | undefined {
  let best: SourceObject | undefined;
  for (const service of services) {
    if (!selects(service, pod)) continue;
    const size = Object.keys(selectorOf(service)).length;
    const bestSize = best === undefined ? Infinity : Object.keys(selectorOf(best)).length;
    if (size < bestSize || (size === bestSize && service.metadata.name < (best?.metadata.name ?? ''))) {
      best = service;
    }
  }
  return best;
}

export function selects(service: SourceObject, pod: SourceObject): boolean {
  const selector = selectorOf(service);
  return (
    service.metadata.namespace === pod.metadata.namespace &&
    Object.keys(selector).length > 0 &&
    hasLabels(pod, selector)
  );
}

export function hasLabels(pod: SourceObject, labels: Labels): boolean {
  return Object.entries(labels).every(([name, value]) => pod.metadata.labels?.[name] === value);
}

function selectorOf(service: SourceObject): Labels {
  const selector = isObject(service['spec']) ? service['spec']['selector'] : undefined;
  return isObject(selector) ? (selector as Labels) : {};
}

function versionsOf(pods: readonly SourceObject[]): AppVersion[] {
  const byName = new Map<string, SourceObject[]>();
  for (const pod of pods) {
    const name = pod.metadata.labels?.['version'] ?? workloadOf(pod);
    byName.set(name, [...(byName.get(name) ?? []), pod]);
  }
  return [...byName]
    .map(([name, own]) => ({ name, workloads: [...new Set(own.map(workloadOf))].sort(), pods: own }))
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** The name of the Deployment, or of whatever else owns the pod. */
export function workloadOf(pod: SourceObject): string {
  const owner = pod.metadata.ownerReferences?.[0];
  if (owner === undefined) return pod.metadata.name;
  const hash = pod.metadata.labels?.['pod-template-hash'];
  const suffix = `-${hash}`;
  return owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(suffix)
    ? owner.name.slice(0, -suffix.length)
    : owner.name;
}

function isGatewayPod(pod: SourceObject): boolean {
  const [proxy, ...others] = containersOf(pod, 'containers');
  const args = proxy?.['args'];
  return (
    others.length === 0 && proxy?.['name'] === sidecarName && Array.isArray(args) && args.includes('router')
  );
}

/** True for sidecars, native ones too, and for gateways. */
export function hasProxy(pod: SourceObject): boolean {
  return [...containersOf(pod, 'containers'), ...containersOf(pod, 'initContainers')].some(
    (container) => container['name'] === sidecarName,
  );
}

function containersOf(pod: SourceObject, field: string): Record<string, unknown>[] {
  const list = isObject(pod['spec']) ? pod['spec'][field] : undefined;
  return Array.isArray(list) ? list.filter(isObject) : [];
}

function statusOf(pod: SourceObject): Record<string, unknown> {
  return isObject(pod['status']) ? pod['status'] : {};
}

export function isRunning(pod: SourceObject): boolean {
  return statusOf(pod)['phase'] === 'Running' && pod.metadata.deletionTimestamp === undefined;
}

const patientReasons: ReadonlySet<string> = new Set(['PodInitializing', 'ContainerCreating']);

function waitingReason({ state }: Record<string, unknown>): string | undefined {
  const waiting = isObject(state) ? state['waiting'] : undefined;
  const reason = isObject(waiting) ? waiting['reason'] : undefined;
  return typeof reason === 'string' && reason !== '' ? reason : undefined;
}

/** A pod as lists show it. */
export function podRow(pod: SourceObject): PodRow {
  const status = statusOf(pod);
  const states = Array.isArray(status['containerStatuses'])
    ? status['containerStatuses'].filter(isObject)
    : [];
  const ready = states.filter((state) => state['ready'] === true).length;
  const total = Math.max(states.length, containersOf(pod, 'containers').length);
  const initStates = Array.isArray(status['initContainerStatuses'])
    ? status['initContainerStatuses'].filter(isObject)
    : [];
  const reasons = [...initStates, ...states].map(waitingReason);
  // Others only wait for the one that fails.
  const reason =
    reasons.find((one) => one !== undefined && !patientReasons.has(one)) ?? reasons.find(Boolean);
  return {
    name: pod.metadata.name,
    namespace: pod.metadata.namespace ?? '',
    isReady: total > 0 && ready === total,
    ready: `${ready}/${total}`,
    status:
      pod.metadata.deletionTimestamp !== undefined
        ? 'Terminating'
        : reason !== undefined
          ? reason
          : typeof status['phase'] === 'string'
            ? status['phase']
            : 'Unknown',
    restarts: states.reduce((sum, state) => sum + Number(state['restartCount'] ?? 0), 0),
    hasSidecar: hasProxy(pod),
  };
}
