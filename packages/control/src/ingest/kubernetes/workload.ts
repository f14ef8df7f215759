import type { KubeObject } from '@lateen/kube';
import type { EndpointSlice, MeshNode, SliceEndpoint, Workload } from '../../model/workload.ts';
import type { KubeEndpointSlice, KubePod } from './core-objects.ts';

/** A pod as a workload; undefined once it has ended, since its address may belong to another by then. */
export function decodePod(pod: KubePod): Workload | undefined {
  const { metadata, spec = {}, status = {} } = pod;
  if (status.phase === 'Succeeded' || status.phase === 'Failed') return undefined;
  const labels = metadata.labels ?? {};
  const addresses = (status.podIPs ?? []).map((entry) => entry.ip);
  const namedPorts: Record<string, number> = {};
  for (const container of spec.containers ?? []) {
    for (const port of container.ports ?? []) {
      if (port.name !== undefined) namedPorts[port.name] = port.containerPort;
    }
  }
  return {
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    addresses: addresses.length === 0 && status.podIP !== undefined ? [status.podIP] : addresses,
    labels,
    serviceAccount: spec.serviceAccountName ?? 'default',
    node: spec.nodeName ?? '',
    owner: ownerOf(pod),
    namedPorts,
    mutualTls: labels['security.istio.io/tlsMode'] === 'istio',
    network: labels['topology.istio.io/network'] ?? '',
  };
}

/** The Deployment where there is one, else the direct owner, else the pod. */
function ownerOf(pod: KubePod): string {
  const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner === undefined) return pod.metadata.name;
  const hash = pod.metadata.labels?.['pod-template-hash'];
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    return owner.name.slice(0, -hash.length - 1);
  }
  return owner.name;
}

/** Undefined where the slice is of no service, or of names instead of addresses. */
export function decodeEndpointSlice(slice: KubeEndpointSlice): EndpointSlice | undefined {
  const service = slice.metadata.labels?.['kubernetes.io/service-name'];
  if (service === undefined || slice.addressType === 'FQDN') return undefined;
  const namespace = slice.metadata.namespace ?? 'default';
  return {
    namespace,
    service,
    endpoints: (slice.endpoints ?? []).flatMap((endpoint) => decodeEndpoint(endpoint, namespace)),
    ports: (slice.ports ?? []).flatMap(({ name, port }) =>
      typeof port === 'number' ? [{ name: name ?? '', port }] : [],
    ),
  };
}

function decodeEndpoint(
  endpoint: NonNullable<KubeEndpointSlice['endpoints']>[number],
  namespace: string,
): SliceEndpoint[] {
  // The first address is the endpoint; the others are for consumers that understand several.
  const [address] = endpoint.addresses;
  if (address === undefined) return [];
  const target = endpoint.targetRef;
  return [
    {
      address,
      readiness: readinessOf(endpoint.conditions ?? {}),
      workload:
        target?.kind === 'Pod' && target.name !== undefined
          ? `${target.namespace ?? namespace}/${target.name}`
          : undefined,
      hostname: endpoint.hostname ?? undefined,
      node: endpoint.nodeName ?? undefined,
      zone: endpoint.zone ?? undefined,
    },
  ];
}

function readinessOf(conditions: {
  ready?: boolean | null;
  serving?: boolean | null;
  terminating?: boolean | null;
}): SliceEndpoint['readiness'] {
  // Unknown readiness counts as ready (EndpointConditions in Kubernetes' API).
  if (conditions.ready ?? true) return 'ready';
  return conditions.terminating === true && conditions.serving === true ? 'draining' : 'unready';
}

/** A node with its place. */
export function decodeNode(node: KubeObject): MeshNode {
  const labels = node.metadata.labels ?? {};
  const region = labels['topology.kubernetes.io/region'] ?? '';
  const zone = labels['topology.kubernetes.io/zone'] ?? '';
  const subzone = labels['topology.istio.io/subzone'] ?? '';
  const locality = [region, zone, subzone].join('/').replace(/\/+$/, '');
  return { name: node.metadata.name, locality };
}
