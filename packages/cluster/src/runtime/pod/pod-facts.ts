import { LateenError } from '@lateen/core';
import type { Container, IntOrString, Pod } from '@lateen/kube';
import { quantityValue } from './quantity.ts';

/** What containers may be told about the pod they are in. */
export interface PodFacts {
  readonly pod: Pod;
  readonly podIP: string;
  readonly hostIP: string;
  readonly nodeName: string;
  /** What the node has: the limit of a container that sets none. */
  readonly capacity: { readonly cpu: number; readonly memoryBytes: number };
}

/** `key="value"` lines, sorted, as the downward API writes labels and annotations. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/** The value of a `fieldRef`; throws a LateenError for a path that the downward API does not have. */
export function fieldValue(facts: PodFacts, path: string): string {
  const { metadata, spec } = facts.pod;
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed !== null) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'spec.nodeName':
      return facts.nodeName;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'status.hostIP':
    case 'status.hostIPs':
      return facts.hostIP;
    case 'status.podIP':
    case 'status.podIPs':
      return facts.podIP;
    default:
      throw new LateenError('CreateContainerConfigError', `unsupported fieldPath: ${path}`);
  }
}

/** The value of a `resourceFieldRef`: whole units of the divisor, rounded up. */
export function resourceValue(
  facts: PodFacts,
  ownContainer: Container | undefined,
  ref: { readonly resource: string; readonly containerName?: string; readonly divisor?: IntOrString },
): string {
  const all = [...(facts.pod.spec.initContainers ?? []), ...facts.pod.spec.containers];
  const container =
    ref.containerName === undefined ? ownContainer : all.find((c) => c.name === ref.containerName);
  const [kind = '', name = ''] = ref.resource.split('.');
  const { limits = {}, requests = {} } = container?.resources ?? {};
  const capacity: Readonly<Record<string, number>> = {
    cpu: facts.capacity.cpu,
    memory: facts.capacity.memoryBytes,
  };
  const set = kind === 'requests' ? (requests[name] ?? limits[name]) : limits[name];
  const value = set === undefined ? (kind === 'requests' ? 0 : (capacity[name] ?? 0)) : quantityValue(set);
  const divisor = quantityValue(ref.divisor ?? 1) || 1;
  return String(Math.ceil(value / divisor - 1e-9));
}
