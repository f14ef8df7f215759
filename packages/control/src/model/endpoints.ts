import { query, type View } from '../engine/query.ts';
import type { Labels } from './labels.ts';
import { selects } from './labels.ts';
import { nodeLocality, workloadLocality } from './locality.ts';
import { service } from './registry.ts';
import type { Service } from './service.ts';
import {
  slices,
  slicesByService,
  workloadEntries,
  workloadEntriesByNamespace,
  workloads,
  workloadsByNamespace,
} from './tables.ts';
import type { EndpointSlice, SliceEndpoint, Workload } from './workload.ts';

/** One address that answers for a service. */
export interface Endpoint {
  readonly address: string;
  /** Port of each of the service's ports, by name; a name that is missing means that the port is not served. */
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly namespace: string;
  /** Name of what owns the workload: `reviews-v1`; empty where nothing is known. */
  readonly workload: string;
  readonly readiness: 'ready' | 'unready' | 'draining';
  /** `region/zone/subzone`. */
  readonly locality: string;
  readonly network: string;
  readonly weight: number;
  readonly mutualTls: boolean;
  /** DNS name of its own, in a headless service. */
  readonly hostname: string | undefined;
}

/** All endpoints of a service, ready or not, in the order of their addresses. */
export const endpointsOf = query('endpoints', (view, id: string): readonly Endpoint[] => {
  const found = view.get(service, id);
  if (found === undefined) return [];
  const all =
    found.origin === 'kubernetes'
      ? [...sliceEndpoints(view, found), ...inlineEndpoints(found)]
      : [...inlineEndpoints(found), ...selectedEndpoints(view, found)];
  return all.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
});

function sliceEndpoints(view: View, of: Service): Endpoint[] {
  const byAddress = new Map<string, Endpoint>();
  for (const key of view.keysBy(slicesByService, `${of.namespace}/${of.name}`)) {
    const slice = view.row(slices, key);
    for (const endpoint of slice?.endpoints ?? []) {
      const made = sliceEndpoint(view, slice as EndpointSlice, endpoint);
      const twin = byAddress.get(made.address);
      byAddress.set(
        made.address,
        twin === undefined ? made : { ...made, ports: { ...twin.ports, ...made.ports } },
      );
    }
  }
  return [...byAddress.values()];
}

function sliceEndpoint(view: View, slice: EndpointSlice, endpoint: SliceEndpoint): Endpoint {
  const workload = endpoint.workload === undefined ? undefined : view.row(workloads, endpoint.workload);
  return {
    address: endpoint.address,
    ports: Object.fromEntries(slice.ports.map((port) => [port.name, port.port])),
    labels: workload?.labels ?? {},
    serviceAccount: workload?.serviceAccount ?? '',
    namespace: slice.namespace,
    workload: workload?.owner ?? '',
    readiness: endpoint.readiness,
    locality: workload === undefined ? nodeLocality(view, endpoint.node) : workloadLocality(view, workload),
    network: workload?.network ?? '',
    weight: 1,
    mutualTls: workload?.mutualTls ?? false,
    hostname: endpoint.hostname,
  };
}

function inlineEndpoints(of: Service): Endpoint[] {
  return of.inlineEndpoints.map((endpoint) => ({
    address: endpoint.address,
    ports: Object.fromEntries(
      of.ports.map((port) => [
        port.name,
        endpoint.ports[port.name] ?? numericTarget(port.targetPort, port.port),
      ]),
    ),
    labels: endpoint.labels,
    serviceAccount: endpoint.serviceAccount ?? '',
    namespace: of.namespace,
    workload: '',
    readiness: 'ready',
    locality: endpoint.locality,
    network: '',
    weight: endpoint.weight,
    mutualTls: endpoint.labels['security.istio.io/tlsMode'] === 'istio',
    hostname: undefined,
  }));
}

function numericTarget(target: number | string, otherwise: number): number {
  return typeof target === 'number' ? target : otherwise;
}

/** Pods and WorkloadEntries that a ServiceEntry selects. */
function selectedEndpoints(view: View, of: Service): Endpoint[] {
  if (of.selector === undefined) return [];
  const found: Endpoint[] = [];
  for (const key of view.keysBy(workloadsByNamespace, of.namespace)) {
    const workload = view.row(workloads, key);
    if (workload === undefined || !selects(of.selector, workload.labels)) continue;
    const address = workload.addresses[0];
    if (address !== undefined) found.push(podEndpoint(view, of, workload, address));
  }
  for (const key of view.keysBy(workloadEntriesByNamespace, of.namespace)) {
    const entry = view.row(workloadEntries, key);
    const labels = { ...entry?.labels, ...entry?.spec.labels };
    if (entry?.spec.address === undefined || !selects(of.selector, labels)) continue;
    found.push(
      ...inlineEndpoints({
        ...of,
        inlineEndpoints: [
          {
            address: entry.spec.address,
            ports: entry.spec.ports ?? {},
            labels,
            locality: entry.spec.locality ?? '',
            weight: entry.spec.weight ?? 1,
            serviceAccount: entry.spec.serviceAccount,
          },
        ],
      }),
    );
  }
  return found;
}

function podEndpoint(view: View, of: Service, workload: Workload, address: string): Endpoint {
  return {
    address,
    ports: Object.fromEntries(of.ports.map((port) => [port.name, numericTarget(port.targetPort, port.port)])),
    labels: workload.labels,
    serviceAccount: workload.serviceAccount,
    namespace: workload.namespace,
    workload: workload.owner,
    readiness: 'ready',
    locality: workloadLocality(view, workload),
    network: workload.network,
    weight: 1,
    mutualTls: workload.mutualTls,
    hostname: undefined,
  };
}
