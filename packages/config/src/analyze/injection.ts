import type { MeshView } from './mesh-view.ts';
import { message, type Message } from './message.ts';

const platformNamespaces = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
  'istio-system',
]);

/** Namespaces that nobody decided about, and pods without a sidecar where there should be one. */
export function injectionStates(view: MeshView): Message[] {
  const found: Message[] = [];
  for (const { name, labels } of view.namespaces) {
    if (platformNamespaces.has(name)) continue;
    const decided = labels['istio-injection'] ?? labels['istio.io/rev'] ?? labels['istio.io/dataplane-mode'];
    const used = view.pods.some((pod) => pod.name.namespace === name);
    if (decided === undefined && used) {
      found.push(
        message(
          'IST0102',
          { kind: 'Namespace', namespace: '', name },
          '',
          `the namespace is not enabled for injection: kubectl label namespace ${name} istio-injection=enabled enables it, istio-injection=disabled says that this is meant`,
        ),
      );
    }
    if (labels['istio-injection'] !== 'enabled' && labels['istio.io/rev'] === undefined) continue;
    for (const pod of view.pods) {
      if (pod.name.namespace !== name || pod.containers.includes('istio-proxy') || pod.hostNetwork) continue;
      const key = 'sidecar.istio.io/inject';
      if ((pod.labels[key] ?? pod.annotations[key]) === 'false') continue;
      found.push(
        message(
          'IST0103',
          pod.name,
          '',
          'the pod has no sidecar though its namespace is injected: kubectl rollout restart of its workload gives it one',
        ),
      );
    }
  }
  return found;
}
