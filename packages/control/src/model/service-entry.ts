import { parseProtocol } from '@lateen/config';
import type { ServiceEntry } from './config-object.ts';
import type { Resolution, Service, ServicePort } from './service.ts';

function resolutionOf(entry: ServiceEntry, hostname: string): Resolution {
  switch (entry.spec.resolution) {
    case 'STATIC':
      return 'known';
    case 'DNS':
      return hostname.startsWith('*') ? 'passthrough' : 'dns';
    case 'DNS_ROUND_ROBIN':
      return hostname.startsWith('*') ? 'passthrough' : 'logicalDns';
    default:
      return 'passthrough';
  }
}

/** The service that a ServiceEntry defines for one of its hosts. */
export function serviceOfEntry(
  entry: ServiceEntry,
  hostname: string,
  defaultExportTo: readonly string[],
): Service {
  const { spec } = entry;
  const resolution = resolutionOf(entry, hostname);
  const ports: ServicePort[] = (spec.ports ?? []).map((port) => ({
    name: port.name,
    port: port.number,
    protocol: parseProtocol(port.protocol ?? '') ?? 'auto',
    targetPort: port.targetPort ?? port.number,
  }));
  const given = (spec.endpoints ?? []).map((endpoint) => ({
    address: endpoint.address ?? '',
    ports: endpoint.ports ?? {},
    labels: endpoint.labels ?? {},
    locality: endpoint.locality ?? '',
    weight: endpoint.weight ?? 1,
    serviceAccount: endpoint.serviceAccount,
  }));
  const named = {
    address: hostname,
    ports: {},
    labels: {},
    locality: '',
    weight: 1,
    serviceAccount: undefined,
  };
  const usesDns = resolution === 'dns' || resolution === 'logicalDns';
  return {
    hostname,
    namespace: entry.namespace,
    name: hostname,
    origin: 'serviceEntry',
    addresses: spec.addresses ?? [],
    ports,
    resolution,
    meshExternal: spec.location !== 'MESH_INTERNAL',
    selector: spec.workloadSelector?.labels,
    labels: entry.labels,
    exportTo: spec.exportTo ?? defaultExportTo,
    createdMs: entry.createdMs,
    subjectAltNames: spec.subjectAltNames ?? [],
    inlineEndpoints: given.length === 0 && usesDns ? [named] : given,
  };
}
